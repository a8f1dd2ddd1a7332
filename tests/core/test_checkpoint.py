"""The text in a commit's metadata: exact where it fits, true where it is cut, safe to read."""

from __future__ import annotations

import base64
import tracemalloc
import zlib
from itertools import accumulate, chain
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.core.checkpoint import (
    LIMIT_BYTES,
    SPAN_MAX,
    UnreadableError,
    decode,
    encode,
    log_of,
    with_log,
)
from consumer.core.ledger import Checkpoint


def checkpoint_of(position: int, runs: list[int]) -> Checkpoint:
    """Return the checkpoint of alternating *runs* from *position* on, the first one finished."""
    edges = list(accumulate(runs, initial=position))
    unfinished = chain.from_iterable(map(range, edges[1::2], edges[2::2]))
    return Checkpoint(position, edges[-1], tuple(unfinished))


def text_of(form: str, raw: bytes) -> str:
    """Return *raw* as a text of *form*."""
    payload = zlib.compress(raw, 9) if form in "RB" else raw
    return "2" + form + base64.b85encode(payload).decode()


def told(checkpoint: Checkpoint, horizon: int) -> Checkpoint:
    """Return what *checkpoint* says of the offsets below *horizon*."""
    below = tuple(offset for offset in checkpoint.unfinished if offset < horizon)
    return Checkpoint(checkpoint.position, horizon, below)


positions = st.integers(0, 2**63 - 1 - SPAN_MAX)
runs_of_any_kind = st.lists(st.integers(0, 60), max_size=60) | st.lists(
    st.integers(1, 3), max_size=300
)
checkpoints = st.builds(checkpoint_of, positions, runs_of_any_kind)


@settings(deadline=None)
@given(checkpoints)
def test_next_owner_reads_what_was_written(checkpoint: Checkpoint) -> None:
    """Nothing is lost on the way but unfinished offsets at the far end, which say nothing."""
    read = decode(checkpoint.position, encode(checkpoint))

    assert told(checkpoint, read.horizon) == read
    unsaid = range(read.horizon, checkpoint.horizon)
    assert set(unsaid) <= set(checkpoint.unfinished)


def test_nothing_above_the_position_is_the_empty_text() -> None:
    """Such a commit looks like any other consumer's."""
    assert encode(Checkpoint(42, 45, (42, 43, 44))) == ""
    assert Checkpoint(42, 42, ()) == decode(42, "") == decode(42, None)


def test_unfinished_offsets_at_the_far_end_are_left_out() -> None:
    """Unfinished or unknown, the next owner does them: saying so would cost room."""
    unfinished = tuple(range(70_000, 70_010))

    assert encode(Checkpoint(0, 70_000, ())) == encode(Checkpoint(0, 70_010, unfinished))


# Texts of version 2, for ever: a program that is rolled back reads what the newer one wrote.
PLAIN = {
    "2b0s": checkpoint_of(42, [0, 1, 1]),  # the picture in `consumer.core.ledger`
    "2r1p": checkpoint_of(9, [5]),
    "2re*": checkpoint_of(3, [127]),
    "2rfB^": checkpoint_of(3, [128]),
    "2r00Z;`0q~*(": checkpoint_of(1_000, [0, 3, 500, 1, 70_000]),
    "2b(ya": checkpoint_of(7, [0, 1, 1, 2, 1, 1, 3, 1, 2, 1, 1, 1, 1]),
}
DEFLATED = {
    "2Rc-muNJi$012mp3!ACU": checkpoint_of(0, [0] + [1, 200] * 40),
    "2Bc-mXFY5)NMZzod&": checkpoint_of(0, [0] + [1, 1] * 500),
}


@pytest.mark.parametrize("text", PLAIN)
def test_plain_texts_are_as_published(text: str) -> None:
    """The texts of forms r and b are written and read as they always were."""
    checkpoint = PLAIN[text]

    assert text == encode(checkpoint)
    assert checkpoint == decode(checkpoint.position, text)


@pytest.mark.parametrize("text", DEFLATED)
def test_deflated_texts_are_read_as_published(text: str) -> None:
    """The texts of forms R and B are read as they always were; what writes them is zlib's own."""
    checkpoint = DEFLATED[text]

    assert checkpoint == decode(checkpoint.position, text)
    assert text[:2] == encode(checkpoint)[:2]


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(), span=st.integers(30_000, 120_000), share=st.floats(0.05, 0.95))
def test_text_that_is_cut_is_true_as_far_as_it_goes(seed: int, span: int, share: float) -> None:
    """A pattern too long for the metadata loses its far end: doubles for the next owner, no loss.

    The text stays within the limit and uses most of it.
    """
    random = Random(seed)  # noqa: S311 - a pattern, not a secret
    checkpoint = Checkpoint(
        7, 7 + span, tuple(o for o in range(7, 7 + span) if random.random() < share)
    )

    text = encode(checkpoint)
    read = decode(7, text)

    assert LIMIT_BYTES * 0.6 < len(text) <= LIMIT_BYTES or read.horizon > 7 + span - 100
    assert told(checkpoint, read.horizon) == read


@pytest.mark.parametrize(
    "runs",
    [[0] + [1, 1] * (SPAN_MAX // 2), [SPAN_MAX], [0, SPAN_MAX - 1, 1], [0, 1, SPAN_MAX - 1]],
    ids=["alternating", "finished", "last", "first"],
)
def test_longest_span_is_readable(runs: list[int]) -> None:
    """What is written of the widest window that the settings allow can be read."""
    checkpoint = checkpoint_of(0, runs)

    assert checkpoint == decode(0, encode(checkpoint))


def test_longest_list_of_runs_is_readable() -> None:
    """The widest window in runs of one offset each, and none before the first."""
    text = text_of("R", b"\x00" + b"\x01" * SPAN_MAX)

    assert checkpoint_of(0, [0] + [1] * SPAN_MAX) == decode(0, text)


def test_longest_text_is_readable() -> None:
    """A text of `LIMIT_BYTES` is one that we may have written."""
    text = text_of("r", b"\x01" * 3_198)

    assert LIMIT_BYTES == len(text)
    assert checkpoint_of(0, [1] * 3_198) == decode(0, text)


def test_span_beyond_the_longest_is_cut() -> None:
    """Of more than `SPAN_MAX` offsets the far end is left out."""
    read = decode(5, encode(Checkpoint(5, 5 + SPAN_MAX + 1_000, (5, 6 + SPAN_MAX))))

    assert Checkpoint(5, 5 + SPAN_MAX, (5,)) == read


def well_formed(checkpoint: Checkpoint, position: int) -> bool:
    """Tell whether *checkpoint* can be worked with, true or not."""
    unfinished = checkpoint.unfinished
    return (
        checkpoint.position == position
        and position <= checkpoint.horizon <= position + SPAN_MAX
        and list(unfinished) == sorted(set(unfinished))
        and all(position <= offset < checkpoint.horizon for offset in unfinished)
    )


@settings(deadline=None)
@given(
    st.text()
    | st.builds(lambda form, rest: "2" + form + rest, st.sampled_from("rbRBx"), st.text())
    | st.builds(
        lambda form, raw: "2" + form + base64.b85encode(raw).decode(),
        st.sampled_from("rb"),
        st.binary(max_size=300),
    )
)
def test_text_of_a_stranger_is_harmless(text: str) -> None:
    """Any text at all is read or refused; nothing else can happen."""
    try:
        read = decode(3, text)
    except UnreadableError:
        return
    assert well_formed(read, 3)


@settings(deadline=None)
@given(checkpoints, st.data())
def test_damaged_text_is_harmless(checkpoint: Checkpoint, data: st.DataObject) -> None:
    """A text with a character changed, lost or added is read or refused."""
    text = encode(checkpoint)
    place = data.draw(st.integers(0, len(text)))
    lost = data.draw(st.integers(0, 2))
    damaged = text[:place] + data.draw(st.text("0zA~ \x00é", max_size=2)) + text[place + lost :]
    try:
        read = decode(checkpoint.position, damaged)
    except UnreadableError:
        return
    assert well_formed(read, checkpoint.position)


HOSTILE = {
    "another program's": "eyJvZmZzZXQiOiA0Mn0=",
    "an older version's": "1r009",
    "a version alone": "2",
    "an unknown form": "2x009",
    "not in base 85": '2r"',
    "beyond base 85's range": "2r~~~~~",
    "not ASCII": "2r\N{SNOWMAN}",
    "not deflated": text_of("r", b"\x00\x01").replace("r", "R"),
    "cut in the deflated form": text_of("R", bytes(1_000))[:-5],
    "more behind the deflated form": "2R"
    + base64.b85encode(zlib.compress(b"\x00\x01\x01") + b"more").decode(),
    "a varint cut short": text_of("r", b"\x00\x81"),
    "a varint without end": text_of("r", b"\xff" * 2_000),
    "too many offsets in few bytes": text_of("r", b"\xff\xff\xff\xff\x7f"),
    "one offset too many": text_of("r", b"\xc1\x84\x3d"),
    "a bomb of bits": text_of("B", b"\x55" * 1_000_000),
    "a varint that is a bomb": text_of("R", b"\xff" * SPAN_MAX),
    "a bomb of runs": text_of("R", b"\x01" * 2_000_000),
    "longer than any we write": text_of("r", b"\x01" * 3_199),
}


@pytest.mark.timeout(10)
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_unreadable_text_is_refused_at_little_cost(text: str) -> None:
    """What is not ours is refused, and makes us hold no more than a few times what we may write."""
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableError):
            decode(0, text)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak_bytes < 4_000_000


@pytest.mark.parametrize("text", ["", encode(Checkpoint(5, 9, (6, 8)))])
def test_the_log_is_told_beside_what_is_finished(text: str) -> None:
    """With something finished above the position or without."""
    assert log_of(with_log(text, "cMJqwLcfTV6Ax3HBmWmyyQ")) == "cMJqwLcfTV6Ax3HBmWmyyQ"
    assert log_of(with_log(text, None)) is None


@pytest.mark.parametrize("text", [None, "by hand", "committed by a tool at noon", "2r", "x y z"])
def test_a_strangers_text_tells_no_log(text: str | None) -> None:
    """It would be taken for a topic that was made anew, and stop the start."""
    assert log_of(text) is None
