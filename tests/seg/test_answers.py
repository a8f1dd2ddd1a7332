"""What an answer means: the table of the wire document, every status."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.seg.answers import DETAIL_CHARACTERS, AnswerClass, classify, detail_of

# seg-wire, "Decided: what an answer means", row by row; a row's own statuses.
NAMED = {
    AnswerClass.DELIVERED: {*range(200, 300)},
    AnswerClass.UNSUPPORTED: {501},
    AnswerClass.REJECTED: {400, 409, 413, 414, 415, 422},
    AnswerClass.UNAUTHORISED: {401, 403, 407},
    AnswerClass.MISROUTED: {404, 405, 410, *range(300, 400)},
    AnswerClass.TRANSIENT: {408, 423, 425, 429, *(set(range(500, 600)) - {501})},
}
BY_STATUS = {status: kind for kind, statuses in NAMED.items() for status in statuses}


def expected(status: int) -> AnswerClass:
    """Return the class of *status* by the document's words."""
    if status in BY_STATUS:
        return BY_STATUS[status]
    # "any 4xx not named below" is rejected; 1xx proves nothing.
    return AnswerClass.REJECTED if 400 <= status < 500 else AnswerClass.TRANSIENT


@pytest.mark.parametrize("status", range(100, 600))
def test_every_status(status: int) -> None:
    """Each status from 100 to 599 is in the class that the document gives it."""
    assert expected(status) is classify(status)


@pytest.mark.parametrize("status", [None, 0, 99, 600, 999])
def test_no_http(status: int | None) -> None:
    """No answer, and one that is no HTTP, says nothing about the call: transient."""
    assert classify(status) is AnswerClass.TRANSIENT


class TestDetail:
    """What is told to people of an answer."""

    def test_message(self) -> None:
        """Seg's message is told."""
        detail = detail_of(400, b'{"message": "timestamp: expected RFC 3339"}')

        assert detail == "Seg answered 400: timestamp: expected RFC 3339"

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"<html>Bad Gateway</html>",
            b"[]",
            b"null",
            b'"message"',
            b'{"message": 5}',
            b'{"message": null}',
            b'{"message": ""}',
            b'{"error": "m"}',
            b'{"message": "cut',
            b'{"message": "\\ud800"}',
            b"\xff\xfe\x00",
            b"[" * 60_000,
            b'{"a":' * 10_000,
        ],
        ids=lambda body: repr(body[:16]),
    )
    def test_no_message(self, body: bytes) -> None:
        """Of a body without a message only the status is told, whatever it is."""
        assert detail_of(502, body) == "Seg answered 502"

    def test_control_characters(self) -> None:
        """Line breaks and other control characters become spaces: the text goes into a log line."""
        detail = detail_of(400, orjson.dumps({"message": "a\r\nb\x00c\x1b[31m\u2028d"}))

        assert detail == "Seg answered 400: a  b c [31m d"

    @pytest.mark.parametrize(
        "message",
        [
            "unknown customer jane@example.com",
            "email: expected another, got 'jane@example.com'",
            "<jane@example.com>",
            "jane+x@sub.example.com;",
            "jané@example.com",
        ],
    )
    def test_email_address(self, message: str) -> None:
        """An address that Seg quotes is taken out."""
        detail = detail_of(400, orjson.dumps({"message": message}))

        assert "jan" not in detail
        assert "example.com" not in detail
        assert "<e-mail address>" in detail

    def test_email_address_at_the_end(self) -> None:
        """An address that the bound would cut in two is taken out as well."""
        message = "x" * (DETAIL_CHARACTERS - 8) + " jane@example.com"

        assert "jane" not in detail_of(400, orjson.dumps({"message": message}))

    @given(
        st.integers(100, 599), st.binary() | st.text().map(lambda t: orjson.dumps({"message": t}))
    )
    def test_any_body(self, status: int, body: bytes) -> None:
        """Whatever comes, the text is short, printable and begins with the status."""
        detail = detail_of(status, body)

        assert detail.startswith(f"Seg answered {status}")
        assert len(detail) <= DETAIL_CHARACTERS
        assert detail.isprintable()
