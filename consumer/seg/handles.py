"""What a request needs of libcurl: an easy handle with its options, its headers and its pool.

TLS is verified, redirects are never followed (they would carry the key elsewhere), and no more
than `ANSWER_BYTES` of an answer are read. It speaks HTTP/1.1: HTTP/2, which libcurl would
negotiate, costs more CPU a call.
"""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pycurl

from consumer.seg.replies import ANSWER_BYTES

if TYPE_CHECKING:
    from consumer.seg.pools import Pools


class ClientOptions(NamedTuple):
    """Where the requests go and how long they may take."""

    endpoint: str
    website_id: str
    user_agent: str
    connect_timeout_s: float
    timeout_s: float
    ca_file: Path | None
    proxy: str | None
    """None leaves it to the environment (https_proxy, all_proxy, no_proxy)."""
    direct: bool
    """Ignore the proxies of the environment: the endpoint is on this machine."""


class Transfer:
    """One easy handle, kept and used again: with it stay its connection and its options."""

    __slots__ = ("body", "curl", "fresh", "opened", "pool", "sent_s", "size_bytes", "token")

    def __init__(self, options: ClientOptions, pools: Pools, lifetime_s: float) -> None:
        self.token: object = None
        self.body: list[bytes] = []
        self.sent_s = 0.0  # monotonic
        self.size_bytes = 0
        """About what the request has, head and body."""
        self.fresh = False
        """It goes over a new connection."""
        self.opened: list[int] = []
        """The connections that were made for the request under way."""
        self.curl = new_handle(options, self.body)
        self.curl.setopt(pycurl.MAXLIFETIME_CONN, round(lifetime_s))
        self.pool = pools.join(self.curl, self.opened)

    def resent(self) -> int:
        """Return how often libcurl sent the request again by itself.

        It does so where a connection turns out to be closed before a byte of the answer has come.
        """
        sent_bytes = int(self.curl.getinfo(pycurl.REQUEST_SIZE))
        return max(0, round(sent_bytes / self.size_bytes) - 1)


def new_handle(options: ClientOptions, body: list[bytes]) -> pycurl.Curl:
    """Return an easy handle set up for POSTs; the answer's own body is added to *body*."""
    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, options.endpoint)
    curl.setopt(pycurl.POST, 1)
    curl.setopt(pycurl.USERAGENT, options.user_agent)
    curl.setopt(pycurl.WRITEFUNCTION, body.append)
    curl.setopt(pycurl.MAXFILESIZE, ANSWER_BYTES)
    curl.setopt(pycurl.CONNECTTIMEOUT_MS, round(options.connect_timeout_s * 1000))
    curl.setopt(pycurl.TIMEOUT_MS, round(options.timeout_s * 1000))
    curl.setopt(pycurl.FOLLOWLOCATION, 0)
    curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
    curl.setopt(pycurl.SSL_VERIFYPEER, 1)
    curl.setopt(pycurl.SSL_VERIFYHOST, 2)
    curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
    curl.setopt(pycurl.TCP_KEEPALIVE, 1)
    curl.setopt(pycurl.NOSIGNAL, 1)
    if options.ca_file is not None:
        curl.setopt(pycurl.CAINFO, str(options.ca_file))
    if options.proxy is not None:
        curl.setopt(pycurl.PROXY, options.proxy)
    if options.direct:
        curl.setopt(pycurl.NOPROXY, "*")
    return curl


def _encoded_key(options: ClientOptions) -> str:
    # The key is the user name, the password is empty and the colon always there:
    # Segment docs, "Building a Direct Destination".
    return base64.b64encode(f"{options.website_id}:".encode()).decode("ascii")


def key_pattern(options: ClientOptions) -> re.Pattern[str]:
    """Return what finds the key in a text, as the operator wrote it and as it is sent."""
    keys = (options.website_id.strip("{}"), _encoded_key(options).rstrip("="))
    return re.compile("|".join(map(re.escape, keys)), re.IGNORECASE)


def headers_of(options: ClientOptions) -> list[str]:
    """Return the headers that every request has; they hold the key."""
    return [
        "Content-Type: application/json",
        "Accept: application/json",
        f"Authorization: Basic {_encoded_key(options)}",
    ]


def head_bytes_of(options: ClientOptions) -> int:
    """Return about how long the head of a request is, bytes."""
    host_and_path = options.endpoint.partition("://")[2]
    own = ["POST  HTTP/1.1", "Host: ", "User-Agent: ", "Content-Length: 1000", "Idempotency-Key: "]
    lines = [*own, *headers_of(options), "", options.user_agent, host_and_path, "-" * 36]
    return sum(len(line) + 2 for line in lines)
