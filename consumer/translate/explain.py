"""Where each value of a call comes from: the translation once more, slowly, for people.

    explain(event, None, Translator())
    -> Made("properties.Price", ("properties.price",), "properties.Price"), …

What becomes of the event is the `Translator`'s word. Which row made which key is asked of the same
tables, plans and readers; that both agree on every event is a law with a test of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, cast

import orjson

from consumer.core.errors import IgnoredReason, PoisonError
from consumer.core.instants import instant_ms
from consumer.core.model import Ignored, SegCall
from consumer.translate.body import clean_text, is_nothing
from consumer.translate.envelope import text_of, tidy
from consumer.translate.identify import personas_key, snake_case, traits_of_context
from consumer.translate.mapping import split_carefully
from consumer.translate.origins import (
    Made,
    Place,
    as_they_are,
    found_in,
    lines,
    objects,
    passed_on,
    rewritten,
    same,
)
from consumer.translate.page import find_page
from consumer.translate.readers import BadValueError, address
from consumer.translate.rows import dig, path
from consumer.translate.tables import (
    EMAIL,
    PAGE,
    PAGE_OF_TRACK,
    RECORD_TIMESTAMP,
    TIMESTAMPS,
    TRAITS,
)
from consumer.translate.track import TABLES, list_alone
from consumer.translate.unsent import Unsent, unsent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consumer.core.model import Event, Object
    from consumer.translate.envelope import TidyEvent
    from consumer.translate.rows import Row
    from consumer.translate.translator import Translator

__all__ = ["IGNORED_BECAUSE", "Explanation", "Made", "explain"]

IGNORED_BECAUSE: Final = {
    IgnoredReason.UNMAPPED_EVENT: "no row of the table has an event of this name",
    IgnoredReason.ALIAS_NOT_EMAIL: "Seg takes an alias only where both ids are e-mail addresses",
    IgnoredReason.UNSUPPORTED_TYPE: "Seg takes identify, track, page and alias",
    IgnoredReason.INTEGRATION_DISABLED: "`integrations` says no to Seg",
    IgnoredReason.TOMBSTONE: "the record has no value",
    IgnoredReason.UNSUPPORTED_BY_SEG: "Seg answered that it does not know the type",
}
"""Why a record goes nowhere, in a sentence."""


class Explanation(NamedTuple):
    """What becomes of an event, and why."""

    outcome: SegCall | Ignored | PoisonError
    """As the translation says; a call's `left_out` has what could not be read."""
    why: str | None
    """Why Seg gets nothing; None for a call."""
    made: tuple[Made, ...]
    """Every value of the call, in its order; nothing where there is none."""
    unsent: tuple[Unsent, ...]
    """What of the event is not sent."""


_PROPERTIES: Final = Place("properties", "properties", "properties")
_LINES: Final = "properties.OrderLines"


def explain(event: Event, record_timestamp_ms: int | None, translate: Translator) -> Explanation:
    """Return what *translate* makes of *event*, and where every value of it comes from."""
    try:
        outcome = translate(event, record_timestamp_ms)
    except PoisonError as error:
        return Explanation(error, error.detail, (), ())
    if isinstance(outcome, Ignored):
        return Explanation(outcome, IGNORED_BECAUSE[outcome.reason], (), ())
    call = cast("Object", tidy(event, []))
    made = {clean_text(it.key): it for it in _made(call, outcome)}
    sources = {source for it in made.values() for source in it.sources}
    named = tuple(it._replace(key=key) for key, it in made.items())
    return Explanation(outcome, None, named, unsent(call, sources, outcome.left_out))


def _made(call: Object, outcome: SegCall) -> Iterator[Made]:
    yield from _envelope(call, orjson.loads(outcome.body), outcome)
    if outcome.type == "track":
        yield from _page(call, PAGE_OF_TRACK)
        yield from _track(_object(call, "properties"), outcome.event or "")
    elif outcome.type == "identify":
        yield from _identify(_object(call, "traits"), _object(call, "context"))
    elif outcome.type == "page":
        yield from _page_call(call)
    others = {"traits"} if outcome.type != "identify" else set()
    others |= {"properties"} if outcome.type in {"identify", "alias"} else set()
    for place in sorted(others):
        yield from as_they_are(place, _object(call, place))


def _envelope(call: Object, sent: Object, outcome: SegCall) -> Iterator[Made]:
    yield same("type")
    if outcome.event is not None:
        yield Made("event", ("event",), "event")
    for name in ("messageId", "timestamp", "userId", "anonymousId", "previousId", "email"):
        if name not in sent:
            continue
        if name == "timestamp":
            nearest = (it for it in TIMESTAMPS if instant_ms(call.get(it)) is not None)
            yield Made(name, (next(nearest, RECORD_TIMESTAMP),), name)
        elif name == "email":
            ways = (it for it in EMAIL if address(dig(call, path(it))) is not None)
            yield Made(name, (next(ways),), name)
        else:
            in_table = outcome.type == "alias" and name in {"userId", "previousId"}
            yield Made(name, (name,), name if in_table else None)


def _page(call: Object, rows: tuple[Row, ...]) -> Iterator[Made]:
    for row in rows:
        for source in row.sources:
            value = dig(call, path(source))
            try:
                taken = None if value is None else row.read(value)
            except BadValueError:
                continue
            if taken is not None:
                yield Made(f"page.{row.key}", (source,), f"page.{row.key}")
                break


def _page_call(call: Object) -> Iterator[Made]:
    named = cast("TidyEvent", call)
    name, category = text_of(named, "name", []), text_of(named, "category", [])
    found, taken = find_page(call, [])
    yield from _page({**call, "name": name}, PAGE)
    if name is not None and found.get("title", name) != name:
        yield Made("page.name", ("name",), None)
    if category is not None:
        yield Made("page.category", ("category",), None)
    others = {it: value for it, value in _object(call, "properties").items() if it not in taken}
    yield from as_they_are("properties", others)


def _track(properties: Object, seg_event: str) -> Iterator[Made]:
    table = TABLES[seg_event]
    name, elements = list_alone(table, properties)
    others = {it: value for it, value in properties.items() if it != name}
    if seg_event == "AddedToBasket":
        into: Object = {"OrderLines": []}
        if elements:
            yield from lines(table, properties[name], Place(_LINES, f"properties.{name}", _LINES))
            yield from passed_on(table, others, into, _PROPERTIES)
        else:
            careful = split_carefully(table, properties, [])
            line = Place(f"{_LINES}[0]", "properties", f"{_LINES}[]")
            yield from found_in(table, careful, properties, line)
            yield from passed_on(table, careful.rest, into, _PROPERTIES, careful)
    elif seg_event == "ProductView" and len(elements) == 1:
        ((where, product),) = objects(properties[name], f"properties.{name}")
        careful = split_carefully(table, product, [])
        place = Place("properties", where, "properties")
        yield from found_in(table, careful, product, place)
        yield from passed_on(table, others, careful.found, _PROPERTIES)
        yield from passed_on(table, careful.rest, careful.found, place, careful)
    else:
        yield from rewritten(table, properties, _PROPERTIES)


def _identify(traits: Object, context: Object) -> Iterator[Made]:
    lacking = traits_of_context(context, traits)
    key = personas_key(context, {**traits, **lacking})
    made = {it.key: it for it in _traits(lacking, key, "context.traits")}
    nearer = {it.key: it for it in _traits(traits, key, "traits")}
    yield from {**nearer, **{it: made[it] for it in made if it not in nearer}}.values()


def _traits(traits: Object, key: str | None, source: str) -> Iterator[Made]:
    """Say where each trait of one place comes from; *key* is what Personas computed."""
    place = Place("traits", source, "traits")
    others = {name: value for name, value in traits.items() if name != key}
    careful = split_carefully(TRAITS, others, [])
    yield from found_in(TRAITS, careful, others, place)
    found = careful.found
    for row, _, names in TRAITS.plans[tuple(others)].tops:
        null = next((name for name in names if others[name] is None), None)
        if row not in found and null is not None:
            found[row] = None
            yield Made(f"traits.{row}", (f"{source}.{null}",), f"traits.{row}")
    if key is not None and key in traits:
        computed = snake_case(key)
        found[computed] = traits[key]
        if not is_nothing(traits[key]):
            yield Made(f"traits.{computed}", (f"{source}.{key}",), None)
    yield from passed_on(TRAITS, careful.rest, found, place, careful)


def _object(call: Object, name: str) -> Object:
    value = call.get(name)
    return value if isinstance(value, dict) else {}
