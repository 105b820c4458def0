"""The HTML page in a real browser: it loads nothing, runs nothing of others, and can be read and used by all.

One start of the browser serves all tests. Without the browser they are skipped with the reason.
"""

from __future__ import annotations

import itertools
import json
import re
import shutil
import struct
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest

from tests import browser as browsers
from tests.gate import absent
from tests.keys import fingerprint, short_fingerprint
from tests.leaked import AT_HEAD, IN_HISTORY, four_keys
from tests.report import pages
from tests.report.samples import told
from tests.report.test_html import MANY, many
from tests.running import ROOT, keyscan

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SIZES = ((360, 740), (1280, 900))
SCHEMES = ("light", "dark")
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if not browsers.can_be_installed() and browsers.executable() is None:
        pytest.skip("no browser on PATH, and the one of 'make tools' is for Linux on x86-64")
    pytest.importorskip("playwright", reason="playwright is not installed: .ci/venv browser")
    if browsers.executable() is None or not browsers.AXE.exists():
        absent("Chromium or axe-core is not installed: make tools")
    with browsers.browser() as started:
        yield started


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with each page as a file; ``four`` is of a real repository."""
    made = tmp_path_factory.mktemp("pages")
    for name, page in pages.PAGES.items():
        (made / f"{name}.html").write_text(page(), encoding="utf-8", errors="backslashreplace")
    done = keyscan("--format", "html", "--output", made / "four.html", cwd=four_keys(made))
    assert done.code == 1, done.errors
    return made


class Opened:
    """A page that was opened, with what it asked for and what it complained of."""

    def __init__(self, chromium: Browser, path: Path, fragment: str = "", **context: Any) -> None:
        self.context = chromium.new_context(offline=True, **context)
        self.context.set_default_timeout(20_000)
        self.page: Page = self.context.new_page()
        self.requests: list[str] = []
        self.messages: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.failures: dict[str, str | None] = {}
        self.page.on("requestfailed", lambda request: self.failures.update({request.url: request.failure}))
        self.page.on("console", lambda message: self.messages.append(message.text))
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))
        self.page.goto(path.as_uri() + fragment)
        self.own = [path.as_uri() + fragment]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    def faults(self) -> list[str]:
        """Return the violations that axe finds."""
        self.page.evaluate(browsers.AXE.read_text(encoding="utf-8"))
        found = self.page.evaluate(
            "tags => axe.run(document, {runOnly: tags, resultTypes: ['violations']})", TAGS
        )
        return [f"{each['id']}: {each['nodes'][0]['html']}" for each in found["violations"]]


def test_the_picture_of_the_readme_is_small(chromium: Browser, tmp_path: Path) -> None:
    """``make picture`` writes it again; its pixels depend on the day and on the fonts."""
    made = tmp_path / "page.png"
    browsers.picture(made, chromium)
    for path in (made, ROOT / "docs/html-page.png"):
        data = path.read_bytes()
        assert (struct.unpack(">II", data[16:24]), len(data) < 60_000) == (browsers.PICTURE_SIZE, True)
    with Opened(chromium, made) as opened:
        assert opened.page.evaluate("document.images[0].naturalWidth") == browsers.PICTURE_SIZE[0]


@pytest.mark.parametrize("script", [True, False], ids=["with JavaScript", "without"])
@pytest.mark.parametrize(("size", "scheme"), [*itertools.product(SIZES, SCHEMES)])
@pytest.mark.sampled
def test_each_page_can_be_read_by_all_and_loads_nothing(
    chromium: Browser, folder: Path, size: tuple[int, int], scheme: Any, *, script: bool
) -> None:
    for name in (*pages.PAGES, "four"):
        path = folder / f"{name}.html"
        if not script:
            # Without its own script; axe itself needs JavaScript, and hangs in a browser that has none.
            text = re.sub("script-src &#39;[^&]*", "script-src &#39;none", path.read_text(encoding="utf-8"))
            path = folder / f"{name}-without.html"
            path.write_text(text, encoding="utf-8")
        view = {"width": size[0], "height": size[1]}
        with Opened(chromium, path, viewport=view, color_scheme=scheme) as opened:
            assert opened.faults() == [], name
            assert opened.requests == opened.own, name
            assert len(opened.messages) == (0 if script else 1), (name, opened.messages)
            assert opened.page.evaluate("document.documentElement.scrollWidth") <= size[0], name
            filtered = script and name not in {"audit", "diff", "usage"}
            several = opened.page.locator("article").count() > 1
            assert opened.page.locator("form.filters").is_visible() == (filtered and several)


def test_nothing_that_was_put_into_a_page_runs_or_loads(chromium: Browser, folder: Path) -> None:
    """Hostile strings are text; markup that is put into the finished file is stopped by its policy."""
    with Opened(chromium, folder / "hostile.html") as opened:
        page = opened.page
        assert page.evaluate("window.owned") is None
        assert page.locator("script").count() == 2
        assert page.locator("style, base, img, [onerror], [onmouseover], [onload], [style]").count() == 1
        for text in pages.INJECTIONS[:-1]:
            assert text in (page.locator("main").text_content() or "")
    text = (folder / "four.html").read_text(encoding="utf-8")
    for number, added in enumerate(
        (
            "<script>window.owned=1</script>",
            "<img src=x onerror=window.owned=1>",
            "<script src=https://example.invalid/x.js></script>",
            "<link rel=stylesheet href=https://example.invalid/x.css>",
            "<style>h1{display:none}</style><p style='position:fixed'>",
            "<iframe src=https://example.invalid></iframe><img src=https://example.invalid/x.png>",
            "<base href=https://example.invalid><form action=https://example.invalid id=sent></form>",
        )
    ):
        path = folder / f"injected-{number}.html"
        path.write_text(text.replace("<main>", f"<main>{added}"), encoding="utf-8")
        with Opened(chromium, path) as opened:
            page = opened.page
            assert page.evaluate("window.owned") is None, added
            assert page.locator("h1").is_visible()
            # The browser announces a request that the policy stops, and does not make it.
            asked = set(opened.requests) - set(opened.own)
            assert {opened.failures.get(url) for url in asked} <= {"csp"}, added
            assert opened.messages, added
            page.evaluate("document.getElementById('sent')?.submit()")
            assert page.url.startswith("file:")


def test_keys_are_filtered_sorted_copied_and_linked(chromium: Browser, folder: Path) -> None:
    with Opened(
        chromium,
        folder / "four.html",
        f"#{short_fingerprint(IN_HISTORY)}",
        viewport={"width": 1280, "height": 900},
        permissions=["clipboard-read", "clipboard-write"],
    ) as opened:
        page = opened.page
        page.wait_for_function("document.querySelector(':target')")
        assert page.url.endswith(f"#{fingerprint(IN_HISTORY)}")
        assert page.locator(":target").is_visible()
        cards = page.locator(".cards > li:not([hidden]) article")
        severities = "cards => cards.map((card) => card.querySelector('.severity').textContent)"
        assert cards.evaluate_all(severities) == ["critical", "high", "medium", "low"]
        found = page.get_by_role("status")
        assert found.text_content() == "4 of 4 keys"
        choices: list[tuple[Callable[[], object], list[str]]] = [
            (lambda: page.get_by_label("Severity").select_option("high"), ["high"]),
            (lambda: page.get_by_role("button", name="Reset").click(), ["critical", "high", "medium", "low"]),
            (lambda: page.get_by_label("Exposure").select_option("tracked"), ["critical", "medium"]),
            (lambda: page.get_by_label("Path or fingerprint").fill("RESULTS/run"), ["medium"]),
            (lambda: page.get_by_label("Exposure").select_option(""), ["medium"]),
            (lambda: page.get_by_label("Path or fingerprint").fill(fingerprint(AT_HEAD)[:9]), ["critical"]),
            (lambda: page.get_by_label("Path or fingerprint").fill("nothing"), []),
            (lambda: page.get_by_role("button", name="Reset").click(), ["critical", "high", "medium", "low"]),
            (lambda: page.get_by_label("Order").select_option("old"), ["high", "critical", "medium", "low"]),
            (lambda: page.get_by_label("Order").select_option("new"), ["low", "medium", "critical", "high"]),
        ]
        for choose, expected in choices:
            choose()
            page.wait_for_function(
                "text => document.querySelector('.found').textContent === text",
                arg=f"{len(expected)} of 4 keys",
            )
            assert cards.evaluate_all(severities) == expected
        page.locator(".card.critical").get_by_role("button", name="Copy the fingerprint").click()
        page.get_by_role("button", name="Copy the fingerprint").get_by_text("Copied").wait_for()
        assert page.evaluate("navigator.clipboard.readText()") == fingerprint(AT_HEAD)
        # A link to a key that the filter hides shows it.
        page.get_by_label("Severity").select_option("low")
        page.get_by_text("The same as a table").click()
        page.locator("table").get_by_text(short_fingerprint(IN_HISTORY)).click()
        page.locator(".card.high").wait_for(state="visible")
        page.emulate_media(media="print")
        assert not page.locator(".filters").is_visible()
        assert page.locator("details .steps").first.is_visible()


def test_keys_are_filtered_by_status(chromium: Browser, folder: Path) -> None:
    with Opened(chromium, folder / "asked.html") as opened:
        page = opened.page
        index = json.loads(page.locator("#data").text_content() or "")["keys"]
        counts = Counter(key["s"] for key in index)
        assert {"active", "inactive", "ambiguous"} <= set(counts)
        choices = page.get_by_label("Status")
        values = choices.locator("option").evaluate_all("all => all.map((each) => each.value)")
        assert set(values) == {"", *counts}
        for status, count in counts.items():
            choices.select_option(status)
            text = f"{count} of {len(index)} keys"
            page.wait_for_function("text => document.querySelector('.found').textContent === text", arg=text)
            shown = page.locator(".cards > li:not([hidden]) article")
            names = shown.evaluate_all("cards => cards.map((card) => card.id)")
            assert sorted(names) == sorted(key["f"] for key in index if key["s"] == status)


@pytest.mark.parametrize("width", [641, 700, 769, 1280])
def test_no_words_of_the_timeline_overlap(chromium: Browser, folder: Path, width: int) -> None:
    with Opened(chromium, folder / "four.html", viewport={"width": width, "height": 900}) as opened:
        boxes = opened.page.evaluate(
            """() => Array.from(document.querySelectorAll('.timeline text'))
                .map((each) => each.getBoundingClientRect()).filter((box) => box.width)
                .map((box) => [box.left, box.right, box.top, box.bottom])"""
        )
        assert len(boxes) > 8
        for one, other in itertools.combinations(boxes, 2):
            apart = one[1] <= other[0] or other[1] <= one[0] or one[3] <= other[2] or other[3] <= one[2]
            assert apart, (width, one, other)


def test_the_keyboard_reaches_everything_and_a_focus_is_seen(chromium: Browser, folder: Path) -> None:
    with Opened(chromium, folder / "four.html", viewport={"width": 360, "height": 740}) as opened:
        page = opened.page
        wanted = page.evaluate(
            """() => Array.from(document.querySelectorAll('a, button, input, select, summary, [tabindex]'))
                .filter((each) => each.checkVisibility()).length"""
        )
        reached = set()
        for _ in range(wanted + 5):
            page.keyboard.press("Tab")
            place, outline = page.evaluate(
                """() => [Array.from(document.querySelectorAll('*')).indexOf(document.activeElement),
                    getComputedStyle(document.activeElement).outlineStyle]"""
            )
            if page.evaluate("document.activeElement !== document.body"):
                reached.add(place)
                assert outline != "none"
        assert len(reached) == wanted
        table = page.get_by_text("The same as a table")
        table.focus()
        page.keyboard.press("Enter")
        rows = page.locator("table tbody tr")
        assert rows.first.is_visible()
        assert "from 3 May 2026 to 9 Jun 2026, 37 days, added by 2 commits" in (
            rows.nth(1).text_content() or ""
        )
        assert page.locator(".card details:not([open])").count() > 0


def test_many_keys_open_without_a_freeze(chromium: Browser, folder: Path) -> None:
    path = folder / "many.html"
    path.write_text(told("html", many(MANY)), encoding="utf-8")
    with Opened(chromium, path, viewport={"width": 360, "height": 740}) as opened:
        timing = "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"
        assert opened.page.evaluate(timing) < 8_000
        started = """() => {
            const start = performance.now();
            document.querySelector('[name=text]').dispatchEvent(new Event('input', {bubbles: true}));
            return performance.now() - start;
        }"""
        opened.page.get_by_label("Path or fingerprint").fill(f"run_{MANY - 1}.py")
        assert opened.page.get_by_role("status").text_content() == f"1 of {MANY:,} keys"
        assert opened.page.evaluate(started) < 500


def test_the_markup_is_valid(folder: Path) -> None:
    node = shutil.which("node")
    if node is None or not browsers.HTML_VALIDATE.exists():
        absent("html-validate is not installed: make tools")
    rules = {
        # Fingerprints have a colon. The filters act at once, so that there is nothing to submit.
        "valid-id": ["error", {"relaxed": True}],
        "wcag/h32": "off",
        # Advice for search engines.
        "long-title": "off",
    }
    config = {"extends": ["html-validate:recommended"], "root": True, "rules": rules}
    (folder / ".htmlvalidate.json").write_text(json.dumps(config), encoding="utf-8")
    names = [f"{name}.html" for name in (*pages.PAGES, "four")]
    done = subprocess.run(
        [node, browsers.HTML_VALIDATE, "--formatter", "text", *names],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
