"""librdkafka's mock cluster: brokers of Kafka's own protocol on the loopback, in one process.

`confluent_kafka.cimpl` has librdkafka linked in and exports its mock functions; ctypes calls them
(`rdkafka_mock.h` documents each). It keeps 5 MiB a partition, in memory, and knows no admin
requests: for the demo and for tests, where it can also be told to fail.

Run as a program, it prints its address and then obeys one JSON call a line:

    $ python -m consumer.kafka.mock_cluster 3
    {"bootstrap": "127.0.0.1:39271,127.0.0.1:41003,127.0.0.1:38645"}
    {"call": "set_down", "arguments": [1]}
    {"result": null}

It ends when its standard input does, so it cannot outlive the process that started it.
"""

from __future__ import annotations

import ctypes
import sys
from typing import TYPE_CHECKING, TypeAlias

import orjson
from confluent_kafka import KafkaError, cimpl

if TYPE_CHECKING:
    from collections.abc import Callable

_Handle = ctypes.c_void_p
_Text = ctypes.c_char_p
_Int = ctypes.c_int
_Function: TypeAlias = "Callable[..., int | bytes | None]"

API_KEYS = {
    "Produce": 0,
    "Fetch": 1,
    "ListOffsets": 2,
    "Metadata": 3,
    "OffsetCommit": 8,
    "OffsetFetch": 9,
    "FindCoordinator": 10,
    "JoinGroup": 11,
    "Heartbeat": 12,
    "LeaveGroup": 13,
    "SyncGroup": 14,
    "InitProducerId": 22,
    "ConsumerGroupHeartbeat": 68,
}
"""Requests that can be told to fail, by their names in Kafka's protocol."""

_PRODUCER = 0  # RD_KAFKA_PRODUCER: it needs no brokers of its own
_REBALANCE_DELAY_MS = 50  # a real broker waits 3 s for more members before the first assignment
_HEARTBEAT_MS = 100  # KIP-848: the broker's word; librdkafka's mock says 3 s
_SESSION_MS = 1500  # likewise: how long a dead member is waited for; librdkafka's mock says 45 s
_library = ctypes.CDLL(cimpl.__file__)


def _function(name: str, result: type | None, *arguments: type) -> _Function:
    function = getattr(_library, f"rd_kafka_{name}")
    function.restype = result
    function.argtypes = list(arguments)
    loaded: _Function = function
    return loaded


_conf_new = _function("conf_new", _Handle)
_conf_set = _function("conf_set", _Int, _Handle, _Text, _Text, _Text, ctypes.c_size_t)
_new = _function("new", _Handle, _Int, _Handle, _Text, ctypes.c_size_t)
_destroy = _function("destroy", None, _Handle)
_cluster_new = _function("mock_cluster_new", _Handle, _Handle, _Int)
_cluster_destroy = _function("mock_cluster_destroy", None, _Handle)
_bootstraps = _function("mock_cluster_bootstraps", _Text, _Handle)
_topic_create = _function("mock_topic_create", _Int, _Handle, _Text, _Int, _Int)
_set_down = _function("mock_broker_set_down", _Int, _Handle, ctypes.c_int32)
_set_up = _function("mock_broker_set_up", _Int, _Handle, ctypes.c_int32)
_set_rtt = _function("mock_broker_set_rtt", _Int, _Handle, ctypes.c_int32, _Int)
_set_leader = _function(
    "mock_partition_set_leader", _Int, _Handle, _Text, ctypes.c_int32, ctypes.c_int32
)
_set_coordinator = _function("mock_coordinator_set", _Int, _Handle, _Text, _Text, ctypes.c_int32)
_delete_records = _function(
    "mock_partition_delete_records", _Int, _Handle, _Text, ctypes.c_int32, ctypes.c_int64
)
_set_controller = _function("mock_set_controller_id", None, _Handle, ctypes.c_int32)
_rebalance_delay = _function("mock_group_initial_rebalance_delay_ms", None, _Handle, ctypes.c_int32)
_heartbeat = _function("mock_set_group_consumer_heartbeat_interval_ms", None, _Handle, _Int)
_session = _function("mock_set_group_consumer_session_timeout_ms", None, _Handle, _Int)
_push_errors = _function(
    "mock_push_request_errors_array",
    None, _Handle, ctypes.c_int16, ctypes.c_size_t, ctypes.POINTER(_Int),
)  # fmt: skip
_clear_errors = _function("mock_clear_request_errors", None, _Handle, ctypes.c_int16)


class MockCluster:
    """Brokers in this process; every public method but `close` can also be called by line."""

    def __init__(self, brokers: int = 1) -> None:
        text = ctypes.create_string_buffer(512)
        conf = _conf_new()
        _conf_set(conf, b"log_level", b"0", text, len(text))
        self._client = _new(_PRODUCER, conf, text, len(text))
        if not self._client:
            raise RuntimeError(f"librdkafka made no client: {text.value.decode()}")
        self._cluster = _cluster_new(self._client, brokers)
        _rebalance_delay(self._cluster, _REBALANCE_DELAY_MS)
        _heartbeat(self._cluster, _HEARTBEAT_MS)
        _session(self._cluster, _SESSION_MS)
        # Without a controller an admin request waits for its whole time-out.
        _set_controller(self._cluster, 1)
        bootstrap = _bootstraps(self._cluster)
        self.bootstrap = bootstrap.decode() if isinstance(bootstrap, bytes) else ""

    def create_topic(self, name: str, partitions: int) -> None:
        """Make a topic."""
        _check(_topic_create(self._cluster, name.encode(), partitions, 1))

    def set_down(self, broker: int = -1) -> None:
        """Break the connections of *broker* (from 1 on; -1 is all) and take no new ones."""
        _check(_set_down(self._cluster, broker))

    def set_up(self, broker: int = -1) -> None:
        """Let *broker* (from 1 on; -1 is all) answer again; it has lost nothing."""
        _check(_set_up(self._cluster, broker))

    def set_rtt(self, milliseconds: int, broker: int = -1) -> None:
        """Let every answer of *broker* (from 1 on; -1 is all) take so long."""
        _check(_set_rtt(self._cluster, broker, milliseconds))

    def set_leader(self, topic: str, partition: int, broker: int) -> None:
        """Make *broker* the leader of a partition."""
        _check(_set_leader(self._cluster, topic.encode(), partition, broker))

    def set_coordinator(self, group: str, broker: int) -> None:
        """Make *broker* the coordinator of a group."""
        _check(_set_coordinator(self._cluster, b"group", group.encode(), broker))

    def delete_records(self, topic: str, partition: int, before: int) -> None:
        """Delete the records of a partition below the offset *before*, as retention does."""
        _check(_delete_records(self._cluster, topic.encode(), partition, before))

    def push_errors(self, api: str, *errors: int) -> None:
        """Answer the next requests of *api* (a name of `API_KEYS`) with *errors*, one each."""
        array = (_Int * len(errors))(*errors)
        _push_errors(self._cluster, API_KEYS[api], len(errors), array)

    def clear_errors(self, api: str) -> None:
        """Forget the errors of *api* that were not answered yet."""
        _clear_errors(self._cluster, API_KEYS[api])

    def close(self) -> None:
        """End the brokers; what they held is gone."""
        _cluster_destroy(self._cluster)
        _destroy(self._client)


def _check(error: int | bytes | None) -> None:
    if isinstance(error, int) and error:
        raise RuntimeError(f"the mock cluster refused: {KafkaError(error).name()}")


def serve(brokers: int) -> None:
    """Run a cluster until standard input ends, obeying the calls that come on it."""
    cluster = MockCluster(brokers)
    _say({"bootstrap": cluster.bootstrap})
    for line in sys.stdin.buffer:
        call = orjson.loads(line)
        try:
            result = getattr(cluster, call["call"])(*call["arguments"])
        except (AttributeError, TypeError, RuntimeError, KeyError) as error:
            _say({"error": f"{type(error).__name__}: {error}"})
        else:
            _say({"result": result})
    cluster.close()


def _say(answer: dict[str, object]) -> None:
    sys.stdout.buffer.write(orjson.dumps(answer) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    serve(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
