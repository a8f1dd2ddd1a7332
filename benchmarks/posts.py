"""A pure load for the sink: what it can take, so that it is seen not to be the limit."""

from __future__ import annotations

from collections import deque

from benchmarks.floor import Poster
from benchmarks.measure import Job, Usage, job, say

BODY = b'{"properties":"' + b"x" * 700 + b'"}'


def run(todo: Job) -> None:
    """POST so many bodies of a usual size."""
    poster, usage = Poster(todo.url, todo.authority), Usage()
    bodies = deque([BODY] * todo.events)
    while bodies or poster.busy:
        poster.post(bodies)
    say(usage.figures(todo.events))


if __name__ == "__main__":
    run(job())
