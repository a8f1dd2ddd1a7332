r"""Masks e-mail addresses and credentials in texts, should one get there in spite of the rule.

Each pattern takes time by the text's length and not by its square, whatever the text: a match can
begin only where a word, an authority or a name of a secret does, and none reaches past the next.
They use no possessive quantifiers: those of CPython 3.11.2 miss what those of 3.11.7 find.
"""

from __future__ import annotations

import re
from typing import Final

# As it is written, in URLs (escaped once or more often), in JSON and in HTML.
_AT: Final = r"(?:@|%(?:25)*40|\\u0040|&#(?:64|x40);)"
_SPELT_AT: Final = r"(?:[ \t]@[ \t]|[ \t]?\(at\)[ \t]?)"
_LETTER: Final = r"""[^\s@"'<>()\[\]{},;:=/]"""
_HOST_LETTER: Final = r"""[^\s@"'<>()\[\]{},;:=/?&]"""
_DOTTED: Final = rf"{_HOST_LETTER}+\.{_HOST_LETTER}+"
_LOCAL: Final = rf"""(?<!{_LETTER})(?:(?!{_AT}){_LETTER})+|"[^"\r\n]*\""""

# What follows the names of the first kind goes to the end of the line, of the second to a space.
_LINES: Final = r"authorization|cookie"
_VALUES: Final = (
    r"pass(?:word|wd|phrase)|pwd|secret|token|credential|website[-_. ]?id"
    r"|(?:api|access|private|secret|write)[-_. ]?key"
)
_IS: Final = r"""s?\\*["']?[ \t]*[:=][ \t]*(?:b(?=["']))?"""
_QUOTED: Final = r"""(\\*["'])(?:(?!\2)(?:\\.|[^\\]))*"""

_NAME: Final = re.compile(rf"(?i)(?:{_LINES}|{_VALUES})s?$")

_MASKS: Final = (
    (re.compile(r"(?<=-----BEGIN )([A-Z ]*PRIVATE KEY)-----[^-]*"), r"\1-----[hidden]"),
    # A host and perhaps a port before the path: then what has an @ is no password.
    (re.compile(r"(?<=://)(?![^\s/:@]*(?::\d+)?/)(?:[^\s/]|/(?!/))*@"), "[hidden]@"),
    (re.compile(rf"(?i)((?:{_LINES}){_IS})(?:{_QUOTED}|[^\r\n]+)"), r"\1\2[hidden]"),
    (re.compile(rf"(?i)((?:{_VALUES}){_IS})(?:{_QUOTED}|[^\s&]+)"), r"\1\2[hidden]"),
    (re.compile(r"\b((?i:basic|bearer))\s+(?=\S*[0-9A-Z=])[\w+/=.~-]{4,}"), r"\1 [hidden]"),
    # `events@3` names no one; `jane@intranet` may.
    (re.compile(rf"(?:{_LOCAL}){_AT}(?:[^\W\d_]{_HOST_LETTER}*|{_DOTTED})"), "[e-mail]"),
    (re.compile(rf"(?:{_LOCAL}){_SPELT_AT}{_DOTTED}"), "[e-mail]"),
)


def masked(text: str) -> str:
    """Return *text* with e-mail addresses and credentials masked."""
    for pattern, mask in _MASKS:
        text = pattern.sub(mask, text)
    return text


def is_secret(name: str) -> bool:
    """Tell whether *name* is that of a secret: what stands under it must not be written."""
    return _NAME.search(name) is not None
