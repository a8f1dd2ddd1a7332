"""What the tests of the translation share: one event in, what is sent or the error out."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import orjson
import pytest

from consumer.core.errors import PoisonError
from consumer.core.model import SegCall
from consumer.translate import Translator

if TYPE_CHECKING:
    from consumer.core.model import Event, Object


def send(event: Event) -> Object:
    """Translate an event that reaches Seg, and return what is sent."""
    call = Translator()(event, None)
    assert isinstance(call, SegCall)
    return cast("Object", orjson.loads(call.body))


def refuse(event: Event) -> PoisonError:
    """Translate an event that can never be delivered, and return the error."""
    with pytest.raises(PoisonError) as caught:
        Translator()(event, None)
    return caught.value
