"""JSON text is read exactly, what is common and no JSON included."""

from __future__ import annotations

import json
import math

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.json_text import NotFinite, is_too_deep, read_json

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(values)
def test_json_is_read_as_ever(value: object) -> None:
    """Whatever JSON holds comes back, from text and from bytes."""
    text = json.dumps(value)

    assert read_json(text) == read_json(text.encode()) == value


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_numbers_that_json_lacks_are_told(text: str) -> None:
    """They come as a class of their own, which no JSON writer takes for null."""
    read = read_json(f'{{"a": [{text}], "b": 1}}')

    assert isinstance(read, dict)
    assert isinstance(read["a"], list)
    assert isinstance(read["a"][0], NotFinite)
    assert not math.isfinite(read["a"][0])
    with pytest.raises(orjson.JSONEncodeError):
        orjson.dumps(read)


def test_half_a_surrogate_pair_is_kept() -> None:
    """In a value, in a name, escaped, and as Java's UTF-8 writes it."""
    assert read_json(r'{"\ud800": "\ud83d x"}') == {"\ud800": "\ud83d x"}
    assert read_json('"\ud83d"'.encode("utf-8", "surrogatepass")) == "\ud83d"


@pytest.mark.parametrize("digits", [str(2**64), str(-(2**63) - 1), "9" * 5_000])
def test_integers_beyond_64_bits_keep_their_digits(digits: str) -> None:
    """As text: no number of JSON's usual readers holds them."""
    assert read_json(f"[{digits}, {2**64 - 1}]") == [digits, 2**64 - 1]


@pytest.mark.parametrize("text", [b"", b"{", b"'a'", b'{"a":1,}', b"\xff", b'{"a": nan}', b"[NaN"])
def test_other_text_is_no_json(text: bytes) -> None:
    """The error is orjson's own."""
    with pytest.raises(orjson.JSONDecodeError) as caught:
        read_json(text)

    assert not is_too_deep(caught.value)


@pytest.mark.parametrize("inner", ["1", "NaN", "1" * 30, r'"\ud800"'])
def test_text_that_nests_too_deep(inner: str) -> None:
    """It is told from what is no JSON, whatever else is in it."""
    with pytest.raises(orjson.JSONDecodeError) as caught:
        read_json("[" * 2_000 + inner + "]" * 2_000)

    assert is_too_deep(caught.value)
