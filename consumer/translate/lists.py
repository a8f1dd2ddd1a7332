"""Lists of objects, in the forms in which shops send an order's products."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from consumer.core.json_text import read_json
from consumer.translate.readers import bad_property

if TYPE_CHECKING:
    from collections.abc import Iterable

    from consumer.core.model import Object, Value


def objects_in(value: Value) -> Iterable[tuple[object, Value]]:
    """Return the elements of a list of objects, each with its position or name.

    JSON text of one, and an object with the objects as its values (PHP's arrays with keys), are
    lists, too; one object alone is a list of one.

    Raises:
        BadValueError: `bad_property`; there is no object in it.
    """
    given = value
    if type(value) is str:
        try:
            value = read_json(value)
        except orjson.JSONDecodeError:
            raise bad_property("a list of objects", given) from None
    if type(value) is dict:
        if not _is_keyed_list(value):
            return [(0, value)]
        elements = list(value.values())
        named: Iterable[tuple[object, Value]] = value.items()
    elif type(value) is list:
        elements = value
        named = enumerate(value)
    else:
        raise bad_property("a list of objects", given)
    if elements and not any(type(element) is dict for element in elements):
        raise bad_property("objects in the list", elements[0])
    return named


def _is_keyed_list(value: Object) -> bool:
    return all(name.isdigit() for name in value) or all(type(it) is dict for it in value.values())
