"""The pages under `/_sandbox/`: what was accepted, and the switches.

GET  calls?after=SEQUENCE&limit=N   {"calls": [{"sequence", "arrived_s", ..., "call": {...}}]}
GET  feed?after=NUMBER&limit=N      {"feed": [{"number", "fate", ...}]}: every call with its answer
GET  minute                         the last minute in seconds, and when faults were switched
GET  about                          what the page says to a newcomer, and whether events are known
GET  event?message_id=ID            the Segment event of a call, and which row made which key
POST events                         {"text"}: Segment events, a line each, to send; {"sent": n}
GET  summary                        the counters, see `Summary`
GET  faults                         {"faults": [{..., "struck": n}]}
POST faults                         a list of rules that replaces the old ones, see `Fault`
POST reset                          as new, but for the journal and the sequence
"""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import orjson

from consumer.core.errors import ConsumerError, SettingsError
from consumer.sandbox.options import ADMIN
from consumer.sandbox.rules import read_faults
from consumer.sandbox.store import text_of, user_of
from consumer.sandbox.wire import JSON, Answer, json_answer, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from consumer.core.model import Object, Value
    from consumer.sandbox.faults import Faults
    from consumer.sandbox.feed import Happening, Numbered
    from consumer.sandbox.options import Options
    from consumer.sandbox.store import Accepted, Store
    from consumer.sandbox.upstream import Upstream
    from consumer.sandbox.wire import Request

_LIMIT = 100
_MAX_LIMIT = 10_000


class Admin:
    """Shows and changes the state of one sandbox."""

    def __init__(self, options: Options, faults: Faults, store: Store) -> None:
        self._options = options
        self._upstream: Upstream | None = None
        self._faults = faults
        self._store = store
        self._routes: Mapping[tuple[str, str], Callable[[Request], Answer]] = {
            ("GET", "calls"): self._get_calls,
            ("GET", "feed"): self._get_feed,
            ("GET", "minute"): self._get_minute,
            ("GET", "about"): self._get_about,
            ("GET", "event"): self._get_event,
            ("POST", "events"): self._post_events,
            ("GET", "summary"): self._get_summary,
            ("GET", "faults"): self._get_faults,
            ("POST", "faults"): self._post_faults,
            ("POST", "reset"): self._post_reset,
        }

    def answer(self, request: Request) -> Answer:
        """Answer *request*, whose path begins with `/_sandbox/`."""
        page = request.target.partition("?")[0].removeprefix(ADMIN)
        route = self._routes.get((request.method, page))
        if route is None:
            return refusal(HTTPStatus.NOT_FOUND, "expected one of the sandbox's pages")
        # A page of another site can send a POST here, but not one of this type.
        if request.method == "POST" and request.headers.get(b"content-type") != JSON:
            return refusal(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Content-Type: expected application/json"
            )
        try:
            return route(request)
        except (ConsumerError, orjson.JSONDecodeError) as error:
            return refusal(HTTPStatus.BAD_REQUEST, str(error))

    def connect(self, upstream: Upstream) -> None:
        """Know the Segment events from now on."""
        self._upstream = upstream

    def reset(self) -> None:
        """Forget what was accepted and go back to the faults of the start."""
        self._store.reset()
        self._faults.replace(self._options.faults)

    def _get_calls(self, request: Request) -> Answer:
        after, limit = _part(request)
        return json_answer({"calls": [_as_json(kept) for kept in self._store.after(after, limit)]})

    def _get_feed(self, request: Request) -> Answer:
        after, limit = _part(request)
        feed = self._store.feed
        told: list[Value] = [self._told(it) for it in feed.after(after, limit)]
        return json_answer({"feed": told, "first": feed.first, "newest": feed.newest})

    def _told(self, it: Numbered[Happening]) -> Object:
        call = it.what.call or {}
        message_id = text_of(call, "messageId")
        upstream = self._upstream
        key = None if upstream is None or message_id is None else upstream.key(message_id)
        return {
            "number": it.number,
            "at_s": it.at_s,
            **it.what._asdict(),
            "message_id": message_id,
            "user": user_of(call),
            "record_key": key,
        }

    def _get_minute(self, _: Request) -> Answer:
        seconds: list[Value] = [asdict(second) for second in self._store.feed.minute()]
        switches: list[Value] = [switch._asdict() for switch in self._faults.switches]
        return json_answer({"seconds": seconds, "switches": switches})

    def _get_about(self, _: Request) -> Answer:
        options, upstream = self._options, self._upstream
        return json_answer(
            {
                "path": options.path,
                "website_id": options.website_id if options.is_example else None,
                "example": None if upstream is None else upstream.example,
            }
        )

    def _get_event(self, request: Request) -> Answer:
        query = parse_qs(request.target.partition("?")[2])
        message_id = query.get("message_id", [""])[-1]
        event = None if self._upstream is None else self._upstream.event(message_id)
        if event is None:
            return refusal(HTTPStatus.NOT_FOUND, "the Segment event is not known here")
        return json_answer(event)

    def _post_events(self, request: Request) -> Answer:
        content = orjson.loads(request.body)
        text = content.get("text") if isinstance(content, dict) else None
        if self._upstream is None:
            return refusal(HTTPStatus.NOT_FOUND, "there is no topic here to write events to")
        if not isinstance(text, str):
            raise SettingsError(["text: expected a string"])
        return json_answer({"sent": self._upstream.send(text)})

    def _get_summary(self, _: Request) -> Answer:
        return Answer(HTTPStatus.OK, orjson.dumps(self._store.summary()))

    def _get_faults(self, _: Request) -> Answer:
        return json_answer({"faults": [*self._faults.state()]})

    def _post_faults(self, request: Request) -> Answer:
        self._faults.replace(read_faults(orjson.loads(request.body)))
        return self._get_faults(request)

    def _post_reset(self, request: Request) -> Answer:
        self.reset()
        return self._get_summary(request)


def _as_json(kept: Accepted) -> Object:
    return {**kept.line._asdict(), "call": kept.call}


def _part(request: Request) -> tuple[int, int]:
    """Return after which number *request* asks, and for how many."""
    query = parse_qs(request.target.partition("?")[2])
    limit = min(_whole_number(query, "limit", _LIMIT), _MAX_LIMIT)
    return _whole_number(query, "after", 0), limit


def _whole_number(query: Mapping[str, list[str]], name: str, default: int) -> int:
    if name not in query:
        return default
    text = query[name][-1]
    if not (text.isascii() and text.isdigit()):
        raise SettingsError([f"{name}: expected a whole number, 0 or more"])
    return int(text)
