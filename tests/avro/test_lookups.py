"""The registry as the loop asks it: never waited for, and what one answer says about the others.

The registry is real HTTP; the clock is the test's, so that a minute takes no time.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import structlog
from structlog.testing import LogCapture

from consumer.avro.conversation import Access
from consumer.avro.lookups import (
    MAX_AT_ONCE,
    MAX_OPEN,
    OWN_FAULT,
    RETRY_S,
    SLOW_S,
    UNKNOWN_FOR_S,
    Lookups,
)
from consumer.core.errors import DeadLetterReason, PendingError, PoisonError, UnavailableError
from tests.avro.registry_stub import RegistryStub, running
from tests.fakes import FakeClock

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE_S = 20.0
"""How long a test waits for a registry on this machine."""
REFUSALS = [(403, 40301), (422, 42201), (500, 50005)]


class Asking:
    """The look-ups of one registry, asked for again and again as the loop does."""

    def __init__(self, stub: RegistryStub, *, timeout_s: float = 5.0) -> None:
        self.stub = stub
        self.clock = FakeClock()
        self.seconds: list[float] = []
        self.log = LogCapture()
        self.lookups = Lookups(
            Access(url=stub.url, timeout_s=timeout_s),
            self.clock,
            observe=self.seconds.append,
            log=structlog.wrap_logger(structlog.ReturnLogger(), processors=[self.log]).bind(),
        )

    def outcome(self, schema_id: int) -> tuple[str, ...] | DeadLetterReason | str:
        """Ask until there is something to say: the schema, why it is poison, or who is away."""
        until_s = time.perf_counter() + PATIENCE_S
        while time.perf_counter() < until_s:
            try:
                return self.lookups.schema(schema_id)
            except PendingError:
                time.sleep(0.001)  # noqa: TID251 - the answer comes over a real socket
            except PoisonError as error:
                return error.reason
            except UnavailableError as error:
                return error.detail
        pytest.fail(f"nothing was said of {schema_id}")

    def pending(self, schema_id: int, *, ended: int) -> None:
        """Ask until *ended* look-ups are over; each time the answer must be: not here yet."""
        until_s = time.perf_counter() + PATIENCE_S
        while len(self.seconds) < ended and time.perf_counter() < until_s:
            with pytest.raises(PendingError):
                self.lookups.schema(schema_id)
            time.sleep(0.001)  # noqa: TID251 - the answer comes over a real socket
        assert len(self.seconds) == ended

    def asked(self, schema_id: int) -> int:
        """Return how often the registry was asked for *schema_id*."""
        return self.stub.requests.count(f"GET /schemas/ids/{schema_id}")

    def refuse(self, schema_id: int, status: int = 403, code: int = 40301) -> None:
        """Let the registry refuse *schema_id*, and it alone."""
        self.stub.refused[f"/schemas/ids/{schema_id}"] = (status, code)


@pytest.fixture(name="stub")
def _stub() -> Iterator[RegistryStub]:
    with running(RegistryStub()) as stub:
        yield stub


@pytest.fixture(name="it")
def _it(stub: RegistryStub) -> Iterator[Asking]:
    it = Asking(stub)
    yield it
    it.lookups.close()


class TestNobodyWaits:
    """Whatever the registry does, asking takes no time."""

    def test_schema(self, stub: RegistryStub, it: Asking) -> None:
        """First it is not here yet, then it is, and it is asked for once."""
        schema_id = stub.add('"int"')
        with pytest.raises(PendingError):
            it.lookups.schema(schema_id)

        assert it.outcome(schema_id) == ('"int"',)
        assert it.outcome(schema_id) == ('"int"',)
        assert it.asked(schema_id) == 1
        assert len(it.seconds) == 1

    def test_silent_registry(self, stub: RegistryStub, it: Asking) -> None:
        """A registry that says nothing costs no time of the loop's, for however many ids."""
        stub.delay_s = PATIENCE_S
        start_s = time.perf_counter()

        for schema_id in range(200):
            with pytest.raises(PendingError):
                it.lookups.schema(schema_id)

        assert time.perf_counter() - start_s < PATIENCE_S / 4

    def test_no_answer_in_time(self, stub: RegistryStub) -> None:
        """A look-up ends by itself, also where the answer comes byte by byte."""
        schema_id = stub.add('"int"')
        stub.drips.add(f"/schemas/ids/{schema_id}")
        it = Asking(stub, timeout_s=0.3)

        assert "timed out" in it.outcome(schema_id)

    def test_several_at_once(self, stub: RegistryStub, it: Asking) -> None:
        """Who knows what comes next asks for it beforehand; the answers come together."""
        ids = [stub.add(f'"{number}"') for number in range(MAX_AT_ONCE)]
        stub.delay_s = 0.5
        for schema_id in ids:
            it.lookups.expect(schema_id)
        start_s = time.perf_counter()

        assert [it.outcome(schema_id) for schema_id in ids] == [
            (f'"{number}"',) for number in range(MAX_AT_ONCE)
        ]
        assert time.perf_counter() - start_s < 0.5 * MAX_AT_ONCE / 2
        assert len(stub.requests) == MAX_AT_ONCE

    def test_no_more_at_once(self, stub: RegistryStub, it: Asking) -> None:
        """A registry is not flooded; what found no room is asked for when its turn comes."""
        ids = [stub.add(f'"{number}"') for number in range(3 * MAX_AT_ONCE)]
        for schema_id in ids:
            it.lookups.expect(schema_id)

        assert it.lookups._rest.under_way == MAX_AT_ONCE
        assert it.outcome(ids[-1]) == (f'"{3 * MAX_AT_ONCE - 1}"',)

    def test_what_is_known_is_not_expected(self, stub: RegistryStub, it: Asking) -> None:
        """Nothing is asked for twice."""
        schema_id = stub.add('"int"')
        it.outcome(schema_id)

        it.lookups.expect(schema_id)

        assert it.asked(schema_id) == 1

    def test_one_that_lasts_is_told(self, stub: RegistryStub, it: Asking) -> None:
        """Once, with the id."""
        stub.delay_s = PATIENCE_S
        with pytest.raises(PendingError):
            it.lookups.schema(7)
        assert it.log.entries == []

        it.clock.advance(SLOW_S)
        for _ in range(3):
            with pytest.raises(PendingError):
                it.lookups.schema(7)

        lines = [(line["event"], line["schema_id"], line["seconds"]) for line in it.log.entries]
        assert lines == [("schema_lookup_lasts", "id 7", SLOW_S)]


class TestUnknown:
    """What the registry has not is poison, for a minute."""

    def test_unknown_id(self, stub: RegistryStub, it: Asking) -> None:
        """It is asked for again after a minute, and is known from then on."""
        assert it.outcome(100_001) is DeadLetterReason.UNKNOWN_SCHEMA
        it.clock.advance(UNKNOWN_FOR_S - 0.1)
        assert it.outcome(100_001) is DeadLetterReason.UNKNOWN_SCHEMA
        assert it.asked(100_001) == 1

        stub.add('"int"')
        it.clock.advance(0.2)
        assert it.outcome(100_001) == ('"int"',)

    def test_id_that_none_can_have(self, stub: RegistryStub, it: Asking) -> None:
        """It is poison at once, and nobody is asked."""
        with pytest.raises(PoisonError):
            it.lookups.schema(2**31)
        assert stub.requests == []

    def test_many_unknown_ids(self, it: Asking) -> None:
        """However many there are, only so many are remembered; the oldest is forgotten."""
        for schema_id in range(2**31, 2**31 + MAX_OPEN + 1):
            it.outcome(schema_id)

        assert list(it.lookups._open) == list(range(2**31 + 1, 2**31 + MAX_OPEN + 1))


class TestAway:
    """Where nothing answers as a registry does, no id is at fault."""

    def test_asked_again(self, stub: RegistryStub, it: Asking) -> None:
        """After a second, and no sooner, for as long as it takes; each failure is told once."""
        stub.status = 503
        for attempt in range(1, 4 * OWN_FAULT):
            assert "out of order" in it.outcome(1)
            for _ in range(3):
                with pytest.raises(PendingError):
                    it.lookups.schema(1)
            assert len(it.seconds) == it.asked(1) == attempt
            it.clock.advance(RETRY_S)

    def test_back(self, stub: RegistryStub, it: Asking) -> None:
        """The schema comes when the registry does."""
        schema_id = stub.add('"int"')
        stub.status = 503
        it.outcome(schema_id)

        stub.status = None
        it.clock.advance(RETRY_S)
        assert it.outcome(schema_id) == ('"int"',)

    @pytest.mark.parametrize(("status", "code"), REFUSALS)
    def test_refused_and_nothing_ever_given(
        self, stub: RegistryStub, it: Asking, status: int, code: int
    ) -> None:
        """A registry that has given nothing yet may refuse everybody: the setting is named."""
        stub.status = status
        it.refuse(1, status, code)
        it.pending(1, ended=1)
        for _ in range(4 * OWN_FAULT):
            it.clock.advance(RETRY_S)
            assert f"status {status} and no schema: see" in it.outcome(1)


class TestRefused:
    """A registry that gives others and refuses one id speaks of that id."""

    @pytest.mark.parametrize(("status", "code"), REFUSALS)
    def test_own_fault(self, stub: RegistryStub, it: Asking, status: int, code: int) -> None:
        """After half a minute it is poison; the text has the status and no more."""
        good = stub.add('"int"')
        it.outcome(good)
        it.refuse(9, status, code)

        for refusals in range(OWN_FAULT):
            it.pending(9, ended=2 + refusals)
            it.clock.advance(RETRY_S * 2**refusals)

        assert it.outcome(9) is DeadLetterReason.UNKNOWN_SCHEMA
        assert it.clock.now_s == RETRY_S * (2**OWN_FAULT - 1)
        with pytest.raises(PoisonError, match=f"id 9: .* status {status} and no schema"):
            it.lookups.schema(9)
        assert {line["event"] for line in it.log.entries} == {"schema_refused"}

    def test_first_of_all(self, stub: RegistryStub, it: Asking) -> None:
        """Another schema may be on its way: the first refusal does not mean that it is away."""
        it.refuse(9)
        it.pending(9, ended=1)
        it.outcome(stub.add('"int"'))

        it.clock.advance(RETRY_S)
        it.pending(9, ended=3)

    def test_others_go_on(self, stub: RegistryStub, it: Asking) -> None:
        """Meanwhile others are looked up as ever."""
        it.outcome(stub.add('"int"'))
        it.refuse(9)
        it.pending(9, ended=2)

        assert it.outcome(stub.add('"long"')) == ('"long"',)

    def test_at_once_the_next_time(self, stub: RegistryStub, it: Asking) -> None:
        """It is asked for again after a minute, and needs no new proof."""
        it.outcome(stub.add('"int"'))
        it.refuse(9)
        for refusals in range(OWN_FAULT):
            it.pending(9, ended=2 + refusals)
            it.clock.advance(RETRY_S * 2**refusals)
        it.outcome(9)
        ended = len(it.seconds)

        it.clock.advance(UNKNOWN_FOR_S)
        assert it.outcome(9) is DeadLetterReason.UNKNOWN_SCHEMA
        assert len(it.seconds) == ended + 1

    def test_given_after_all(self, stub: RegistryStub, it: Asking) -> None:
        """A permission that is granted in time costs no event."""
        it.outcome(stub.add('"int"'))
        schema_id = stub.add('"long"')
        it.refuse(schema_id)
        it.pending(schema_id, ended=2)

        stub.refused.clear()
        it.clock.advance(RETRY_S)
        assert it.outcome(schema_id) == ('"long"',)

    def test_registry_that_refuses_all_by_now(self, stub: RegistryStub, it: Asking) -> None:
        """What it has given before it refuses, too: it is the registry, and nothing is poison."""
        it.outcome(stub.add('"int"'))
        stub.status = 500
        it.pending(9, ended=2)

        for _ in range(2 * OWN_FAULT):
            it.clock.advance(60.0)
            assert "to what it has given" in it.outcome(9)

    def test_silence_about_one_id(self, stub: RegistryStub) -> None:
        """No answer is no word about the id, however good the registry is to others."""
        good, dripping = stub.add('"int"'), stub.add('"long"')
        it = Asking(stub, timeout_s=0.2)
        it.outcome(good)
        stub.drips.add(f"/schemas/ids/{dripping}")

        for _ in range(2 * OWN_FAULT):
            assert "timed out" in it.outcome(dripping)
            it.clock.advance(60.0)
