"""Identify calls: every trait, the known ones under Seg's names.

An identify from Personas (Segment's Engage) carries an audience or a computed trait:

    context.personas  {"computation_class": "audience", "computation_key": "vip_customers", …}
    traits            {"vip_customers": true}

It goes on under its key in snake_case, whatever Seg would call a trait of that name, with its
value as it is. `computation_key` says which trait it is, also where one of the two is not
snake_case yet. Where no trait has that name (Segment's own examples), it is the only trait that
is in no row of the table; where there are several, all go on as they are.

Traits come from `traits` and, key by key where that has none, from `context.traits`, where many
libraries have them alone. A trait that is null is sent as null, a known one under Seg's name: so
Segment removes a trait.

Source: Segment docs, "Using Engage Data", and Seg's Segment page, "Personas".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from consumer.translate.mapping import pass_on, split
from consumer.translate.notes import within
from consumer.translate.readers import address
from consumer.translate.tables import TRAITS

if TYPE_CHECKING:
    from consumer.core.model import Object
    from consumer.translate.envelope import TidyEvent
    from consumer.translate.notes import Notes

_SIGNS: Final = re.compile(r"\W+")
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def identify(sent: Object, event: TidyEvent, notes: Notes) -> None:
    """Add what an identify call holds."""
    traits: Object = event.get("traits") or {}
    context = event.get("context")
    lacking = traits_of_context(context, traits)
    key = personas_key(context, {**traits, **lacking} if lacking else traits)
    found = _in_segs_words(traits, key, notes, "traits") if traits else {}
    if lacking:
        for name, value in _in_segs_words(lacking, key, notes, "context.traits").items():
            found.setdefault(name, value)
    if found:
        sent["traits"] = found


def traits_of_context(context: Object | None, traits: Object) -> Object:
    """Return the traits that stand in *context* alone."""
    known = context.get("traits") if context else None
    if type(known) is not dict:
        return {}
    return {name: value for name, value in known.items() if name not in traits}


def _in_segs_words(traits: Object, key: str | None, notes: Notes, place: str) -> Object:
    """Return *traits* as Seg gets them; *key* is what Personas computed."""
    start = len(notes)
    others = traits if key not in traits else {n: traits[n] for n in traits if n != key}
    found, rest = split(TRAITS, others, notes)
    if len(notes) > start:
        within(notes, start, place)
    if None in others.values():
        for row, _, names in TRAITS.plans[tuple(others)].tops:
            if row not in found and any(others[name] is None for name in names):
                found[row] = None
    if key is not None and key in traits:
        found[snake_case(key)] = traits[key]
    pass_on(TRAITS, rest, found)
    return found


def is_anonymous(sent: Object) -> bool:
    """Return whether Seg cannot know the customer: no trait of the call *sent* is an address."""
    traits = sent.get("traits")
    return type(traits) is not dict or address(traits.get("Email")) is None


def snake_case(name: str) -> str:
    """Return `order_completed_last_30days` for `Order Completed Last 30days`.

    A name without capitals and signs is snake_case already and stays as it is, as does one that
    has nothing but signs.
    """
    words = _SIGNS.sub(" ", _HUMP.sub("_", name).lower()).strip()
    return words.replace(" ", "_") or name


def personas_key(context: Object | None, traits: Object) -> str | None:
    """Return the name of the trait that Personas computed; None where it computed none."""
    personas = None if context is None else context.get("personas")
    if not isinstance(personas, dict):
        return None
    wanted = personas.get("computation_key")
    if isinstance(wanted, str):
        if wanted in traits:
            return wanted
        for name in traits:
            if snake_case(name) == snake_case(wanted):
                return name
    unknown = [name for name in traits if not TRAITS.knows(name)]
    return unknown[0] if len(unknown) == 1 else None
