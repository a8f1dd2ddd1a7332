"""What came, what became of it, how late?"""

from __future__ import annotations

from deploy.grafana.panels import Panel, Row, Step, average, finished, gauge, quantile, rate

_IN_BY_POD = f"sum by (pod) ({rate('records_received_total')})"


def _by(label: str, title: str, about: str, metric: str, *runbooks: str) -> Panel:
    """Return the rate of a counter, stacked by its *label*."""
    return Panel(
        title,
        about,
        "cps",
        {f"{{{{{label}}}}}": f"sum by ({label}) ({rate(metric)})"},
        stacked=True,
        runbooks=runbooks,
    )


def _quantiles(title: str, about: str, metric: str, *runbooks: str) -> Panel:
    queries = {f"p{share * 100:g}": quantile(share, metric) for share in (0.5, 0.95, 0.99)}
    return Panel(title, about, "s", queries, runbooks=runbooks)


def _spread(title: str, about: str, metric: str) -> Panel:
    buckets = f"seg_consumer_{metric}_bucket{{@pods}}"
    expr = f"sum by (le) (increase({buckets}[$__rate_interval]))"
    return Panel(title, about, "s", {"{{le}}": expr}, kind="heatmap")


THROUGHPUT = Row(
    "Throughput",
    (
        _by(
            "call",
            "Delivered by call",
            "Seg's event name on a track call, else the call's type.",
            "calls_delivered_total",
        ),
        Panel(
            "Read by pod",
            "Pods far apart: the keys, or the partitions, are unevenly shared.",
            "cps",
            {"{{pod}}": _IN_BY_POD},
        ),
        Panel(
            "Finished by partition and owner",
            "The ten busiest, out of their positions. One far above the rest: a hot key.",
            "cps",
            {"{{topic}}/{{partition}} {{pod}}": f"topk(10, {finished('topic, partition, pod')})"},
        ),
        Panel(
            "Skew",
            "The busiest pod against the average of all; 1 is even.",
            "none",
            {"busiest / average": f"max({_IN_BY_POD}) / (avg({_IN_BY_POD}) > 0)"},
        ),
        Panel(
            "Requests",
            "Requests to Seg that were answered or broke.",
            "reqps",
            {"{{pod}}": f"sum by (pod) ({rate('request_seconds_count')})"},
        ),
        Panel(
            "Calls in a request",
            "The average; 1 unless delivery is in batches.",
            "none",
            {"{{pod}}": average("batch_calls", "pod")},
        ),
    ),
)

OUTCOMES = Row(
    "Outcomes",
    (
        Panel(
            "What became of the records",
            "Each record ends in exactly one of these.",
            "cps",
            {
                "delivered": f"sum({rate('calls_delivered_total')})",
                "ignored": f"sum({rate('records_ignored_total')})",
                "dead letters": f"sum({rate('records_dead_lettered_total')})",
                "handed over": f"sum({rate('records_handed_over_total')})",
            },
            stacked=True,
        ),
        _by(
            "reason",
            "Ignored by reason",
            "Records with nothing to do. `unmapped_event` is normal: Seg knows four events.",
            "records_ignored_total",
        ),
        _by(
            "key",
            "Values left out by key",
            "Values that could not be read: the event went to Seg without the key.",
            "values_left_out_total",
            "SegConsumerValuesLeftOut",
        ),
        Panel(
            "Share of failed requests",
            "Answers that neither took a call nor judged it.",
            "percentunit",
            {
                "{{class}}": "sum by (class) ("
                + rate(
                    "request_attempts_total",
                    where='@pods, class=~"transient|unauthorised|misrouted"',
                )
                + ") / ignoring (class) group_left () "
                f"(sum({rate('request_attempts_total')}) > 0)"
            },
        ),
        Panel(
            "Retries",
            "Calls that were tried again, and batches that wait for another attempt.",
            "short",
            {
                "retried a second": f"sum({rate('calls_retried_total')})",
                "waiting": f"sum({gauge('batches_retrying')})",
            },
        ),
        Panel(
            "Stopped by",
            "1 for the reason why no calls are sent, or a topic is not read.",
            "none",
            {"{{reason}}": f"max by (reason) ({gauge('breaker_open')})"},
            steps=(Step(None, "green"), Step(1, "red")),
            runbooks=(
                "SegConsumerBreakerOpen",
                "SegConsumerUnauthorised",
                "SegConsumerMisrouted",
                "SegConsumerMisconfigured",
                "SegConsumerDeadLetterStorm",
            ),
        ),
        Panel(
            "Dead letters that are not stored",
            "Waiting for the brokers' acknowledgement, and refused; each is tried again. At 1,000 "
            "or 32 MiB the program reads no more.",
            "short",
            {
                "waiting": f"sum({gauge('dead_letters_pending')})",
                "refused a second": f"sum({rate('dead_letter_write_failures_total')})",
            },
            runbooks=("SegConsumerDeadLetterWritesFail",),
        ),
        _by(
            "dependency",
            "Waits for a dependency",
            "Times that what decoding needs did not answer, about one a second while it is away.",
            "dependency_failures_total",
            "SegConsumerDependencyAway",
        ),
        Panel(
            "Customers that Seg cannot know",
            "Share of the delivered identify calls without `traits.email`: anonymous to Seg.",
            "percentunit",
            {
                "anonymous": f"sum({rate('identifies_anonymous_total')}) / (sum("
                + rate("calls_delivered_total", where='@pods, call="identify"')
                + ") > 0)"
            },
        ),
    ),
)

LATENCY = Row(
    "Latency",
    (
        _quantiles(
            "From append to acknowledgement",
            "From the record's append to Kafka to Seg's answer: what the program answers for.",
            "append_to_ack_seconds",
            "SegConsumerFreshnessBurn",
        ),
        _quantiles(
            "From event to acknowledgement",
            "From the event's own timestamp: the producers' delay included.",
            "event_to_ack_seconds",
        ),
        _quantiles(
            "Request",
            "From a request's start to its end: Seg and the network.",
            "request_seconds",
        ),
        _quantiles(
            "Look-up in the schema registry",
            "One for each new schema id; the records behind it wait in their partitions.",
            "registry_lookup_seconds",
            "SegConsumerDependencyAway",
        ),
        _spread(
            "From append to acknowledgement, spread",
            "Two bands: some keys or partitions are slower than the rest.",
            "append_to_ack_seconds",
        ),
        _spread(
            "From event to acknowledgement, spread",
            "A band far up: a producer sends old events, or its clock is wrong.",
            "event_to_ack_seconds",
        ),
        _spread(
            "Request, spread",
            "A band at the time-out (30 s by default): Seg does not answer some requests.",
            "request_seconds",
        ),
    ),
)

ROWS = (THROUGHPUT, OUTCOMES, LATENCY)
