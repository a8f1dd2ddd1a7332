"""What it runs on: the group, its limits, its pods, the brokers."""

from __future__ import annotations

from deploy.grafana.panels import Panel, Row, Step, average, gauge, quantile, rate

_HPA = '{@kubernetes, horizontalpodautoscaler=~".*seg-consumer.*"}'
_SCALED_OBJECT = 'scaledObject=~".*seg-consumer.*"'


def _by_pod(title: str, about: str, unit: str, expr: str, *, stacked: bool = False) -> Panel:
    return Panel(title, about, unit, {"{{pod}}": expr}, stacked=stacked)


def _gauge_by_pod(title: str, about: str, unit: str, name: str, *, stacked: bool = False) -> Panel:
    return _by_pod(title, about, unit, f"sum by (pod) ({gauge(name)})", stacked=stacked)


def _container(name: str) -> str:
    metric = f'container_{name}{{@kubernetes_pods, container!=""}}'
    return f"sum by (pod) (rate({metric}[$__rate_interval]))"


REBALANCES = Row(
    "Rebalances",
    (
        Panel(
            "Waiting for calls under way when partitions go",
            "At the drain time-out (35 s by default) what is unfinished is handed over.",
            "s",
            {
                "p95": quantile(0.95, "revoke_drain_seconds"),
                "average": average("revoke_drain_seconds", "job"),
            },
        ),
        Panel(
            "Handed over and skipped",
            "Unfinished records of partitions that went, and records that were read again although "
            "they were finished.",
            "cps",
            {
                "handed over": f"sum({rate('records_handed_over_total')})",
                "skipped": f"sum({rate('records_skipped_total')})",
            },
        ),
    ),
)

COMMITS = Row(
    "Commits",
    (
        Panel(
            "Finished and not committed",
            "Offsets between the commit and the oldest unfinished record: what a crash would read "
            "again. The ten highest.",
            "short",
            {
                "{{topic}}/{{partition}}": "topk(10, max by (topic, partition) ("
                f"{gauge('position_offset', where='@topics')} - "
                f"{gauge('committed_offset', where='@topics')}))"
            },
        ),
        Panel(
            "Commit",
            "From a commit to the brokers' answer.",
            "s",
            {"p50": quantile(0.5, "commit_seconds"), "p99": quantile(0.99, "commit_seconds")},
        ),
        Panel(
            "Commits that the brokers refused",
            "By Kafka's name of the error.",
            "cps",
            {"{{code}}": f"sum by (code) ({rate('commit_failures_total')})"},
            runbooks=("SegConsumerCommitFailures",),
        ),
    ),
)

SATURATION = Row(
    "Saturation",
    (
        Panel(
            "Requests under way and their limit",
            "At the limit Seg's latency decides; a limit that falls shows that Seg queues.",
            "short",
            {
                "{{pod}}": f"sum by (pod) ({gauge('requests_in_flight')})",
                "{{pod}} limit": f"sum by (pod) ({gauge('concurrency_limit')})",
            },
        ),
        _gauge_by_pod(
            "Limit on the rate of requests",
            "Drawn where there is one: the operator's, or what Seg's 429 and 503 asked for.",
            "reqps",
            "request_rate_limit",
        ),
        _gauge_by_pod(
            "Records under way",
            "Started and not finished; 10,000 by default are the most.",
            "short",
            "records_in_flight",
        ),
        _gauge_by_pod(
            "Paused partitions",
            "Not read: too much is under way, or something is away.",
            "short",
            "paused_partitions",
        ),
        _by_pod(
            "CPU",
            "Cores in use. The loop is one thread: at 1 a pod is full, and more pods help.",
            "none",
            "sum by (pod) (rate(process_cpu_seconds_total{@pods}[$__rate_interval]))",
        ),
        _by_pod(
            "CPU throttling",
            "Share of the scheduler's periods in which the CPU limit held the container back.",
            "percentunit",
            f"{_container('cpu_cfs_throttled_periods_total')} / "
            f"{_container('cpu_cfs_periods_total')}",
        ),
        _by_pod(
            "Memory",
            "Resident memory.",
            "bytes",
            "sum by (pod) (process_resident_memory_bytes{@pods})",
        ),
        _by_pod(
            "Memory against its limit",
            "Share of the container's memory limit; at 1 it is killed.",
            "percentunit",
            "sum by (pod) (process_resident_memory_bytes{@pods}) / sum by (pod) "
            '(kube_pod_container_resource_limits{@kubernetes_pods, resource="memory"})',
        ),
        _by_pod(
            "Open files",
            "Share of the file descriptors that the process may open.",
            "percentunit",
            "max by (pod) (process_open_fds{@pods} / process_max_fds{@pods})",
        ),
    ),
)

LOOP_TIME = Row(
    "Loop time",
    (
        Panel(
            "Where the loop's time goes",
            "Share of the one thread's time by stage, average of the pods. Mostly poll: there is "
            "room. Mostly deliver: it waits for Seg.",
            "percentunit",
            {"{{stage}}": f"avg by (stage) ({rate('loop_seconds_total')})"},
            width=12,
            stacked=True,
        ),
        Panel(
            "Since the last poll",
            "A loop that does not poll loses its partitions after 300 s by default.",
            "s",
            {"{{pod}}": f"max by (pod) ({gauge('poll_age_seconds')})"},
            width=12,
            steps=(Step(None, "green"), Step(120, "red")),
            runbooks=("SegConsumerStuck",),
        ),
    ),
)

SCALING = Row(
    "Scaling",
    (
        _gauge_by_pod(
            "Partitions by pod",
            "Who owns how many; the sum is what the topics have. 0 is a spare member.",
            "short",
            "assigned_partitions",
            stacked=True,
        ),
        Panel(
            "Pods wanted and there",
            "Of the autoscaler; from kube-state-metrics.",
            "short",
            {
                "there": f"max(kube_horizontalpodautoscaler_status_current_replicas{_HPA})",
                "wanted": f"max(kube_horizontalpodautoscaler_status_desired_replicas{_HPA})",
                "at most": f"max(kube_horizontalpodautoscaler_spec_max_replicas{_HPA})",
            },
            runbooks=("SegConsumerAtCeiling",),
        ),
        Panel(
            "KEDA: what it sees",
            "The lag as KEDA hands it to the autoscaler; from KEDA's operator.",
            "short",
            {
                "{{scaledObject}}": "max by (scaledObject) "
                f"(keda_scaler_metrics_value{{{_SCALED_OBJECT}}})"
            },
        ),
        Panel(
            "KEDA: errors",
            "While KEDA cannot ask Kafka, it does not scale.",
            "cps",
            {
                "{{scaledObject}}": "sum by (scaledObject) (rate("
                f"keda_scaler_detail_errors_total{{{_SCALED_OBJECT}}}[$__rate_interval]))"
            },
        ),
        _by_pod(
            "Restarts",
            "Of the containers, from one point to the next; from kube-state-metrics.",
            "short",
            "sum by (pod) (increase(kube_pod_container_status_restarts_total"
            "{@kubernetes_pods}[$__rate_interval]))",
        ),
        _by_pod(
            "Killed for memory",
            "1 where a container's last end was the memory limit's doing.",
            "none",
            "max by (pod) (kube_pod_container_status_last_terminated_reason"
            '{@kubernetes_pods, reason="OOMKilled"})',
        ),
        Panel(
            "Versions",
            "The service's version, Python's and librdkafka's, and how many pods run it.",
            "none",
            {
                "{{version}}": "count by (version, python, librdkafka, build)"
                f" ({gauge('build_info')})"
            },
            kind="table",
        ),
    ),
)

BROKERS = Row(
    "Brokers",
    (
        Panel(
            "Errors of the Kafka client",
            "By librdkafka's name; `_TRANSPORT` and `_ALL_BROKERS_DOWN` are connections, "
            "`_AUTHENTICATION` and `_SSL` the credentials. It goes on by itself.",
            "cps",
            {"{{code}}": f"sum by (code) ({rate('kafka_errors_total')})"},
            width=24,
        ),
    ),
)

ROWS = (REBALANCES, COMMITS, SATURATION, LOOP_TIME, SCALING, BROKERS)
