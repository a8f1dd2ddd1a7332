"""Identify calls: every trait, the known ones under Seg's names.

An identify from Personas (Segment's Engage) carries an audience or a computed trait:

    context.personas  {"computation_class": "audience", "computation_key": "vip_customers", …}
    traits            {"vip_customers": true}

It goes on under its key in snake_case, whatever Seg would call a trait of that name, with its
value as it is. `computation_key` says which trait it is, also where one of the two is not
snake_case yet. Where no trait has that name (Segment's own examples), it is the only trait that
is in no row of the table; where there are several, all go on as they are.

Source: Segment docs, "Using Engage Data", and Seg's Segment page, "Personas".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from consumer.translate.mapping import pass_on, rewrite, split
from consumer.translate.readers import BadValueError, address
from consumer.translate.tables import TRAITS

if TYPE_CHECKING:
    from consumer.core.model import Event, Object

_SIGNS: Final = re.compile(r"\W+")
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def identify(sent: Object, event: Event) -> None:
    """Add what an identify call holds.

    Raises:
        BadValueError: a known trait is a list or an object.
    """
    given = event.get("traits")
    if not given:
        return
    key = _personas_key(event, given)
    try:
        if key is None:
            sent["traits"] = rewrite(TRAITS, given)
            return
        found, rest = split(TRAITS, {name: given[name] for name in given if name != key})
    except BadValueError as error:
        raise error.within("traits") from None
    found[snake_case(key)] = given[key]
    pass_on(TRAITS, rest, found)
    sent["traits"] = found


def is_anonymous(event: Event) -> bool:
    """Return whether Seg cannot know the customer: `traits.email` is absent or no address."""
    traits = event.get("traits")
    return traits is None or address(traits.get("email")) is None


def snake_case(name: str) -> str:
    """Return `order_completed_last_30days` for `Order Completed Last 30days`.

    A name without capitals and signs is snake_case already and stays as it is, as does one that
    has nothing but signs.
    """
    words = _SIGNS.sub(" ", _HUMP.sub("_", name).lower()).strip()
    return words.replace(" ", "_") or name


def _personas_key(event: Event, traits: Object) -> str | None:
    context = event.get("context")
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
    unknown = [name for name in traits if name not in TRAITS.names]
    return unknown[0] if len(unknown) == 1 else None
