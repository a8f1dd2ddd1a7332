"""The pages under `/_sandbox/`: what was accepted, and the switches.

GET  calls?after=SEQUENCE&limit=N   {"calls": [{"sequence", "arrived_s", ..., "call": {...}}]}
GET  summary                        the counters, see `Summary`
GET  faults                         {"faults": [{..., "struck": n}]}
POST faults                         a list of rules that replaces the old ones, see `Fault`
POST reset                          as new, but for the journal and the sequence
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import orjson

from consumer.core.errors import SettingsError
from consumer.sandbox.options import ADMIN
from consumer.sandbox.rules import read_faults
from consumer.sandbox.wire import JSON, Answer, json_answer, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from consumer.core.model import Object
    from consumer.sandbox.faults import Faults
    from consumer.sandbox.options import Options
    from consumer.sandbox.store import Accepted, Store
    from consumer.sandbox.wire import Request

_LIMIT = 100
_MAX_LIMIT = 10_000


class Admin:
    """Shows and changes the state of one sandbox."""

    def __init__(self, options: Options, faults: Faults, store: Store) -> None:
        self._first_faults = options.faults
        self._faults = faults
        self._store = store
        self._routes: Mapping[tuple[str, str], Callable[[Request], Answer]] = {
            ("GET", "calls"): self._get_calls,
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
        except (SettingsError, orjson.JSONDecodeError) as error:
            return refusal(HTTPStatus.BAD_REQUEST, str(error))

    def reset(self) -> None:
        """Forget what was accepted and go back to the faults of the start."""
        self._store.reset()
        self._faults.replace(self._first_faults)

    def _get_calls(self, request: Request) -> Answer:
        query = parse_qs(request.target.partition("?")[2])
        after = _whole_number(query, "after", 0)
        limit = min(_whole_number(query, "limit", _LIMIT), _MAX_LIMIT)
        return json_answer({"calls": [_as_json(kept) for kept in self._store.after(after, limit)]})

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


def _whole_number(query: Mapping[str, list[str]], name: str, default: int) -> int:
    if name not in query:
        return default
    text = query[name][-1]
    if not (text.isascii() and text.isdigit()):
        raise SettingsError([f"{name}: expected a whole number, 0 or more"])
    return int(text)
