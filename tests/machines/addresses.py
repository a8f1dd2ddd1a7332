"""What the network of this machine has."""

from __future__ import annotations

import socket


def ipv6_here() -> bool:
    """Tell whether this machine has IPv6's loopback address; some have the family without one."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True
