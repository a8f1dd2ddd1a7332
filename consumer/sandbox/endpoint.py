"""Seg's endpoint: checks the key and the calls, and answers.

Statuses and bodies follow Segment's page "Building a Direct Destination"; batches are arrays of
the same calls, and one call that is refused refuses its whole batch.
"""

from __future__ import annotations

import binascii
import hmac
from base64 import b64decode, b64encode
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING

import orjson

from consumer.sandbox.checks import RefusedError, check
from consumer.sandbox.feed import Fate, Happening
from consumer.sandbox.wire import JSON, Answer, Trouble, json_answer, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from consumer.core.model import Object, Value
    from consumer.sandbox.faults import Faults
    from consumer.sandbox.options import Options
    from consumer.sandbox.store import Store
    from consumer.sandbox.wire import Delayed, Request

_SHOWN_BYTES = 2_000
"""Of a body that is no call."""
_LET_IN = json_answer({})
_SUCCESS = json_answer({"accepted": 1, "doubles": 0})


class Endpoint:
    """Answers requests as Seg would, but for the faults."""

    def __init__(self, options: Options, faults: Faults, store: Store) -> None:
        self._credentials = f"{options.website_id}:".encode()
        self._authorization = b"Basic " + b64encode(self._credentials)
        self._max_request_bytes = options.max_request_bytes
        self._faults = faults
        self._store = store

    def answer(self, request: Request) -> Answer | Delayed:
        """Answer *request*, whose path is the endpoint's.

        A request without a body only checks the key: no fault applies, and it is not counted.
        """
        if request.method not in ("POST", "HEAD"):
            answer = refusal(HTTPStatus.METHOD_NOT_ALLOWED, "expected POST, got another method")
            return answer._replace(headers=((b"Allow", b"POST, HEAD"),))
        if request.method == "HEAD" or not (request.body or request.too_large):
            return _answer(partial(self._authorise, request))
        self._store.requests += 1
        asked = _Asked(request, _parse(request.body))
        process = partial(_answer, partial(self._take, asked))
        fault = self._faults.strike(asked.calls)
        if fault is None:
            return self._counted(asked, process())
        planned = fault.apply(process, partial(self._client_left, asked))
        if isinstance(planned, Answer):
            return self._counted(asked, planned)
        return planned._replace(make=lambda: self._counted(asked, planned.make()))

    def _authorise(self, request: Request) -> Answer:
        given = request.headers.get(b"authorization", b"")
        if hmac.compare_digest(given, self._authorization):
            return _LET_IN
        if not hmac.compare_digest(_credentials(given), self._credentials):
            raise RefusedError(HTTPStatus.FORBIDDEN, "the Website Id is not known here")
        return _LET_IN

    def _take(self, asked: _Asked) -> Answer:
        request = asked.request
        self._authorise(request)
        if request.headers.get(b"content-type", b"").partition(b";")[0].strip().lower() != JSON:
            raise RefusedError(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Content-Type: expected application/json"
            )
        if request.too_large:
            raise RefusedError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"the body: expected at most {self._max_request_bytes} bytes, got more",
            )
        calls = _checked(asked.content)
        asked.news = self._store.take(calls, asked.key, len(request.body))
        accepted = sum(asked.news)
        if len(asked.news) == accepted == 1:
            return _SUCCESS
        return json_answer({"accepted": accepted, "doubles": len(asked.news) - accepted})

    def _counted(self, asked: _Asked, answer: Answer) -> Answer:
        if answer.trouble in (None, Trouble.SLOW_BODY):
            self._store.by_status[answer.status] += 1
            self._store.feed.add(asked.answered(answer), len(asked.request.body))
        else:
            self._unanswered(asked, answer.trouble.value)
        return answer

    def _client_left(self, asked: _Asked) -> None:
        self._unanswered(asked, "client_left")

    def _unanswered(self, asked: _Asked, why: str) -> None:
        self._store.unanswered[why] += 1
        self._store.feed.add(asked.unanswered(why), len(asked.request.body))


class _Asked:
    """One request with a body, and which of its calls Seg has taken."""

    def __init__(self, request: Request, content: Value) -> None:
        key = request.headers.get(b"idempotency-key")
        self.request = request
        self.content = content
        self.calls = _calls(content)
        self.key = None if key is None else key.decode("latin-1")
        self.news: list[bool] = []
        """Which of the calls are new; nothing where they were not taken."""

    def answered(self, answer: Answer) -> list[Happening]:
        """Return what became of each call."""
        if answer.status < HTTPStatus.MULTIPLE_CHOICES and self.news:
            fates = [Fate.ACCEPTED if new else Fate.DOUBLE for new in self.news]
            return [
                Happening(fate, call, None, answer.status, self.key)
                for call, fate in zip(self.calls, fates, strict=True)
            ]
        return self._each(Fate.REFUSED, _message(answer), answer.status)

    def unanswered(self, why: str) -> list[Happening]:
        """Return what became of each call, whose answer is lost."""
        return self._each(Fate.UNANSWERED, why, None)

    def _each(self, fate: Fate, why: str | None, status: int | None) -> list[Happening]:
        taken = bool(self.news)
        if self.calls:
            return [Happening(fate, it, why, status, self.key, None, taken) for it in self.calls]
        text = self.request.body[:_SHOWN_BYTES].decode("utf-8", "replace") or None
        return [Happening(fate, None, why, status, self.key, text)]


def _answer(take: Callable[[], Answer]) -> Answer:
    try:
        return take()
    except RefusedError as error:
        return refusal(error.status, str(error))


def _credentials(given: bytes) -> bytes:
    scheme, _, encoded = given.partition(b" ")
    try:
        credentials = b64decode(encoded.strip(), validate=True)
    except binascii.Error:
        credentials = b""
    if scheme.lower() != b"basic" or not credentials.endswith(b":"):
        raise RefusedError(
            HTTPStatus.UNAUTHORIZED,
            'Authorization: expected Basic base64("<Website Id>:"), it is missing or malformed',
        )
    return credentials


def _parse(body: bytes) -> Value:
    """Return what *body* holds; None, which Seg refuses as well, where it is no JSON."""
    try:
        content: Value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return content


def _message(answer: Answer) -> str | None:
    """Return the diagnosis in *answer*, None where it has none."""
    content = _parse(answer.body)
    message = content.get("message") if isinstance(content, dict) else None
    return message if isinstance(message, str) else None


def _calls(content: Value) -> Sequence[Object]:
    """Return the calls in *content* as far as there are any: what a fault may match."""
    calls = content if isinstance(content, list) else [content]
    return [call for call in calls if isinstance(call, dict)]


def _checked(content: Value) -> Sequence[Object]:
    if isinstance(content, dict):
        return [check(content)]
    if not isinstance(content, list) or not content:
        raise RefusedError(
            HTTPStatus.BAD_REQUEST, "the body: expected a JSON object or an array of objects"
        )
    return [check(call, f"[{index}].") for index, call in enumerate(content)]
