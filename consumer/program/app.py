"""The program's life: check, start, turn until a signal, drain, leave.

TERM or INT     stop reading, let what is under way end (at most `drain_timeout_s`), commit,
                leave the group, exit 0; before the group is joined: exit at once
the second one  exit at once; what is not committed is read again. So it is where an orderly stop
                takes longer than the drain may and `LEAVE_WITHIN_S`
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from consumer.core.errors import StartError
from consumer.kafka.config import lease_s
from consumer.kafka.start import check_start, group_session_s
from consumer.observe import logs
from consumer.observe.exposition import Metrics
from consumer.observe.health import Health, HealthServer, LastFailure, Status
from consumer.observe.metrics import Tally
from consumer.program import gauges
from consumer.program.signals import Signals
from consumer.program.wiring import VERSION, build, renew, versions
from consumer.seg.breaker import OpenReason

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from structlog.typing import FilteringBoundLogger

    from consumer.core.timing import Clock
    from consumer.program.rotation import SecretFiles
    from consumer.settings import Settings

LEAVE_WITHIN_S = 10.0
"""How long the last commit and leaving the group may take: brokers may accept and not answer."""
PUBLISH_S = 0.1
"""How old the figures of a scrape may be."""
LAG_S = 1.0
"""How often the ends of the partitions are looked up."""


ASK_FOR_A_SETTING = frozenset({OpenReason.UNAUTHORISED, OpenReason.MISROUTED})
"""What Seg's answers say of our own settings."""


def totals(tally: Tally) -> dict[str, int]:
    """Return what became of the records of a run, by outcome."""
    return {
        "delivered": int(sum(tally.calls_delivered.values())),
        "ignored": int(sum(tally.records_ignored.values())),
        "dead_lettered": int(sum(tally.records_dead_lettered.values())),
    }


class App:
    """One run of the consumer."""

    def __init__(
        self,
        settings: Settings,
        secrets: SecretFiles | None = None,
        *,
        clock: Clock,
        random: Random,
        log: FilteringBoundLogger,
    ) -> None:
        """Make every part and serve the probes; nothing is read yet.

        *secrets* are the mounted files among the sources of *settings*, where there are any.

        Raises:
            StartError: the port is taken, or a schema file cannot be used.
        """
        self._settings = settings
        self._secrets = secrets
        self._clock = clock
        self._log = log
        self.tally = Tally()
        self.tally.build_info[versions()] = 1
        self.metrics = Metrics(clock)
        self._health = Health(settings.http.liveness_timeout_s, clock)
        self._parts = build(settings, tally=self.tally, clock=clock, random=random, log=log)
        self.server = HealthServer(
            settings.http.host, settings.http.port, self._health, self.metrics
        )
        self._published_s = 0.0
        self._lag_s = 0.0
        self._waits_for: str | None = None
        self._failures_told = 0
        self._joins = False
        self._stopping = False

    def run(self, until: Callable[[Tally], bool] = lambda _tally: False) -> None:
        """Consume until a signal, or until *until* says so; then drain, commit and leave.

        Raises:
            StartError: Kafka cannot be used as the settings say, now or later.
        """
        parts = self._parts
        try:
            self._check_start()
            self._joins = True
            parts.source.subscribe(parts.rebalance)
            self._tell_start()
            while not self._stopping and not until(self.tally):
                parts.pipeline.turn()
                self._publish()
                self._renew()
            self._log.info("stopping")
            handed_over = self.tally.records_handed_over
            parts.rebalance.revoked(parts.gauged.assignment.tenures)
            unfinished = self.tally.records_handed_over - handed_over
        finally:
            parts.source.close()
            parts.dead_letters.close()
            parts.client.close()
            if parts.lookups is not None:
                parts.lookups.close()
            gauges.refresh(self.tally, parts.gauged)
            self.metrics.publish(self.tally)
            self.server.close()
            logs.tell_repeats(to_the_end=True)
        self._log.info("stopped", **totals(self.tally), unfinished=unfinished)

    def stop(self) -> None:
        """Let `run` end after the turn under way."""
        self._stopping = True

    def stop_on_signals(self) -> None:
        """Stop on the first TERM or INT; end on the second, or on one before the group is met."""

        def stop() -> float | None:
            self._stopping = True
            ends_s = self._settings.kafka.drain_timeout_s + LEAVE_WITHIN_S
            return ends_s if self._joins else None

        Signals(stop, self._log)

    def _check_start(self) -> None:
        kafka = self._settings.kafka
        self._log.info("connecting", brokers=kafka.bootstrap_servers)
        try:
            check_start(kafka, self._settings.dead_letter, self._clock, self._log)
        except StartError:
            logs.silence()  # it says what librdkafka's lines, which come as it closes, do not
            raise
        session_s = group_session_s(kafka, self._clock, self._log)
        self._parts.gauged.assignment.lease_s = lease_s(session_s)

    def _tell_start(self) -> None:
        kafka = self._settings.kafka
        self._log.info(
            "started",
            version=VERSION,
            port=self.server.port,
            brokers=kafka.bootstrap_servers,
            topics=kafka.topics,
            group=kafka.group_id,
            endpoint=self._settings.delivery.endpoint.partition("?")[0],
        )

    def _renew(self) -> None:
        """Take over secrets that were rotated."""
        settings = None if self._secrets is None else self._secrets.changed()
        if settings is not None:
            renew(self._parts, settings)
            self._log.info("secrets_taken_over")

    def _publish(self) -> None:
        now_s = self._clock.monotonic_s()
        if now_s - self._published_s >= PUBLISH_S:
            self._publish_now(now_s)
        waits_for = self._parts.pipeline.waits_for
        if waits_for != self._waits_for:
            self._tell(waits_for)

    def _publish_now(self, now_s: float) -> None:
        parts, tally = self._parts, self.tally
        self._published_s = now_s
        logs.tell_repeats()
        tenures = parts.gauged.assignment.tenures
        gauges.refresh(tally, parts.gauged)
        gauges.refresh_waits(tally, parts.pipeline)
        parts.dead_letters.expect({tenure.partition.topic for tenure in tenures})
        if tenures and now_s - self._lag_s >= LAG_S:
            self._lag_s = now_s
            now_ms = self._clock.wall_s() * 1000
            extents = parts.source.extents()
            parts.gauged.assignment.pass_over(extents)
            gauges.refresh_lag(tally, tenures, extents, now_ms)
        self.metrics.publish(tally)
        self._health.status = Status(
            turned_at_s=now_s,
            is_member=bool(tenures) or parts.source.is_member,
            assigned=len(tenures),
            waits_for=parts.pipeline.waits_for,
            detail=parts.pipeline.detail,
            last_failure=self._last_failure(now_s),
        )

    def _last_failure(self, now_s: float) -> LastFailure | None:
        """Return the last request that Seg did not take; write a line where it is a new one."""
        delivery = self._parts.gauged.delivery
        failure = delivery.last_failure
        if failure is None:
            return None
        if delivery.failures != self._failures_told:
            self._failures_told = delivery.failures
            next_s = failure.next_try_s
            self._log.warning(
                "seg_failing",
                reason=failure.cause,
                detail=failure.detail,
                look_at=failure.look_at,
                failures=delivery.failures,
                next_try_in_s=None if next_s is None else round(max(0.0, next_s - now_s), 1),
            )
        return LastFailure(failure.cause, failure.detail, failure.look_at, failure.at_s)

    def _tell(self, waits_for: str | None) -> None:
        """Write the one line that says why consumption stopped, or that it goes on."""
        if waits_for is None:
            self._log.info("going_on", waited_for=self._waits_for)
        else:
            detail = self._parts.pipeline.detail
            failure = self._parts.gauged.delivery.last_failure
            more = {}
            if failure is not None and waits_for in ASK_FOR_A_SETTING:
                more["look_at"] = failure.look_at
            self._log.warning("waiting", reason=waits_for, detail=detail, **more)
        self._waits_for = waits_for
