"""The text that carries a `Checkpoint` in a commit's metadata.

    2r<payload>     version 2, form r, then the payload in base 85

The position is the committed offset itself, so only what lies above it is written:

    r   lengths of the alternating runs, finished first, as varints
    b   one bit an offset, 1 where it is finished, the lowest offset in the lowest bit
    R B the same, deflated

The shortest form wins; what is short anyway is not deflated. A broker takes 4,096 bytes of
metadata by default (`offset.metadata.max.bytes`); where even the shortest is over `LIMIT_BYTES`
the far end is left out, which costs doubles and never a loss. Nothing above the position is the
empty text.
"""

from __future__ import annotations

import base64
import re
import zlib
from itertools import accumulate, chain, cycle

from consumer.core.ledger import Checkpoint

LIMIT_BYTES = 4_000
"""The longest text written: below Kafka's default bound, with room for a broker that counts it."""

VERSION = "2"
SPAN_MAX = 1_000_000
"""The most offsets that a text may speak of: a bound for what a stranger's text can make us do."""

SHORT_BYTES = 64
"""A form of so few bytes is not deflated: that takes ten times as long as the rest."""

_LONGEST_BYTES = dict.fromkeys("rR", SPAN_MAX + 1) | dict.fromkeys("bB", SPAN_MAX // 8)
"""The forms, and how long each can be before it is deflated: a byte a run, a bit an offset."""

_WITH_LOG = re.compile(rf"(?:{VERSION}[rbRB]\S+)? (\S+)")


class UnreadableError(ValueError):
    """The metadata is not ours, or damaged: treat it as absent."""


def with_log(text: str, log_id: str | None) -> str:
    """Return *text* with the id of the log that its offsets are of; None where it is not known."""
    return text if log_id is None else f"{text} {log_id}"


def log_of(text: str | None) -> str | None:
    """Return the id of the log that `with_log` wrote; None where another program wrote *text*."""
    found = _WITH_LOG.fullmatch(text or "")
    return None if found is None else found[1]


def encode(checkpoint: Checkpoint) -> str:
    """Return the shortest text for *checkpoint*, at most `LIMIT_BYTES` long."""
    span = min(checkpoint.horizon - checkpoint.position, SPAN_MAX)
    while True:
        runs = _runs(checkpoint, span)
        if not runs:
            return ""
        text = _text(*_shortest(runs))
        if len(text) <= LIMIT_BYTES:
            return text
        span = span * LIMIT_BYTES // (len(text) + LIMIT_BYTES // 8)


def decode(position: int, text: str | None) -> Checkpoint:
    """Return the checkpoint that *text*, committed with *position*, speaks of.

    Raises:
        UnreadableError: another program wrote the text, or it is damaged.
    """
    text = (text or "").partition(" ")[0]  # what follows is the log's id
    if not text:
        return Checkpoint(position, position, ())
    version, form, payload = text[:1], text[1:2], text[2:]
    if version != VERSION or form not in _LONGEST_BYTES or len(text) > LIMIT_BYTES:
        raise UnreadableError(
            f"expected metadata of version {VERSION} and up to {LIMIT_BYTES} characters, "
            f"got {len(text)} characters of another kind"
        )
    try:
        raw = base64.b85decode(payload)
        if form in "RB":
            raw = _inflate(raw, _LONGEST_BYTES[form])
        runs = _read_varints(raw) if form in "rR" else _read_bits(raw)
    except (ValueError, zlib.error) as error:
        raise UnreadableError(f"expected metadata in form {form}, got a damaged one") from error
    return _from_runs(position, runs)


def _runs(checkpoint: Checkpoint, span: int) -> list[int]:
    """Lengths of alternating runs from the position, finished first, ending with a finished one."""
    position, end = checkpoint.position, checkpoint.position + span
    runs: list[int] = []
    edge = position
    for offset in checkpoint.unfinished:
        if offset >= end:
            break
        if offset == edge and runs:
            runs[-1] += 1
        else:
            runs += [offset - edge, 1]
        edge = offset + 1
    if edge < end:
        runs.append(end - edge)
    elif runs:
        runs.pop()  # unfinished at the far end says nothing
    return runs if any(runs[::2]) else []


def _shortest(runs: list[int]) -> tuple[str, bytes]:
    """Return the form to write, and its bytes."""
    plain = {"r": b"".join(map(_varint, runs)), "b": _bits(runs)}
    form = min(plain, key=lambda it: len(plain[it]))
    if len(plain[form]) <= SHORT_BYTES:
        return form, plain[form]
    forms = plain | {it.upper(): zlib.compress(raw, 9) for it, raw in plain.items()}
    return min(forms.items(), key=lambda it: len(it[1]))


def _text(form: str, raw: bytes) -> str:
    return VERSION + form + base64.b85encode(raw).decode("ascii")


def _from_runs(position: int, runs: list[int]) -> Checkpoint:
    if sum(runs) > SPAN_MAX:
        raise UnreadableError(f"expected at most {SPAN_MAX} offsets, got {sum(runs)}")
    edges = list(accumulate(runs, initial=position))
    unfinished = chain.from_iterable(map(range, edges[1::2], edges[2::2]))
    return Checkpoint(position, edges[-1], tuple(unfinished))


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:  # noqa: PLR2004 - seven bits a byte
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _read_varints(raw: bytes) -> list[int]:
    numbers: list[int] = []
    number = shift = 0
    for byte in raw:
        number |= (byte & 0x7F) << shift
        shift += 7
        if shift > 35:  # noqa: PLR2004 - five bytes hold more than SPAN_MAX
            raise ValueError("a varint is too long")
        if byte < 0x80:  # noqa: PLR2004 - the high bit says that more follows
            numbers.append(number)
            number = shift = 0
    if shift:
        raise ValueError("the last varint is cut short")
    return numbers


def _bits(runs: list[int]) -> bytes:
    text = "".join(bit * length for bit, length in zip(cycle("10"), runs, strict=False))
    return int(text[::-1], 2).to_bytes((len(text) + 7) // 8, "little")


def _read_bits(raw: bytes) -> list[int]:
    text = format(int.from_bytes(raw, "little"), "b")[::-1]  # ends at the highest finished offset
    runs: list[int] = []
    finished = True
    edge = 0
    while edge < len(text):
        stop = text.find("0" if finished else "1", edge)
        stop = len(text) if stop < 0 else stop
        runs.append(stop - edge)
        edge, finished = stop, not finished
    return runs


def _inflate(raw: bytes, longest_bytes: int) -> bytes:
    inflater = zlib.decompressobj()
    out = inflater.decompress(raw, longest_bytes)
    if not inflater.eof or inflater.unused_data:
        raise ValueError("the deflated form is damaged or too large")
    return out
