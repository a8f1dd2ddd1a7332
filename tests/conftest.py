"""What holds for every test."""

from __future__ import annotations

import os
import resource

from hypothesis import HealthCheck, settings

# No deadline, and no bound on how long examples take to make: a busy machine is no bug. In CI the
# examples are the same each time, so that a red build is the change's fault and can be repeated;
# everywhere else new ones are looked for.
settings.register_profile(
    "project",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="CI" in os.environ,
    print_blob=True,
)
settings.register_profile(
    "fast", parent=settings.get_profile("project"), max_examples=10, stateful_step_count=20
)
settings.load_profile("project")

# A thousand requests under way are two thousand sockets where both ends are in one process, and the
# usual soft limit is 1,024.
_soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
_wanted = 8_192 if _hard == resource.RLIM_INFINITY else min(8_192, _hard)
if _soft != resource.RLIM_INFINITY and _soft < _wanted:
    resource.setrlimit(resource.RLIMIT_NOFILE, (_wanted, _hard))
