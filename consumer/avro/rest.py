"""Conversations with one schema registry by libcurl: many at once on one thread, none waited for.

`Rest.step` carries all of them on as far as they get without waiting; `Rest.finish` waits, for
commands. All of one takes at most `timeout_s`: names, proxies, TLS and each byte of each answer
included.

An answer that says something about the registry or its settings, and not about what was asked, is
an UnavailableError with the name of the setting to look at. Redirects are not followed: they would
carry the credentials elsewhere.
"""

from __future__ import annotations

import select
from base64 import b64encode
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple, cast

import orjson
import pycurl

from consumer.avro.conversation import DEPENDENCY, URL_SETTING, Answer, Request, Talk
from consumer.core.errors import ConsumerError, UnavailableError

if TYPE_CHECKING:
    from consumer.avro.conversation import Access, Steps, T
    from consumer.core.model import Object
    from consumer.core.timing import Clock

MAX_ANSWER_BYTES: Final = 1 << 20
"""A longer answer is no schema that anybody wrote."""
LOOK_AGAIN_S: Final = 0.05
"""How long `finish` waits for a socket: libcurl has timers and threads that no socket tells of."""

_JSON: Final = "application/vnd.schemaregistry.v1+json"
_TLS_FAILED: Final = frozenset(
    {pycurl.E_SSL_CONNECT_ERROR, pycurl.E_SSL_CERTPROBLEM, pycurl.E_SSL_CIPHER}
)
_HUNG_UP: Final = frozenset({pycurl.E_SEND_ERROR, pycurl.E_RECV_ERROR})
"""By TLS 1.3 so ends a connection whose other end misses our certificate."""


class _Asked(NamedTuple):
    """One request on its way."""

    talk: Talk[object]
    request: Request
    url: str
    """The registry's address that it went to."""
    body: list[bytes]
    """The parts of the answer so far."""


class Rest:
    """The way to one registry."""

    def __init__(self, access: Access, clock: Clock) -> None:
        self._access = access
        self._clock = clock
        self._multi = pycurl.CurlMulti()
        self._under_way: dict[pycurl.Curl, _Asked] = {}

    @property
    def under_way(self) -> int:
        """How many requests are on their way."""
        return len(self._under_way)

    def set_credentials(self, user: str | None, password: str | None, token: str | None) -> None:
        """Use others from the next request on."""
        self._access = replace(self._access, user=user, password=password, token=token)

    def start(self, steps: Steps[T]) -> Talk[T]:
        """Begin a conversation; `step` carries it on."""
        deadline_s = self._clock.monotonic_s() + self._access.timeout_s
        talk = Talk(steps, deadline_s, len(self._access.others))
        self._go_on(cast("Talk[object]", talk), None)
        return talk

    def step(self) -> None:
        """Carry on with every conversation as far as it gets without waiting."""
        while True:
            self._multi.perform()
            ended = self._take_ended()
            if not ended:
                return
            for curl, failure in ended:
                self._ended(curl, failure)

    def finish(self, steps: Steps[T]) -> T:
        """Have the conversation and wait for what comes of it.

        Raises:
            ConsumerError: what it raises, UnavailableError included.
        """
        talk = self.start(steps)
        self.step()
        while not talk.over:
            readable, writable, _ = self._multi.fdset()
            select.select(readable, writable, (), LOOK_AGAIN_S)
            self.step()
        return talk.outcome

    def close(self) -> None:
        """Break off what is under way and free the sockets."""
        for curl in self._under_way:
            self._multi.remove_handle(curl)
            curl.close()
        self._under_way.clear()
        self._multi.close()

    def _go_on(self, talk: Talk[object], came: Answer | UnavailableError | None) -> None:
        """Give *talk* the answer, or why there is none, and send what it asks next."""
        try:
            if isinstance(came, Answer):
                request = talk.steps.send(came)
            elif came is None:
                request = next(talk.steps)
            else:
                request = talk.steps.throw(came)
        except StopIteration as end:
            talk.end(end.value)
        except ConsumerError as error:
            talk.end(None, error)
        else:
            self._send(request, talk)

    def _send(self, request: Request, talk: Talk[object]) -> None:
        left_s = talk.deadline_s - self._clock.monotonic_s()
        if left_s <= 0.0:
            self._go_on(talk, _unavailable(self._access.url, "takes too long to answer"))
            return
        asked = _Asked(talk, request, self._access.url, [])
        curl = _handle(self._access, request, left_s, asked.body)
        self._under_way[curl] = asked
        self._multi.add_handle(curl)

    def _take_ended(self) -> list[tuple[pycurl.Curl, tuple[int, str] | None]]:
        """Return the requests that have ended: with an answer, or with libcurl's reason."""
        ended: list[tuple[pycurl.Curl, tuple[int, str] | None]] = []
        more = 1
        while more:
            more, answered, failed = self._multi.info_read()
            ended += [(curl, None) for curl in answered]
            ended += [(curl, (number, text)) for curl, number, text in failed]
        return ended

    def _ended(self, curl: pycurl.Curl, failure: tuple[int, str] | None) -> None:
        talk, request, url, body = self._under_way.pop(curl)
        self._multi.remove_handle(curl)
        status = int(curl.getinfo(pycurl.RESPONSE_CODE))
        tunnel_status = int(curl.getinfo(pycurl.HTTP_CONNECTCODE))
        curl.close()
        if failure is None:
            came = _judged(url, status, b"".join(body))
        elif failure[0] == pycurl.E_FILESIZE_EXCEEDED:
            came = _judged(url, status, b"")
        else:
            came = _no_answer(url, tunnel_status, *failure)
        if isinstance(came, UnavailableError) and talk.others_left > 0:
            talk.others_left -= 1
            self._turn_from(url)
            self._send(request, talk)
        else:
            self._go_on(talk, came)

    def _turn_from(self, url: str) -> None:
        """Ask the next address from now on, unless another conversation has turned already."""
        if url == self._access.url:
            following, *others = (*self._access.others, url)
            self._access = replace(self._access, url=following, others=tuple(others))


def _handle(access: Access, request: Request, timeout_s: float, body: list[bytes]) -> pycurl.Curl:
    """Return an easy handle for *request*; the answer's own body is added to *body*."""
    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, access.url.rstrip("/") + request.path)
    curl.setopt(pycurl.CUSTOMREQUEST, request.method)
    if request.body is not None:
        curl.setopt(pycurl.POSTFIELDS, request.body)
    curl.setopt(pycurl.HTTPHEADER, _headers(access))
    curl.setopt(pycurl.WRITEFUNCTION, body.append)
    curl.setopt(pycurl.MAXFILESIZE, MAX_ANSWER_BYTES)
    curl.setopt(pycurl.CONNECTTIMEOUT_MS, round(access.connect_timeout_s * 1000))
    curl.setopt(pycurl.TIMEOUT_MS, max(1, round(timeout_s * 1000)))  # 0 would be none
    curl.setopt(pycurl.FOLLOWLOCATION, 0)
    curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
    curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
    curl.setopt(pycurl.NOSIGNAL, 1)
    for option, value in (
        (pycurl.CAINFO, access.ca_file),
        (pycurl.SSLCERT, access.cert_file),
        (pycurl.SSLKEY, access.key_file),
        (pycurl.PROXY, access.proxy),
        (pycurl.NOPROXY, "*" if access.direct else None),
    ):
        if value is not None:
            curl.setopt(option, value)
    return curl


def _headers(access: Access) -> list[bytes]:
    headers = [f"Accept: {_JSON}, application/json", f"Content-Type: {_JSON}"]
    if access.token is not None:
        headers.append(f"Authorization: Bearer {access.token}")
    elif access.user is not None:
        pair = b64encode(f"{access.user}:{access.password or ''}".encode()).decode("ascii")
        headers.append(f"Authorization: Basic {pair}")
    return [header.encode() for header in headers]


def _judged(url: str, status: int, text: bytes) -> Answer | UnavailableError:
    """Return the answer, or what the registry at *url* says about itself with it."""
    match status:
        case 401:
            settings = "SEG_SCHEMA_REGISTRY__USERNAME, __PASSWORD and __BEARER_TOKEN"
            return _unavailable(url, f"refuses us with status {status}", settings)
        case 407:
            return _unavailable(url, "is behind a proxy that refuses us", "its credentials")
        case 301 | 302 | 303 | 307 | 308:
            return _unavailable(url, f"redirects with status {status}, which is not followed")
        case 408 | 425 | 429:
            return _unavailable(url, f"is busy, with status {status}", "its log")
        case 502 | 503 | 504:
            return _unavailable(url, f"is out of order, with status {status}", "its log")
    return Answer(status, _object(text), text)


def _no_answer(url: str, tunnel_status: int, number: int, text: str) -> UnavailableError:
    """Return the error for a connection that failed; TLS and proxies have settings of their own."""
    if number in {pycurl.E_PEER_FAILED_VERIFICATION, pycurl.E_SSL_CACERT_BADFILE}:
        what = f"shows a certificate that is refused ({text})"
        return _unavailable(url, what, "SEG_SCHEMA_REGISTRY__CA_FILE")
    if number == pycurl.E_COULDNT_RESOLVE_PROXY or tunnel_status not in {0, 200}:
        what = f"cannot be reached through the proxy ({text})"
        return _unavailable(url, what, "SEG_SCHEMA_REGISTRY__PROXY, or the environment's")
    if number in _TLS_FAILED or (number in _HUNG_UP and url.startswith("https:")):
        settings = f"{URL_SETTING}, SEG_SCHEMA_REGISTRY__CERTIFICATE_FILE and __KEY_FILE"
        what = (
            f"does not answer by TLS: it has none, refuses our certificate or misses one ({text})"
        )
        return _unavailable(url, what, settings)
    return _unavailable(url, f"does not answer ({text})")


def _object(text: bytes) -> Object | None:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _unavailable(url: str, what: str, look_at: str = URL_SETTING) -> UnavailableError:
    return UnavailableError(DEPENDENCY, f"the schema registry at {url} {what}: see {look_at}")
