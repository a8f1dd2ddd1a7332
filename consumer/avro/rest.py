"""One request to a schema registry, and whether what came back is a registry's word.

Only importer of urllib3. An answer that says something about the registry or its settings, and not
about what was asked, is an UnavailableError with the name of the setting to look at. Redirects are
not followed: they would carry the credentials elsewhere.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote

import orjson
from urllib3 import PoolManager
from urllib3.exceptions import HTTPError, SSLError
from urllib3.util import Timeout, parse_url

from consumer.core.errors import UnavailableError

if TYPE_CHECKING:
    from consumer.core.model import Object

DEPENDENCY: Final = "schema_registry"
URL_SETTING: Final = "SEG_SCHEMA_REGISTRY__URL"

MAX_ANSWER_BYTES: Final = 1 << 20
"""A longer answer is no schema that anybody wrote."""

_JSON: Final = "application/vnd.schemaregistry.v1+json"
_NOT_FOUND: Final = 404
_SERVER_ERROR: Final = 500
_UNKNOWN: Final = frozenset({40401, 40402, 40403})
"""Confluent's codes for an unknown subject, version and schema; a 404 of anybody else has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Where the registry is, and what opens it; secrets stay out of its repr and of every text."""

    urls: tuple[str, ...]
    """The addresses of one registry, tried in this order; each may carry `user:password@`."""
    user: str | None = None
    password: str | None = None
    token: str | None = None
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    connect_timeout_s: float = 2.0
    timeout_s: float = 5.0
    """For the whole of an answer, the connection included."""

    def __repr__(self) -> str:
        return f"Access({', '.join(_without_secrets(url) for url in self.urls)})"


class Answer(NamedTuple):
    """What a registry said: 200 with a body, or a status that concerns what was asked."""

    status: int
    body: Object


class Rest:
    """Requests to one registry, at the first of its addresses that answers."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._pool = PoolManager(
            timeout=Timeout(connect=access.connect_timeout_s, total=access.timeout_s),
            retries=False,
            ca_certs=access.ca_file,
            cert_file=access.cert_file,
            key_file=access.key_file,
        )

    def set_credentials(self, user: str | None, password: str | None, token: str | None) -> None:
        """Use others from the next request on."""
        self._access = replace(self._access, user=user, password=password, token=token)

    def ask(self, method: str, path: str, body: bytes | None = None) -> Answer:
        """Return the answer to *method* on *path*.

        Raises:
            UnavailableError: no address answers as a registry does; the text is of the last one.
        """
        failure = UnavailableError(DEPENDENCY, f"no address: set {URL_SETTING}")
        for url in self._access.urls:
            try:
                return self._ask(method, url, path, body)
            except UnavailableError as error:
                failure = error
        raise failure

    def _ask(self, method: str, url: str, path: str, body: bytes | None) -> Answer:
        address = _without_secrets(url)
        try:
            with self._pool.request(
                method,
                address.rstrip("/") + path,
                body=body,
                headers=self._headers(url),
                redirect=False,
                preload_content=False,
            ) as response:
                text = response.read(MAX_ANSWER_BYTES + 1, decode_content=False)
        except (HTTPError, OSError) as error:  # OSError: the file of a certificate
            raise _no_answer(address, error) from None
        return _judged(address, response.status, text)

    def _headers(self, url: str) -> dict[str, str]:
        access = self._access
        credentials = parse_url(url).auth
        if access.user is not None:
            credentials = f"{access.user}:{access.password or ''}"
        elif credentials is not None:
            credentials = unquote(credentials)
        headers = {"accept": f"{_JSON}, application/json", "content-type": _JSON}
        if access.token is not None:
            headers["authorization"] = f"Bearer {access.token}"
        elif credentials is not None:
            headers["authorization"] = f"Basic {b64encode(credentials.encode()).decode('ascii')}"
        return headers


def _without_secrets(url: str) -> str:
    return parse_url(url)._replace(auth=None).url


def _judged(address: str, status: int, text: bytes) -> Answer:
    """Return what the registry at *address* said, or raise what the answer says about itself."""
    match status:
        case 401 | 403 | 407:
            settings = "SEG_SCHEMA_REGISTRY__USERNAME, __PASSWORD and __BEARER_TOKEN"
            raise _unavailable(address, f"refuses us with status {status}", settings)
        case 301 | 302 | 303 | 307 | 308:
            raise _unavailable(address, f"redirects with status {status}, which is not followed")
        case 408 | 425 | 429:
            raise _unavailable(address, f"is busy, with status {status}", "its log")
        case _ if status >= _SERVER_ERROR:
            raise _unavailable(address, f"is out of order, with status {status}", "its log")
    body = _object(text)
    if body is None or (status == _NOT_FOUND and body.get("error_code") not in _UNKNOWN):
        raise _unavailable(address, f"does not answer as a registry does, with status {status}")
    return Answer(status, body)


def _no_answer(address: str, error: Exception) -> UnavailableError:
    """Return the error for a connection that failed; TLS has settings of its own."""
    text = str(error)
    if "certificate verify failed" in text:
        why = text.partition("certificate verify failed: ")[2].partition(" (_ssl")[0]
        what = f"shows a certificate that is refused ({why})"
        return _unavailable(address, what, "SEG_SCHEMA_REGISTRY__CA_FILE")
    if isinstance(error, SSLError):
        settings = f"{URL_SETTING}, SEG_SCHEMA_REGISTRY__CERTIFICATE_FILE and __KEY_FILE"
        what = "does not answer by TLS: it has none, refuses our certificate or misses one"
        return _unavailable(address, what, settings)
    return _unavailable(address, f"does not answer ({type(error).__name__})")


def _object(text: bytes) -> Object | None:
    if len(text) > MAX_ANSWER_BYTES:
        return None
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _unavailable(address: str, what: str, look_at: str = URL_SETTING) -> UnavailableError:
    return UnavailableError(DEPENDENCY, f"the schema registry at {address} {what}: see {look_at}")
