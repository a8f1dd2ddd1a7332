"""What an operator can set: one frozen model, checked as a whole before anything starts.

    load(env=…, file=…, secrets_dir=…) -> Settings    every problem at once, as a SettingsError
    describe()                         -> the list of settings, for documentation and charts
    render(settings)                   -> what is in force and where it comes from, secrets masked

The only package that knows pydantic.
"""

from consumer.settings.delivery import DeliverySettings
from consumer.settings.describe import SettingDoc, describe
from consumer.settings.kafka import KafkaSettings
from consumer.settings.kinds import PREFIX
from consumer.settings.load import load
from consumer.settings.model import (
    DeadLetterSettings,
    HttpSettings,
    LogSettings,
    OrderingSettings,
    SchemaRegistrySettings,
    SchemasSettings,
    Settings,
    TranslationSettings,
)
from consumer.settings.render import render

__all__ = [
    "PREFIX",
    "DeadLetterSettings",
    "DeliverySettings",
    "HttpSettings",
    "KafkaSettings",
    "LogSettings",
    "OrderingSettings",
    "SchemaRegistrySettings",
    "SchemasSettings",
    "SettingDoc",
    "Settings",
    "TranslationSettings",
    "describe",
    "load",
    "render",
]
