"""What the program says, and what it must never say."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
from typing import TYPE_CHECKING

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from consumer.observe import logs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consumer.core.model import Value

NOON_S = 1_795_348_800.0  # 2026-11-22T12:00:00Z


class FakeClock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def monotonic_s(self) -> float:
        """Return the seconds that were told."""
        return self.now_s

    def boottime_s(self) -> float:
        """Return the same: nothing is ever suspended."""
        return self.now_s

    def wall_s(self) -> float:
        """Return noon and the seconds that were told."""
        return NOON_S + self.now_s


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Leave the process as it was: logging is a matter of the whole process."""
    hooks = sys.excepthook, threading.excepthook
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    sys.excepthook, threading.excepthook = hooks
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture(name="clock")
def _clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(name="out")
def _out(clock: FakeClock) -> io.StringIO:
    stream = io.StringIO()
    logs.configure(level="info", layout=None, stream=stream, clock=clock)
    return stream


def lines(out: io.StringIO) -> list[dict[str, object]]:
    """Return what was written, one object a line."""
    *written, rest = out.getvalue().split("\n")
    assert not rest
    return [json.loads(line) for line in written]


class TestForm:
    """What a line looks like."""

    def test_json(self, out: io.StringIO, clock: FakeClock) -> None:
        """A line begins with when, how bad and what, and its facts follow."""
        clock.now_s = 0.25
        logs.get(partition="events-3").warning("paused", offsets=7)

        assert out.getvalue() == (
            '{"timestamp":"2026-11-22T12:00:00.250Z","level":"warning","event":"paused",'
            '"partition":"events-3","offsets":7}\n'
        )

    def test_level(self, out: io.StringIO) -> None:
        """What is below the level is not written."""
        logs.get().debug("turned")
        logging.getLogger("urllib3").debug("turned")

        assert out.getvalue() == ""

    def test_a_logger_may_be_made_before(self, clock: FakeClock) -> None:
        """A module's logger follows the configuration that comes later."""
        log = logs.get()
        stream = io.StringIO()
        logs.configure(level="debug", layout="json", stream=stream, clock=clock)
        log.debug("turned")

        assert [line["event"] for line in lines(stream)] == ["turned"]

    @pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
    def test_no_color(
        self, no_color: str, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, *, coloured: bool
    ) -> None:
        """A terminal gets colours, unless `NO_COLOR` is there and not empty."""
        monkeypatch.setenv("NO_COLOR", no_color)
        stream = Terminal()
        logs.configure(level="info", layout=None, stream=stream, clock=clock)
        logs.get().info("started")

        assert ("\x1b[" in stream.getvalue()) == coloured

    @pytest.mark.parametrize(
        ("stream", "layout", "is_json"),
        [
            (io.StringIO(), None, True),
            (io.StringIO(), "console", False),
            (Terminal(), None, False),
            (Terminal(), "json", True),
        ],
    )
    def test_layout(
        self, stream: io.StringIO, layout: str | None, clock: FakeClock, *, is_json: bool
    ) -> None:
        """Lines are for people on a terminal and JSON elsewhere, unless the layout is given."""
        logs.configure(
            level="info",
            layout=layout,  # type: ignore[arg-type]
            stream=stream,
            clock=clock,
        )
        logs.get().info("ready")

        assert is_json == stream.getvalue().startswith("{")
        assert "ready" in stream.getvalue()

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        )
        | st.text(st.characters(categories=["Cs", "Cc", "Lu"]))
    )
    def test_any_fact_is_one_line(self, fact: Value) -> None:
        """Whatever a fact is, it makes one line of JSON and no error."""
        stream = io.StringIO()
        logs.configure(level="info", layout="json", stream=stream, clock=FakeClock())
        logs.get().info("seen", fact=fact)

        assert [line["event"] for line in lines(stream)] == ["seen"]

    def test_bytes_are_counted(self, out: io.StringIO) -> None:
        """The bytes of an event are not for a log; how many they are may be."""
        logs.get().info("seen", value=b"secret")

        assert [line["value"] for line in lines(out)] == ["6 bytes"]


class TestRepeats:
    """What is written once, and then counted."""

    def test_repeat(self, out: io.StringIO, clock: FakeClock) -> None:
        """An event with the same reason is written once a period, with the count of the rest."""
        log = logs.get()
        for second in range(62):
            clock.now_s = float(second)
            log.warning("kafka_unreachable", reason="transport", second=second)

        assert [(line["second"], line.get("repeated")) for line in lines(out)] == [
            (0, None),
            (30, 29),
            (60, 29),
        ]

    def test_the_count_comes_by_itself(self, out: io.StringIO, clock: FakeClock) -> None:
        """At the end of the period, with the facts of the last one; then there is silence."""
        log = logs.get()
        for offset in range(10_000):
            log.warning("record_dead_lettered", reason="bad_avro", offset=offset)
        logs.tell_repeats()
        clock.now_s = logs.REPEAT_PERIOD_S
        for _ in range(3):
            logs.tell_repeats()
            clock.now_s += logs.REPEAT_PERIOD_S

        assert [(line["offset"], line.get("repeated")) for line in lines(out)] == [
            (0, None),
            (9_999, 9_999),
        ]
        assert {line["level"] for line in lines(out)} == {"warning"}

    def test_the_period_begins_anew_with_the_count(
        self, out: io.StringIO, clock: FakeClock
    ) -> None:
        """What goes on is told twice a minute, however often somebody looks."""
        log = logs.get()
        for tenth in range(901):
            clock.now_s = tenth / 10
            log.warning("kafka_unreachable", reason="transport")
            logs.tell_repeats()

        assert [line.get("repeated") for line in lines(out)] == [None, 299, 299, 299]

    def test_nothing_is_left_out_at_the_end(self, out: io.StringIO) -> None:
        """The program that stops tells the rest at once."""
        for _ in range(3):
            logs.get().warning("kafka_unreachable", reason="transport")
        logs.tell_repeats(to_the_end=True)

        assert [line.get("repeated") for line in lines(out)] == [None, 2]

    def test_a_repeat_has_no_stack(self, out: io.StringIO, clock: FakeClock) -> None:
        """It was written with the first line; by now another exception may be under way."""
        for _ in range(2):
            try:
                fail()
            except RuntimeError:
                logs.get().exception("failed", reason="broken")
        clock.now_s = logs.REPEAT_PERIOD_S
        logs.tell_repeats()

        first, repeat = lines(out)
        assert "exception" in first
        assert "exception" not in repeat

    def test_other_reason(self, out: io.StringIO) -> None:
        """Another event, or another reason, is another line."""
        log = logs.get()
        log.warning("paused", reason="outage")
        log.warning("paused", reason="unauthorised")
        log.warning("opened", reason="outage")

        assert len(lines(out)) == 3

    def test_no_reason(self, out: io.StringIO) -> None:
        """A change of state is written each time."""
        log = logs.get()
        log.info("assigned", partition="events-1")
        log.info("assigned", partition="events-2")

        assert len(lines(out)) == 2

    def test_memory_is_bounded(self, out: io.StringIO) -> None:
        """However many reasons there are, the memory of them is bounded."""
        log = logs.get()
        for number in range(1_001):
            log.info("seen", reason=str(number))
        log.info("seen", reason="0")

        assert len(lines(out)) == 1_002


def test_silence(out: io.StringIO) -> None:
    """What comes while the program ends with a sentence of its own is left out."""
    logs.silence()
    logs.get().error("late", reason="noise")
    logs.get().error("late")

    assert lines(out) == []


class TestLibraries:
    """What others say."""

    def test_logging(self, out: io.StringIO) -> None:
        """A line of a library that knows only `logging` has the same form."""
        logging.getLogger("urllib3.connectionpool").warning("pool of %s is full", "registry")

        assert lines(out) == [
            {
                "timestamp": "2026-11-22T12:00:00.000Z",
                "level": "warning",
                "event": "library",
                "library": "urllib3.connectionpool",
                "reason": "pool of registry is full",
            }
        ]

    @pytest.mark.parametrize(("number", "level"), [(25, "info"), (99, "critical")])
    def test_odd_levels(self, out: io.StringIO, number: int, level: str) -> None:
        """A level between two of ours counts as the lower."""
        logging.getLogger("odd").log(number, "x")

        assert [level] == [line["level"] for line in lines(out)]


def fail() -> None:
    """Fail with a secret in a local variable."""
    secret = "hun" + "ter2"
    raise RuntimeError(f"broken after {len(secret)} characters")


class TestExceptions:
    """What is said when something broke."""

    @pytest.mark.parametrize("layout", ["json", "console"])
    def test_no_local_values(self, layout: str, clock: FakeClock) -> None:
        """A traceback says where and what, and shows no local variable's value."""
        stream = io.StringIO()
        logs.configure(
            level="info",
            layout=layout,  # type: ignore[arg-type]
            stream=stream,
            clock=clock,
        )
        try:
            fail()
        except RuntimeError:
            logs.get().exception("failed")

        assert "RuntimeError: broken after 7 characters" in stream.getvalue()
        assert "in fail" in stream.getvalue()
        assert "hunter2" not in stream.getvalue()

    def test_uncaught(self, out: io.StringIO) -> None:
        """An exception that nobody caught is a line too, from any thread."""
        try:
            fail()
        except RuntimeError as error:
            sys.excepthook(type(error), error, error.__traceback__)
        thread = threading.Thread(target=fail, daemon=True)
        thread.start()
        thread.join()

        assert [(line["level"], line["event"]) for line in lines(out)] == [
            ("critical", "uncaught")
        ] * 2
        assert all("broken after 7" in str(line["exception"]) for line in lines(out))


class TestMasks:
    """What is masked should it get into a line all the same."""

    @pytest.mark.parametrize(
        ("text", "masked"),
        [
            ("no user jane.doe+x@example.co.uk here", "no user [e-mail] here"),
            ('{"email": "jürgen@exämple.de"}', '{"email": "[e-mail]"}'),
            ("a@b.c,d@e.f", "[e-mail],[e-mail]"),
            ('no "jane doe"@example.com', "no [e-mail]"),
            ("Key (email)=(jane@intranet) exists", "Key (email)=([e-mail]) exists"),
            ("jane @ example.com, jane(at)example.com", "[e-mail], [e-mail]"),
            # As URLs, JSON and HTML escape it.
            ("GET /u/jane%40example.com?x=1", "GET /u/[e-mail]?x=1"),
            ("user=jane%2Bx%40example.com&y=2", "user=[e-mail]&y=2"),
            ("jane%252540example.com", "[e-mail]"),
            ("jane\\u0040example.com", "[e-mail]"),
            ("jane&#64;example.com", "[e-mail]"),
            # An authority's user and password, with signs in it that belong escaped.
            ("https://user:pa55@registry:8081/x", "https://[hidden]@registry:8081/x"),
            ("https://:token@registry/x", "https://[hidden]@registry/x"),
            ("https://user:p@ss@registry/x", "https://[hidden]@registry/x"),
            ("https://user:p/ss@registry/x", "https://[hidden]@registry/x"),
            ("https://registry:80/jane@example.com", "https://registry:80/[e-mail]"),
            ("Authorization: Basic YWJjOg==", "Authorization: [hidden]"),
            ("{'Authorization': 'Bearer abc'}", "{'Authorization': '[hidden]'}"),
            ("authorization: {'x': 'Bearer abc'}", "authorization: [hidden]"),
            ("Cookie: a=b; c=d", "Cookie: [hidden]"),
            ("sent Basic YWJjOg==.", "sent Basic [hidden]"),
            ("sent bearer eyJh.bGci-x_y", "sent bearer [hidden]"),
            # Names of secrets, and what they are set to.
            ("sasl.password=hunter2 of kafka", "sasl.password=[hidden] of kafka"),
            ("?access_token=abcdef&y=2", "?access_token=[hidden]&y=2"),
            ("SEG_DELIVERY__WEBSITE_ID=abc8fb18", "SEG_DELIVERY__WEBSITE_ID=[hidden]"),
            ("username='u' password='p \"w';", "username='u' password='[hidden]';"),
            ("{'api-key': b'a b', 'n': 1}", "{'api-key': b'[hidden]', 'n': 1}"),
            (r'{"secret": "a\"b", "n": 1}', '{"secret": "[hidden]", "n": 1}'),
            (r"{\"secret\": \"a b\", \"n\": 1}", r"{\"secret\": \"[hidden]\", \"n\": 1}"),
            ("-----BEGIN EC PRIVATE KEY-----\nMHcC", "-----BEGIN EC PRIVATE KEY-----[hidden]"),
            # What only looks like one stays readable.
            ("basic authentication failed", "basic authentication failed"),
            ("bearer of news", "bearer of news"),
            ("the token of the password file", "the token of the password file"),
            ("events@3 of broker kafka:9092", "events@3 of broker kafka:9092"),
            ("3 errors @ 12:00", "3 errors @ 12:00"),
        ],
    )
    def test_text(self, out: io.StringIO, text: str, masked: str) -> None:
        """Addresses and credentials are masked wherever they stand in a line."""
        log = logs.get()
        log.info(text)
        log.info("seen", fact=text)
        log.info("seen", fact=[{text: (text,)}])
        log.info("seen", error=ValueError(text))

        assert [
            masked,
            masked,
            [{masked: [masked]}],
            f"ValueError: {masked}",
        ] == [line.get("fact", line.get("error", line["event"])) for line in lines(out)]

    def test_names_of_secrets(self, out: io.StringIO) -> None:
        """What stands under the name of a secret is masked, however deep; its number is none."""
        config: Value = {"sasl.password": "hunter2", "tokens": ["a"], "group.id": "g", "Cookie": 3}
        logs.get().info("seen", client_secret="hunter2", config=[config])

        (line,) = lines(out)
        assert line["client_secret"] == "[hidden]"
        assert line["config"] == [
            {"sasl.password": "[hidden]", "tokens": "[hidden]", "group.id": "g", "Cookie": 3}
        ]

    def test_exceptions(self, out: io.StringIO) -> None:
        """The text of somebody else's exception is masked too."""
        try:
            int("jane@example.com")
        except ValueError:
            logs.get().exception("failed")

        assert "[e-mail]" in out.getvalue()
        assert "jane" not in out.getvalue()

    @pytest.mark.parametrize(
        "part",
        [
            *("a", "a@", "a%40", "1%40", "a @ ", "a(at)", "%25", '"', '"a', "a.", "&#64;"),
            *("basic ", "://", "://:", "://a:/", "/", "token ", "token=", "token\\", 'token="\\'),
            *('authorization:"', "-----BEGIN ", "-----BEGIN PRIVATE KEY-----"),
        ],
    )
    @pytest.mark.timeout(10)
    def test_long_texts(self, out: io.StringIO, part: str) -> None:
        """A long text takes time by its length, not by its square."""
        logs.get().info("seen", fact=part * (200_000 // len(part)))
        logs.get().info("seen", fact=part + " " * 200_000)

        assert len(lines(out)) == 2
