"""What holds for every test."""

from __future__ import annotations

import os

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
