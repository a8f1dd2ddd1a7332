"""HTTP on the wire: one connection and what comes over it."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.sandbox import Fault, Match, Trouble
from consumer.sandbox.protocol import Reader
from tests.sandbox.client import HEADERS, Client, page

if TYPE_CHECKING:
    import socket

    from consumer.sandbox import Sandbox

BODY = b'{"type":"page","timestamp":"2026-11-23T10:11:12.345Z"}'


def request(*lines: str, body: bytes = BODY) -> bytes:
    """Return a POST with the right key, *lines* among its headers."""
    head = ["POST / HTTP/1.1", "Host: sandbox", f"Content-Length: {len(body)}", *lines]
    head += [f"{name}: {value}" for name, value in HEADERS.items()]
    return "\r\n".join([*head, "", ""]).encode() + body


def read_to_end(sock: socket.socket) -> bytes:
    """Return all bytes that come until the other side closes."""
    parts = []
    while part := sock.recv(65536):
        parts.append(part)
    return b"".join(parts)


def test_keep_alive(client: Client) -> None:
    """One connection carries one request after the other."""
    sock = client.sock

    statuses = [client.post(page(f"m-{number}")).status for number in range(3)]

    assert statuses == [200, 200, 200]
    assert sock is client.sock


@pytest.mark.parametrize(
    "data", [request("Connection: close"), request().replace(b"HTTP/1.1", b"HTTP/1.0")]
)
def test_close(client: Client, data: bytes) -> None:
    """A client that wants no second request is hung up on after the answer."""
    client.sock.sendall(data)

    answer = read_to_end(client.sock)

    assert answer.startswith(b"HTTP/1.1 200 OK\r\nConnection: close\r\n")
    assert answer.endswith(b'\r\n\r\n{"accepted":1,"doubles":0}')


def test_pipelined(sandbox: Sandbox, client: Client) -> None:
    """Requests that come in one piece are answered in their order, also past a delayed one."""
    slow = Match(message_id="m-0")
    sandbox.faults([Fault(delay_s=0.2, match=slow), Fault(status=503, match=Match(type="alias"))])
    slow_body = BODY.replace(b"{", b'{"messageId":"m-0",')
    alias_body = BODY.replace(b"page", b"alias")

    client.sock.sendall(
        request(body=slow_body)
        + request(body=alias_body)
        + request(body=b"{}")
        + request("Connection: close")
    )

    answers = read_to_end(client.sock).split(b"HTTP/1.1 ")[1:]
    assert [answer[:3] for answer in answers] == [b"200", b"503", b"501", b"200"]


@pytest.mark.parametrize(
    ("method", "fault", "start"),
    [
        ("HEAD", Fault(delay_s=1), b"HTTP/1.1 200 OK\r\n"),
        ("POST", Fault(status=204), b"HTTP/1.1 204 No Content\r\n"),
    ],
)
def test_no_body(sandbox: Sandbox, client: Client, method: str, fault: Fault, start: bytes) -> None:
    """After an answer to HEAD, and after 204, no byte of a body follows."""
    sandbox.faults([fault])

    client.sock.sendall(request("Connection: close").replace(b"POST", method.encode(), 1))

    answer = read_to_end(client.sock)
    assert answer.startswith(start)
    assert answer.endswith(b"\r\n\r\n")


def test_reset_is_a_reset(sandbox: Sandbox, client: Client) -> None:
    """A reset is one on the wire, and not an orderly end without an answer."""
    sandbox.faults([Fault(trouble=Trouble.RESET)])

    client.sock.sendall(request())

    with pytest.raises(ConnectionResetError):
        client.sock.recv(1)


def test_half_close_is_half(sandbox: Sandbox, client: Client) -> None:
    """Behind the end of its own stream the sandbox goes on reading."""
    sandbox.faults([Fault(trouble=Trouble.HALF_CLOSE)])

    client.sock.sendall(request())

    assert b"\r\n\r\n" in read_to_end(client.sock)
    for _ in range(20):
        client.sock.sendall(b"x" * 10_000)


def test_in_small_pieces(client: Client) -> None:
    """A request may come byte by byte."""
    for byte in request("Connection: close"):
        client.sock.sendall(bytes([byte]))

    assert read_to_end(client.sock).startswith(b"HTTP/1.1 200 OK\r\n")


def test_chunked(client: Client) -> None:
    """A body may come in chunks, without its length in the head."""
    data = request("Transfer-Encoding: chunked", "Connection: close", body=b"")
    data = data.replace(b"Content-Length: 0\r\n", b"")

    client.sock.sendall(data + b"%x\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (9, BODY[:9], 45, BODY[9:]))

    assert read_to_end(client.sock).startswith(b"HTTP/1.1 200 OK\r\n")


def test_endless_body(sandbox: Sandbox, client: Client) -> None:
    """Of a body without end nothing is kept; when it ends after all, the answer is 413."""
    head = request("Connection: close", body=b"").replace(
        b"Content-Length: 0", b"Content-Length: 20000000"
    )
    client.sock.sendall(head)
    for _ in range(20):
        client.sock.sendall(b"x" * 1_000_000)

    assert read_to_end(client.sock).startswith(b"HTTP/1.1 413 ")
    assert sandbox.summary()["by_status"] == {"413": 1}


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: two\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
    ],
)
def test_garbage(sandbox: Sandbox, client: Client, garbage: bytes) -> None:
    """What is no HTTP is answered 400 and the end; what came before it is answered first."""
    client.sock.sendall(request() + garbage)

    answers = read_to_end(client.sock).split(b"HTTP/1.1 ")[1:]

    assert [answer[:3] for answer in answers] == [b"200", b"400"]
    assert sandbox.summary()["accepted"] == 1


def test_client_gone_half_way(sandbox: Sandbox) -> None:
    """A client that leaves in the middle of its request has sent none."""
    with closing(Client(sandbox.url)) as client:
        client.sock.sendall(request()[:-10])

    with closing(Client(sandbox.url)) as client:
        assert client.post(page("m-1")).status == 200
    assert sandbox.summary()["requests"] == 1


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=4), st.data())
def test_any_cut(bodies: list[bytes], data: st.DataObject) -> None:
    """However the bytes are cut on their way, the same requests come out."""
    target = "/a/long/target?to=be&cut=in&the=middle"
    stream = b"".join(
        request(body=body).replace(b" / ", f" {target} ".encode(), 1) for body in bodies
    )
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=6).map(sorted))
    reader = Reader(max_body_bytes=20)

    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        reader.feed(stream[start:end])

    expected = [(target, b"", True) if len(body) > 20 else (target, body, False) for body in bodies]
    assert expected == [(made.target, made.body, made.too_large) for made in reader.requests]
    assert not reader.broken
