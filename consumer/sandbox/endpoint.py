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
from consumer.sandbox.wire import JSON, Answer, Trouble, json_answer, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from consumer.core.model import Object, Value
    from consumer.sandbox.faults import Faults
    from consumer.sandbox.options import Options
    from consumer.sandbox.store import Store
    from consumer.sandbox.wire import Delayed, Request

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
        content = _parse(request.body)
        process = partial(_answer, partial(self._take, request, content))
        fault = self._faults.strike(_calls(content))
        if fault is None:
            return self._counted(process())
        planned = fault.apply(process, self._client_left)
        if isinstance(planned, Answer):
            return self._counted(planned)
        return planned._replace(make=lambda: self._counted(planned.make()))

    def _authorise(self, request: Request) -> Answer:
        given = request.headers.get(b"authorization", b"")
        if hmac.compare_digest(given, self._authorization):
            return _LET_IN
        if not hmac.compare_digest(_credentials(given), self._credentials):
            raise RefusedError(HTTPStatus.FORBIDDEN, "the Website Id is not known here")
        return _LET_IN

    def _take(self, request: Request, content: Value) -> Answer:
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
        key = request.headers.get(b"idempotency-key")
        taken = self._store.take(_checked(content), None if key is None else key.decode("latin-1"))
        return _SUCCESS if taken == (1, 0) else json_answer(taken._asdict())

    def _counted(self, answer: Answer) -> Answer:
        if answer.trouble in (None, Trouble.SLOW_BODY):
            self._store.by_status[answer.status] += 1
        else:
            self._store.unanswered[answer.trouble.value] += 1
        return answer

    def _client_left(self) -> None:
        self._store.unanswered["client_left"] += 1


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
