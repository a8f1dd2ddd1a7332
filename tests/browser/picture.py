"""`python -m tests.browser.picture`: the picture of the page in the documentation, made anew."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING, Final

from tests.browser.chromium import Browser
from tests.browser.tools import ROOT, SCREENSHOTS
from tests.sandbox.client import Client

if TYPE_CHECKING:
    from consumer.core.model import Value

PICTURE: Final = ROOT / "docs" / "images" / "sandbox.png"

_EVENTS: Final = "\n".join(
    f'{{"type": "track", "event": "{event}", "userId": "u-{user}", "properties":'
    f' {{"product_id": "{user}", "name": "Monopoly", "price": "€ 18,99", "brand": "Hasbro"}}}}'
    for user in range(1, 9)
    for event in ("Product Viewed", "Product Added")
)


def main() -> None:
    """Run the demo through an outage, and take the picture with a call open."""
    command = [sys.executable, "-m", "consumer", "demo", "--page"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process, Browser() as page:
        assert process.stdout is not None
        url = process.stdout.readline().split()[4]
        with closing(Client(url)) as client:
            _weather(client)
        page.open(url, width=1200, height=1240)
        page.until("$('list').textContent.includes('page-')")
        time.sleep(2)
        page.run("document.querySelector('.call').open = true")
        page.until("document.querySelector('.inside table')")
        page.screenshot("sandbox", whole=False)
        process.terminate()
    PICTURE.parent.mkdir(exist_ok=True)
    shutil.copy(SCREENSHOTS / "sandbox.png", PICTURE)


def _weather(client: Client) -> None:
    """Send events while Seg is well, down, and well again."""
    down: list[Value] = [{"status": 503}]
    for rules in ([], down, []):
        client.admin("faults", rules)
        for _ in range(10):
            client.admin("events", {"text": _EVENTS})
            time.sleep(1)


if __name__ == "__main__":
    main()
