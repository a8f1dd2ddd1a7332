"""The sandbox's page in a real browser: what a person sees, and what he can do."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, cast

import orjson
import pytest

from consumer.sandbox import Fault
from tests.sandbox.client import WEBSITE_ID, page, track

if TYPE_CHECKING:
    from consumer.core.model import Value
    from consumer.sandbox import Sandbox
    from tests.browser.chromium import Browser
    from tests.sandbox.client import Client

CALLS = "[...document.querySelectorAll('#list .call')]"
HOSTILE = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"
PHONE, DESKTOP = (390, 844), (1280, 900)


def texts(browser: Browser, selector: str) -> list[str]:
    """Return what stands in each element, as a person reads it."""
    script = f"[...document.querySelectorAll({orjson.dumps(selector).decode()})]"
    return cast("list[str]", browser.run(f"{script}.map(it => it.innerText.trim())"))


def shows(browser: Browser, text: str) -> None:
    """Wait until *text* stands in the list."""
    browser.until(f"$('list').textContent.includes({orjson.dumps(text).decode()})")


def type_in(browser: Browser, field: str, text: str) -> None:
    """Fill in *field* as a person does."""
    value = orjson.dumps(text).decode()
    browser.run(f"$('{field}').value = {value}; $('{field}').dispatchEvent(new Event('input'))")


class TestBeforeAnythingCame:
    """The first sight."""

    def test_settings_to_copy(self, browser: Browser, sandbox: Sandbox) -> None:
        """The lines that point the consumer here have this very address."""
        assert browser.run("$('exports').textContent") == (
            f"export SEG_DELIVERY__ENDPOINT={sandbox.url}\n"
            f"export SEG_DELIVERY__WEBSITE_ID={WEBSITE_ID}"
        )

    @pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
    def test_curl_works(self, browser: Browser, sandbox: Sandbox) -> None:
        """The command on the page is accepted as it stands; then the welcome makes room."""
        command = str(browser.run("$('curl').textContent"))

        subprocess.run(["bash", "-c", command], check=True, capture_output=True, timeout=30)

        assert sandbox.summary()["accepted"] == 1
        browser.until("$('welcome').hidden")

    @pytest.mark.usefixtures("sandbox")
    def test_events_are_not_known(self, browser: Browser) -> None:
        """A sandbox on its own has no topic: it offers no field to send to one."""
        assert browser.run("[$('send').hidden, $('by_key').hidden]") == [True, True]


class TestCalls:
    """The list."""

    def test_answers(self, browser: Browser, sandbox: Sandbox, client: Client) -> None:
        """Accepted, double, refused and lost calls are told apart, the newest first."""
        client.post(page("m-1", userId="u-1"))
        client.post(page("m-1", userId="u-1"))
        client.post({"type": "page", "messageId": "m-2"})
        sandbox.faults([Fault(status=503, count=1)])
        client.post(page("m-3"))
        shows(browser, "503")

        assert texts(browser, ".call .fate") == ["refused 503", "refused 400", "double", "accepted"]
        assert texts(browser, ".call .why")[1] == "timestamp: required, but it is missing"

    def test_refused_body(self, browser: Browser, client: Client) -> None:
        """What is no call at all is shown as it came."""
        client.ask("POST", client.path, b"{not JSON", {"Content-Type": "application/json"})
        shows(browser, "refused")

        browser.run(f"{CALLS}[0].open = true")

        browser.until("document.querySelector('.inside pre')?.textContent === '{not JSON'")

    def test_alone(self, browser: Browser, client: Client) -> None:
        """An open call has its text, and says that its Segment event is not known here."""
        client.post(track("RangeView", Categories=["Games"]))
        shows(browser, "RangeView")

        browser.run(f"{CALLS}[0].open = true")

        browser.until("document.querySelector('.inside pre')?.textContent.includes('Games')")
        shows(browser, "The Segment event is not known here")

    def test_open_call_stays(self, browser: Browser, client: Client) -> None:
        """While one is open, others come in above it, and it stays open."""
        client.post(page("first"))
        shows(browser, "first")
        browser.run(f"{CALLS}[0].open = true")

        client.post([page(f"m-{number}") for number in range(200)])
        shows(browser, "m-199")

        assert texts(browser, ".call[open] > summary .why") == ["first"]
        assert texts(browser, ".call .why")[0] == "m-199"

    def test_nothing_is_read_as_html(self, browser: Browser, client: Client) -> None:
        """What a call holds is text, wherever it is shown."""
        hostile = cast("Value", {HOSTILE: HOSTILE})
        client.post({**track(HOSTILE), "userId": HOSTILE})
        client.post(page(HOSTILE, userId=HOSTILE, properties=hostile))
        shows(browser, "onerror")

        browser.run(f"{CALLS}.forEach(it => it.open = true)")
        browser.run("$('views').children[1].click()")
        browser.until("document.querySelector('.lane')")
        browser.run("document.querySelector('.lane').open = true")
        browser.until("document.querySelector('.lane .call')")

        assert browser.run("document.querySelectorAll('main img, main script').length") == 0
        assert browser.run("document.title") == "Seg, the sandbox"

    def test_search_and_filter(self, browser: Browser, client: Client) -> None:
        """A word anywhere in a call finds it; a class of answers can be left out."""
        client.post(page("m-1", userId="u-1"))
        client.post(track("RangeView", Categories=["Board Games"]))
        client.post({"type": "group"})
        shows(browser, "group")

        type_in(browser, "search", "board g")
        assert texts(browser, ".call .what") == ["RangeView"]
        type_in(browser, "search", "")
        browser.run("document.querySelector('[data-fate=refused]').click()")

        assert texts(browser, ".call .what") == ["RangeView", "page"]
        type_in(browser, "search", "nowhere")
        assert texts(browser, "#none") == ["Nothing here matches."]

    def test_customer_in_order(self, browser: Browser, sandbox: Sandbox, client: Client) -> None:
        """By customer, each has his calls in order, every attempt among them."""
        sandbox.faults([Fault(status=500, count=1)])
        for call in (page("m-1", userId="u-1"), page("m-1", userId="u-1")):
            client.post(call)
        client.post(page("m-2", userId="u-2"))
        client.post({**track("RangeView"), "userId": "u-1"})
        shows(browser, "RangeView")

        browser.run("$('views').children[1].click()")

        assert texts(browser, ".lane .who") == ["u-1", "u-2"]
        assert texts(browser, ".lane:first-child .steps .fate") == ["page 500", "page", "RangeView"]
        client.post(page("m-3", userId="u-2"))
        browser.until("document.querySelectorAll('.lane:last-child .steps .fate').length === 2")

    def test_thousands(self, browser: Browser, client: Client) -> None:
        """Twelve thousand calls: the page answers at once, and draws a hundred of them."""
        for start in range(0, 12_000, 500):
            client.post(
                [page(f"m-{start + number}", userId=f"u-{number}") for number in range(500)]
            )
        browser.until("newest === 12000")

        browser.run(
            "window.longest = 0; new PerformanceObserver(list => list.getEntries().forEach("
            "it => longest = Math.max(longest, it.duration))).observe({type: 'longtask'})"
        )
        type_in(browser, "search", "m-11999")
        assert texts(browser, ".call .why") == ["m-11999"]
        type_in(browser, "search", "")
        browser.run("$('views').children[1].click()")
        client.post(page("last", userId="u-7"))
        browser.until("newest === 12001")

        assert browser.run("items.length") == 10_000
        assert browser.run("$('list').children.length") == 100
        assert cast("float", browser.run("longest")) < 2000

    def test_forgotten(self, browser: Browser, client: Client) -> None:
        """`Forget all` empties the page, and what comes after is shown."""
        client.post(page("m-1"))
        shows(browser, "m-1")

        browser.run("$('reset').click()")
        browser.until("!$('list').children.length")
        client.post(page("m-2"))

        shows(browser, "m-2")


class TestFaults:
    """The switches, and the strip of the last minute."""

    def test_switched(self, browser: Browser, sandbox: Sandbox, client: Client) -> None:
        """A switch is in force at once, pressed, and marked in the strip with its name."""
        browser.run("[...$('switches').children].find(it => it.textContent === 'Down').click()")
        browser.until("$('rules').textContent.includes('503')")
        assert client.post(page("m-1")).status == 503

        browser.until("$('marks').textContent === 'Down'")
        browser.until("document.querySelector('#bars rect.failed')")
        assert texts(browser, "[aria-pressed=true]")[0] == "Down"
        assert sandbox.summary()["by_status"] == {"503": 1}
        label = str(browser.run("$('bars').getAttribute('aria-label')"))
        assert label == "Calls in the last minute: 2xx 0, 3xx, 4xx 0, 5xx 1, no answer 0"

    def test_of_your_own(self, browser: Browser, sandbox: Sandbox, client: Client) -> None:
        """Rules that make no sense say why; others are in force."""
        browser.run("document.querySelector('details.plain').open = true")
        type_in(browser, "custom", '[{"status": 99}]')
        browser.run("$('apply').click()")
        browser.until("$('custom_said').className === 'wrong'")
        assert texts(browser, "#custom_said") == ["[0]: status: expected 200 to 599, got 99"]

        type_in(browser, "custom", '[{"status": 422, "match": {"message_id": "m-1"}}]')
        browser.run("$('apply').click()")
        browser.until("$('custom_said').textContent === 'in force'")

        assert [client.post(page(it)).status for it in ("m-1", "m-2")] == [422, 200]
        assert sandbox.summary()["accepted"] == 1


class TestForEverybody:
    """Keyboard, screen reader, contrast, phone, both colour schemes."""

    def test_keyboard(self, browser: Browser, client: Client) -> None:
        """Whoever has no mouse reaches a call and opens it."""
        client.post(page("m-1"))
        shows(browser, "m-1")
        browser.run("$('search').focus()")

        for _ in range(20):
            browser.press("Tab")
            if browser.run("document.activeElement.parentNode.className.includes('call')"):
                break
        browser.press("Enter", "\r")

        browser.until("document.querySelector('.call[open] .inside pre')")

    @pytest.mark.parametrize("dark", [False, True])
    @pytest.mark.parametrize("size", [DESKTOP, PHONE])
    def test_alone(
        self, browser: Browser, sandbox: Sandbox, axe: str, size: tuple[int, int], *, dark: bool
    ) -> None:
        """The empty page has no fault that axe knows, and fits."""
        browser.open(sandbox.url, width=size[0], height=size[1], dark=dark)
        browser.until("$('exports').textContent")
        browser.run("document.querySelector('details.plain').open = true")

        browser.screenshot(f"empty-{size[0]}-{'dark' if dark else 'light'}")
        assert violations(browser, axe) == []
        assert browser.run("document.documentElement.scrollWidth") == size[0]

    @pytest.mark.broker
    @pytest.mark.parametrize("dark", [False, True])
    @pytest.mark.parametrize("size", [DESKTOP, PHONE])
    def test_demo(
        self, browser: Browser, demo: str, axe: str, size: tuple[int, int], *, dark: bool
    ) -> None:
        """Full, with an open call, in order and by customer: no fault either."""
        name = f"{size[0]}-{'dark' if dark else 'light'}"
        browser.open(demo, width=size[0], height=size[1], dark=dark)
        shows(browser, "sample-order-completed")
        shows(browser, "rejected_by_seg")
        browser.screenshot(f"demo-{name}", whole=False)
        browser.run(f"{CALLS}.find(it => it.textContent.includes('sample-v2-viewed')).open = true")
        browser.until("document.querySelector('.inside table')")
        browser.run("document.querySelector('.call[open]').scrollIntoView()")
        browser.screenshot(f"call-{name}", whole=False)
        assert violations(browser, axe) == []
        assert browser.run("document.documentElement.scrollWidth") == size[0]

        browser.run("$('views').children[1].click()")
        browser.run("document.querySelector('.lane').open = true")
        browser.until("document.querySelector('.lane .call')")
        browser.run("document.querySelector('.calls').scrollIntoView()")
        browser.screenshot(f"customers-{name}", whole=False)
        assert violations(browser, axe) == []
        assert browser.run("document.documentElement.scrollWidth") == size[0]
        browser.blank()


def violations(browser: Browser, axe: str) -> Value:
    """Return what axe holds against the page."""
    browser.run(f"window.axe ?? {{}}; {axe}; 0")
    found = "v => [v.id, v.nodes.map(n => [n.html.slice(0, 200), n.failureSummary])]"
    return browser.run(f"axe.run().then(it => it.violations.map({found}))")


@pytest.mark.broker
class TestDemo:
    """`seg-consumer demo --page`: the events are known."""

    def test_joined(self, browser: Browser, demo: str) -> None:
        """An open call shows what became what, with values, and both texts."""
        browser.open(demo)
        shows(browser, "sample-viewed-product")

        browser.run(f"{CALLS}.find(it => it.textContent.includes('viewed-product')).open = true")
        browser.until("document.querySelector('.inside table')")

        rows = texts(browser, ".inside tr")
        assert 'event "Viewed Product"\tevent "ProductView"' in rows
        assert any(it.startswith("properties.name") and "properties.Name" in it for it in rows)
        assert texts(browser, ".inside .halves h3") == ["Segment event", "Call to Seg"]
        browser.blank()

    def test_what_seg_never_sees(self, browser: Browser, demo: str) -> None:
        """Ignored events and dead letters stand in the list with their reason and their text."""
        browser.open(demo)
        shows(browser, "unmapped_event: no row of the table has an event of this name")
        shows(browser, "rejected_by_seg: ")
        shows(browser, "bad_avro: ")

        browser.run(f"{CALLS}.find(it => it.textContent.includes('bad_avro')).open = true")
        browser.run(f"{CALLS}.find(it => it.textContent.includes('unmapped_ev')).open = true")

        shows(browser, "truncated Avro: ")
        shows(browser, '"Signed Up"')
        browser.blank()

    def test_sent_from_the_page(self, browser: Browser, demo: str) -> None:
        """The example goes through Kafka and the consumer to Seg; bad input says what is wrong."""
        browser.open(demo)
        browser.until("$('event').value")

        browser.run("$('send_it').click()")
        browser.until("$('send_said').textContent === 'written to Kafka'")
        shows(browser, "u-42")
        browser.run(f"{CALLS}.find(it => it.textContent.includes('u-42')).open = true")
        browser.until("document.querySelector('.inside table')")
        assert any("€ 18,99" in row and "18.99" in row for row in texts(browser, ".inside tr"))

        type_in(browser, "event", '{"type": "track"}\nnonsense')
        browser.run("$('send_it').click()")
        browser.until("$('send_said').className === 'wrong'")
        [said] = texts(browser, "#send_said")
        assert said.startswith("event 2: expected a JSON object, got text that is none")
        browser.blank()

    def test_key_in_order(self, browser: Browser, demo: str) -> None:
        """By key, the records of each key stand in order."""
        browser.open(demo)
        shows(browser, "sample-identify")
        browser.run("$('by_key').click()")

        assert "u-1" in texts(browser, ".lane .who")
        browser.blank()
