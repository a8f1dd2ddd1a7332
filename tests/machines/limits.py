"""What this machine may lack; a test that needs it is skipped and says so."""

from __future__ import annotations

import resource
import socket


def ipv6_here() -> bool:
    """Tell whether this machine has IPv6's loopback address; some have the family without one."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def open_files_here(number: int) -> bool:
    """Tell whether a process may have *number* open files."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft == resource.RLIM_INFINITY or soft >= number
