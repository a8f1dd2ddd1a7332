"""All settings; each section's classes say what is in it, and this is the sum.

A name is spelt `SEG_<SECTION>__<SETTING>` in the environment and `<section>: {<setting>: …}` in a
file. The values are frozen: what was checked at the start is what is in force.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, PrivateAttr, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from consumer.settings.delivery import DeliverySettings
from consumer.settings.kafka import KafkaSettings
from consumer.settings.kinds import (
    PREFIX,
    AnyCase,
    ReadableFile,
    ReadableFolder,
    Secret,
    Section,
    Text,
    TopicName,
    TypesOfRecords,
    Url,
    Urls,
    variable,
)
from consumer.settings.rules import at_least, instead_of, together_with

# A section that is given no value is made of its defaults, and says which values it lacks.
_EMPTY = Field(default={}, validate_default=True)


class SchemaRegistrySettings(Section):
    """Where writer schemas of Confluent-framed records are looked up."""

    url: Urls | None = None
    """The registry, with Confluent's API; without it no id in front of a datum, or in a header,
    says anything. Of several addresses of one registry the next is asked when one fails."""
    username: Text | None = None
    """The user name, for a registry that asks for one."""
    password: Annotated[Secret | None, together_with("username")] = None
    """The password that goes with it."""
    bearer_token: Annotated[Secret | None, instead_of("username")] = None
    """A token, in place of user name and password."""
    ca_file: ReadableFile | None = None
    """The PEM file of the authorities that may vouch for the registry; else the system's."""
    certificate_file: ReadableFile | None = None
    """The PEM file of the client's certificate, for mutual TLS."""
    key_file: Annotated[ReadableFile | None, together_with("certificate_file")] = None
    """The PEM file of the client's key, for mutual TLS."""
    proxy: Url | None = None
    """The proxy before the registry; without it the environment's (`https_proxy`, `http_proxy`,
    `all_proxy`, `no_proxy`). This very machine is always reached directly."""
    connect_timeout_s: Annotated[float, Field(ge=0.01, le=300)] = 2
    """How long a connection to the registry may take."""
    timeout_s: Annotated[float, Field(ge=0.01, le=300), at_least("connect_timeout_s")] = 5
    """How long a look-up may take in all."""


class SchemasSettings(Section):
    """How values are read."""

    writer: ReadableFile | None = None
    """The schema with which bare datums were written; without it they are dead letters."""
    folder: ReadableFolder | None = None
    """A folder of schemas to know besides the packaged ones: for single-object framing, and for
    AWS Glue's, where a file is named by the version's id (`<uuid>.avsc`)."""
    framing: Literal["auto", "confluent", "apicurio_global", "apicurio_content"] = "auto"
    """What an id before a datum is: of 4 bytes Confluent's, of 8 Apicurio's global id (`auto`);
    always Confluent's; or Apicurio's of 4 or 8 bytes. A record's headers tell by themselves."""
    types: TypesOfRecords = Field(default={})
    """What a record without a field `type` is, by its name, besides Segment's own names: a type of
    call, or the name of a track event, such as `{"ShopOrder": "Order Completed"}`."""
    max_bytes: Annotated[int, Field(ge=1, le=1_073_741_824)] = 1_048_576
    """The largest value that is decoded; a larger one is a dead letter."""


class TranslationSettings(Section):
    """How Segment's calls become Seg's."""

    v2_names: bool = True
    """Take the event names of Segment's e-commerce spec v2 as well as those of v1."""
    on_unreadable_value: Annotated[Literal["leave_out", "dead_letter"], AnyCase] = "leave_out"
    """What a value that cannot be read costs: its own key, or the whole event."""


class OrderingSettings(Section):
    """Which calls wait for each other."""

    by: Literal["key", "user", "partition"] = "key"
    """What calls must share to be kept in order: the record's key, the user, or the partition."""
    lane_max_waiting: Annotated[int, Field(ge=1, le=1_000_000)] = 1_000
    """The most calls of one key that wait; at the bound its partition is paused."""
    max_waiting: Annotated[int, Field(ge=1, le=10_000_000)] = 8_000
    """The most records that wait in all; at the bound, or at 64 MiB of records and calls, nothing
    more is polled."""


class DeadLetterSettings(Section):
    """Where records go that can never be delivered."""

    topic: TopicName | None = None
    """The topic for dead letters; without it `<topic>.dead-letter` for each topic."""
    storm_limit: Annotated[float, Field(ge=0, le=1)] = 0.5
    """The share of dead letters above which consumption pauses; 0 switches the guard off."""
    create: bool = True
    """Create the topic where it is missing; it takes twice what the largest source takes."""
    on_too_large: Literal["wait", "truncate"] = "wait"
    """What happens to a letter that its topic does not take: it waits for a larger topic, or its
    value is cut and a header says so."""


class HttpSettings(Section):
    """The program's own web server: metrics and probes."""

    host: Text = "::"  # a probe comes from outside the container, by IPv6 or IPv4
    """The address to listen on; `::` is all of IPv6 and IPv4, or of IPv4 where that is all."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 9090
    """The port to listen on; 0 takes any free one."""
    liveness_timeout_s: Annotated[float, Field(ge=0.1, le=3_600)] = 60
    """The program counts as alive when its loop turned within this time."""


class LogSettings(Section):
    """What is logged, and how."""

    level: Annotated[Literal["debug", "info", "warning", "error"], AnyCase] = "info"
    """The least serious lines that are written."""
    format: Annotated[Literal["json", "console"], AnyCase] | None = None
    """JSON lines or lines for people; without it the latter on a terminal."""


class Settings(BaseSettings):
    """Everything that an operator can set; `load` makes one."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_nested_max_split=1,
        # Text is parsed by the kinds, so that a wrong one is reported among the others.
        enable_decoding=False,
    )

    kafka: KafkaSettings = _EMPTY
    schema_registry: SchemaRegistrySettings = _EMPTY
    schemas: SchemasSettings = _EMPTY
    translation: TranslationSettings = _EMPTY
    ordering: OrderingSettings = _EMPTY
    delivery: DeliverySettings = _EMPTY
    dead_letter: DeadLetterSettings = _EMPTY
    http: HttpSettings = _EMPTY
    log: LogSettings = _EMPTY

    _origins: Mapping[str, str] = PrivateAttr(default={})

    def origin(self, name: str) -> str:
        """Return where the value of the variable *name* comes from."""
        return self._origins.get(name, "default")

    def with_origins(self, origins: Mapping[str, str]) -> Self:
        """Return the same settings, and from where each came that is not a default."""
        copy = self.model_copy()
        copy._origins = origins  # noqa: SLF001 - its own
        return copy

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what is given and nothing else: `load` says where values come from."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)

    @model_validator(mode="after")
    def _reads_no_dead_letters(self) -> Self:
        topic = self.dead_letter.topic
        if topic in self.kafka.topics:
            name, source = variable("dead_letter", "topic"), variable("kafka", "topics")
            raise ValueError(f"{name}: expected none of the topics in {source}, got {topic!r}")
        return self
