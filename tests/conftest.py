"""What holds for every test."""

from __future__ import annotations

import os

from hypothesis import settings

# No deadline: a busy machine is no bug. In CI the examples are the same each time, so that a red
# build is the change's fault and can be repeated; everywhere else new ones are looked for.
settings.register_profile("project", deadline=None, derandomize="CI" in os.environ, print_blob=True)
settings.load_profile("project")
