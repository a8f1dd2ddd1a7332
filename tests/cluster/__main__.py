"""`make cluster-test`: build what is missing, then walk a release's life on the cluster."""

from __future__ import annotations

import os
import sys

from tests.chart.tools import helm
from tests.cluster.prepare import images, kubernetes, missing

OWN = ("unshare", "--net", "--pid", "--mount", "--fork", "--kill-child", "--mount-proc")
"""Namespaces of its own: nothing leaves them, and all in them ends with the first process."""

if (reason := missing()) is not None:
    sys.exit(print(f"skipped: {reason}"))  # noqa: T201 - this is a command
helm(os.environ.get("HELM_VERSION", "4.3.1"))
own: tuple[str, ...] = ()
if "KUBECONFIG" not in os.environ:
    kubernetes()
    images()
    own = OWN
os.environ["SEG_TEST_CLUSTER"] = "1"
command = [*own, sys.executable, "-m", "pytest", "tests/cluster", "-x", "-rsP"]
os.execvp(command[0], command)  # noqa: S606 - it becomes the tests
