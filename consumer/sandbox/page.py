"""The page for people at `/`: one file out of the parts in `web/`, nothing from elsewhere."""

from __future__ import annotations

import re
from base64 import b64encode
from functools import cache
from hashlib import sha256
from http import HTTPStatus
from importlib.resources import files

from consumer.sandbox.wire import Answer

_SCRIPTS = ("tools", "strip", "faults", "detail", "list", "lanes", "main")
"""In the order in which they need each other."""


@cache
def page() -> Answer:
    """Return the page; its policy lets the browser run the script in it and no other."""
    script = '"use strict";\n' + "\n".join(_part(f"{name}.js") for name in _SCRIPTS)
    text = _part("page.html").replace("/* style */", _part("page.css"))
    text = text.replace("/* script */", script)
    policy = (
        f"default-src 'none'; script-src {_digest(text, 'script')}; "
        f"style-src {_digest(text, 'style')}; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    headers = (
        (b"Content-Security-Policy", policy.encode()),
        (b"X-Content-Type-Options", b"nosniff"),
        (b"Referrer-Policy", b"no-referrer"),
        (b"Cache-Control", b"no-store"),
    )
    return Answer(HTTPStatus.OK, text.encode(), b"text/html; charset=utf-8", headers)


def _part(name: str) -> str:
    return files(__package__).joinpath("web", name).read_text(encoding="utf-8")


def _digest(text: str, tag: str) -> str:
    """Return the digests of what stands between the tags, as a policy names them."""
    blocks = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
    return " ".join(
        f"'sha256-{b64encode(sha256(block.encode()).digest()).decode()}'" for block in blocks
    )
