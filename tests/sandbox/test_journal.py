"""The journal: what is on file when an answer arrives, and what a restart knows."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from consumer.core.errors import StartError
from consumer.sandbox import Fault, Line, Options, Sandbox, read_journal
from tests.sandbox.client import WEBSITE_ID, Client, page, track

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(name="options")
def _options(tmp_path: Path) -> Options:
    return Options(website_id=WEBSITE_ID, journal=tmp_path / "journal.jsonl")


@pytest.fixture(name="path")
def _path(options: Options) -> Path:
    if options.journal is None:
        pytest.fail("expected a journal")
    return options.journal


def test_on_file_before_the_answer(options: Options, path: Path) -> None:
    """As soon as a call is answered, its line is there for everyone to read; no sooner."""
    with Sandbox.start(options) as sandbox, closing(Client(sandbox.url)) as client:
        for number in range(1, 20):
            client.post(page(f"m-{number}"))
            assert number == len(list(read_journal(path)))


def test_lines(options: Options, path: Path) -> None:
    """A line says who sent what, when and under which key; doubles and refusals have none."""
    with Sandbox.start(options) as sandbox, closing(Client(sandbox.url)) as client:
        before_s = sandbox.summary()["now_s"]
        client.post(
            [page("m-1", userId="u-1", anonymousId="a-1"), page("m-1"), track("RangeView")],
            Idempotency_Key="k-1",
        )
        client.post(page("m-2"), Idempotency_Key="k-1")
        client.post(page("m-3", type="group"))
        client.post(page("m-4", anonymousId="a-2"))
        after_s = sandbox.summary()["now_s"]

    lines = list(read_journal(path))
    assert all(before_s <= line.arrived_s <= after_s for line in lines)
    assert [
        Line(1, 0, "page", None, "m-1", "u-1", "k-1"),
        Line(2, 0, "track", "RangeView", None, None, "k-1"),
        Line(3, 0, "page", None, "m-4", "a-2", None),
    ] == [line._replace(arrived_s=0) for line in lines]


def test_ambiguous_success(options: Options, path: Path) -> None:
    """A call that was accepted is on file, whatever its client was told."""
    with Sandbox.start(options) as sandbox, closing(Client(sandbox.url)) as client:
        sandbox.faults([Fault(status=500, accepted=True)])
        client.post(page("m-1"))
        sandbox.faults([Fault(status=500)])
        client.post(page("m-2"))

    assert [line.message_id for line in read_journal(path)] == ["m-1"]


def test_restart(options: Options, path: Path) -> None:
    """A sandbox on an old journal goes on with its numbers and knows its keys."""
    with Sandbox.start(options) as sandbox, closing(Client(sandbox.url)) as client:
        client.post([page("m-1"), page("m-2")], Idempotency_Key="k-1")

    with Sandbox.start(options) as sandbox, closing(Client(sandbox.url)) as client:
        client.post([page("m-3")], Idempotency_Key="k-1")
        client.post([page("m-2"), page("m-4")], Idempotency_Key="k-2")
        summary = sandbox.summary()

    assert summary["doubles_by"] == {"idempotency_key": 1, "message_id": 1}
    assert [(line.sequence, line.message_id) for line in read_journal(path)] == [
        (1, "m-1"),
        (2, "m-2"),
        (3, "m-4"),
    ]


def test_torn_line(options: Options, path: Path) -> None:
    """Half a line that a crash left is no call: readers pass over it, a restart cuts it off."""
    with Sandbox.start(options) as sandbox, closing(Client(sandbox.url)) as client:
        client.post(page("m-1"))
    with path.open("ab") as file:
        file.write(b'{"sequence":2,"arri')
    assert len(list(read_journal(path))) == 1

    with Sandbox.start(options) as sandbox, closing(Client(sandbox.url)) as client:
        client.post(page("m-2"))

    assert [(line.sequence, line.message_id) for line in read_journal(path)] == [
        (1, "m-1"),
        (2, "m-2"),
    ]


def test_reset(options: Options, path: Path) -> None:
    """After a reset the old calls are new again; journal and numbers go on."""
    with Sandbox.start(options) as sandbox, closing(Client(sandbox.url)) as client:
        client.post(page("m-1"))
        sandbox.reset()
        client.post(page("m-1"))

    assert [line.sequence for line in read_journal(path)] == [1, 2]


@pytest.mark.parametrize("text", ["shop;price\n1;2\n", '{"messageId": "m-1"}\n', "[]\n"])
def test_no_journal(options: Options, path: Path, text: str) -> None:
    """Another file that was named by mistake is an error at the start, and is left as it is."""
    path.write_text(text + "its end")

    with pytest.raises(StartError, match=r"line 1: expected a sandbox's journal"):
        Sandbox.start(options)

    assert path.read_text() == text + "its end"


def test_unwritable(tmp_path: Path) -> None:
    """A journal that cannot be opened is an error at the start."""
    options = Options(website_id=WEBSITE_ID, journal=tmp_path / "missing" / "journal.jsonl")

    with pytest.raises(StartError, match=r"the sandbox cannot start: .*missing"):
        Sandbox.start(options)
