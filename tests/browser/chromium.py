"""A headless Chromium, spoken to over a pipe in its DevTools protocol."""

from __future__ import annotations

import base64
import os
import subprocess
import tempfile
import time
from typing import TYPE_CHECKING, Self, cast

import orjson

from tests.browser.tools import SCREENSHOTS, chromium

if TYPE_CHECKING:
    from types import TracebackType

    from consumer.core.model import Object, Value

_ANSWER_S = 60.0
_LOOK_S = 0.05
_READ_BYTES = 1 << 16


class Browser:
    """One page in a browser of its own; use it in a `with` statement."""

    def __init__(self) -> None:
        """Start the browser.

        Raises:
            UnavailableError: there is none on this machine.
        """
        program, environment = chromium()
        self._home = tempfile.TemporaryDirectory()
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()
        # It reads from descriptor 3 and writes to 4.
        redirect = 'exec "$@" 3<&"$IN" 4>&"$OUT"'
        flags = ["--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe"]
        own = {**os.environ, **environment, "IN": str(to_browser), "OUT": str(from_browser)}
        self._process = subprocess.Popen(
            ["bash", "-c", redirect, "bash", program, *flags, f"--user-data-dir={self._home.name}"],
            env={**own, "HOME": self._home.name},
            pass_fds=(to_browser, from_browser),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self._number = 0
        self._rest = b""
        self.console: list[str] = []
        """What the page wrote to its console, and what the browser held against it."""
        self._session: str | None = None
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        attached = self._ask("Target.attachToTarget", targetId=target, flatten=True)
        self._session = str(attached["sessionId"])
        for domain in ("Page", "Runtime", "Log"):
            self._ask(f"{domain}.enable")

    def open(self, url: str, *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """Show *url* in a window of this size, and wait until it is loaded."""
        self.size(width, height)
        scheme: Object = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._ask("Emulation.setEmulatedMedia", features=[scheme])
        self._ask("Page.navigate", url=url)
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    def blank(self) -> None:
        """Leave the page, whose server may go."""
        self._ask("Page.navigate", url="about:blank")
        self.until("location.href === 'about:blank'")

    def size(self, width: int, height: int) -> None:
        """Make the window so large, in CSS pixels."""
        self._ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def run(self, script: str) -> Value:
        """Return what the expression *script* is worth on the page, as JSON holds it.

        Raises:
            AssertionError: it throws.
        """
        answer = self._ask(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, orjson.dumps(answer["exceptionDetails"]).decode()
        return cast("Object", answer["result"]).get("value")

    def until(self, script: str, within_s: float = 30.0) -> None:
        """Wait until the expression *script* is true on the page.

        Raises:
            AssertionError: it did not become so in time.
        """
        end_s = time.monotonic() + within_s
        while not self.run(f"Boolean({script})"):
            assert time.monotonic() < end_s, f"never true: {script}"
            time.sleep(_LOOK_S)

    def press(self, key: str, text: str | None = None) -> None:
        """Press and release a key on the keyboard, such as `Tab` or `Enter`."""
        codes = {"Enter": 13, "Tab": 9, " ": 32}
        more: Object = {} if text is None else {"text": text}
        code = codes.get(key, 0)
        for kind in ("keyDown", "keyUp"):
            event: Object = {"type": kind, "key": key, "windowsVirtualKeyCode": code}
            self._ask("Input.dispatchKeyEvent", **event, **(more if kind == "keyDown" else {}))

    def screenshot(self, name: str, *, whole: bool = True) -> None:
        """Keep a picture of the page as `.cache/screenshots/NAME.png`: a build's artefact."""
        picture = self._ask("Page.captureScreenshot", captureBeyondViewport=whole)
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        data = base64.b64decode(str(picture["data"]))
        (SCREENSHOTS / f"{name}.png").write_bytes(data)

    def close(self) -> None:
        """End the browser."""
        os.close(self._write)
        self._process.kill()
        self._process.wait()
        os.close(self._read)
        self._home.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _ask(self, method: str, **params: Value) -> Object:
        self._number += 1
        message: Object = {"id": self._number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._write, orjson.dumps(message) + b"\0")
        end_s = time.monotonic() + _ANSWER_S
        while time.monotonic() < end_s:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return cast("Object", answer["result"])
            self._note(answer)
        raise AssertionError(f"the browser did not answer {method}")

    def _next(self) -> Object:
        parts = [self._rest]
        while b"\0" not in parts[-1]:
            parts.append(os.read(self._read, _READ_BYTES))
            assert parts[-1], "the browser has ended"
        message, _, self._rest = b"".join(parts).partition(b"\0")
        answer: Object = orjson.loads(message)
        return answer

    def _note(self, event: Object) -> None:
        if event.get("method") in {"Runtime.consoleAPICalled", "Runtime.exceptionThrown"}:
            self.console.append(orjson.dumps(event["params"]).decode())
        elif event.get("method") == "Log.entryAdded":
            entry = cast("Object", cast("Object", event["params"])["entry"])
            if entry["source"] != "network":  # a 400 is an answer that a test asked for
                self.console.append(str(entry["text"]))
