"""Who leads the quorum of controllers.

librdkafka does not know this request of Kafka's protocol (DescribeQuorum, and what a cluster's
description calls its controller is any broker), and the tool that does is a jar and a second of
Java more; so it is asked by hand. Any broker passes the question on.

https://kafka.apache.org/protocol#The_Messages_DescribeQuorum
"""

from __future__ import annotations

import socket
import struct
from typing import Final

_API_KEY: Final = 55
_ANSWER_LIMIT_S: Final = 2.0

_TOPIC: Final = b"__cluster_metadata"
_REQUEST: Final = (
    struct.pack(">hhih", _API_KEY, 0, 1, -1)  # version 0, correlation 1, no name of the client
    + b"\0"  # no tags; lengths below are one more than they say
    + bytes([2, len(_TOPIC) + 1])
    + _TOPIC
    + bytes([2])
    + struct.pack(">i", 0)
    + b"\0\0\0"
)

_ANSWER: Final = struct.Struct(f">ixhxx{len(_TOPIC)}sxihi")
"""Correlation, error; of the first topic its name, and of its first partition its number, its
error and its leader. What follows is not looked at."""


def leader_of_quorum(port: int) -> int | None:
    """Return the node that leads, as the broker on *port* of 127.0.0.1 knows; None: nobody yet.

    Raises:
        OSError: nobody listens there, or the broker does not answer in time.
    """
    with (
        socket.create_connection(("127.0.0.1", port), _ANSWER_LIMIT_S) as connection,
        connection.makefile("rb") as answers,
    ):
        connection.sendall(struct.pack(">i", len(_REQUEST)) + _REQUEST)
        answer = answers.read(int.from_bytes(answers.read(4), "big"))
    if len(answer) < _ANSWER.size:  # of an error; or it hung up
        return None
    *_, partition_error, leader = _ANSWER.unpack_from(answer)
    return None if partition_error or leader < 0 else int(leader)
