"""The report in a real browser, from file://: what its script does. Needs playwright and a Chromium."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from talkqa.report.content import build_report
from talkqa.report.html import render_html
from talkqa.report.reading import Run, read_run
from tests.fakes.sample_run import write_sample_run

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine")

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page on which nothing may go wrong, be asked for, or pop up."""
    opened = browser.new_page()
    trouble: list[str] = []
    opened.on("console", lambda message: trouble.append(message.text))
    opened.on("pageerror", lambda error: trouble.append(str(error)))
    opened.on("dialog", lambda dialog: (trouble.append("dialog"), dialog.dismiss()))
    opened.on("request", lambda r: None if r.url.startswith(("file:", "data:")) else trouble.append(r.url))
    yield opened
    opened.close()
    assert trouble == []


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return read_run(write_sample_run(tmp_path))


def _open(page: Any, run: Run, fragment: str = "") -> None:
    report = build_report(run)
    report.path.write_text(render_html(report), encoding="utf-8")
    page.goto(f"{report.path.as_uri()}{fragment}")


def test_a_finding_leads_to_its_check_with_its_exchanges(page: Any, run: Run) -> None:
    _open(page, run)
    page.locator(".finding li a").first.click()
    exchange = page.locator(".check.at .seen .x details").first
    exchange.locator("summary").click()
    sync_api.expect(exchange).to_contain_text('"name": "amber otter 1"')
    sync_api.expect(exchange).to_contain_text("Authorization: Bearer ***")
    assert "#?at=c" in page.url


def test_the_address_holds_search_and_open_check(page: Any, run: Run) -> None:
    _open(page, run)
    page.keyboard.press("f")
    sync_api.expect(page.locator("#shown")).to_have_text("4 of 43 checks")
    page.keyboard.press("j")
    page.keyboard.press("o")
    address = page.url
    assert "q=s:broken" in address
    page.goto("about:blank")
    page.goto(address)
    sync_api.expect(page.locator("#shown")).to_have_text("4 of 43 checks")
    sync_api.expect(page.locator(".check.at")).to_be_visible()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("s:failed", 3),
        ("s:unproven", 8),
        ("s:failed s:late", 4),
        ("@policy", 18),
        ("@policy !s:observed", 8),
        ("c:engine contact", 1),
        ('"gets exactly one"', 6),
        ("s:passed invoice", 0),
        ("<script>", 0),
    ],
)
def test_the_search_says_what_it_finds(page: Any, run: Run, query: str, found: int) -> None:
    _open(page, run)
    page.locator("#q").fill(query)
    sync_api.expect(page.locator("#shown")).to_have_text(f"{found} of 43 checks")
    assert page.locator("details.check:not([hidden])").count() == found


def test_hostile_text_stays_text_in_a_large_report_too(page: Any, run: Run) -> None:
    (world, _) = run.worlds
    checks = tuple(
        replace(c, check=f"{c.check}/{i}", title=c.title + HOSTILE, message=HOSTILE, expected=HOSTILE, observed="x")
        for c in world.checks
        for i in range(60)
    )
    _open(page, replace(run, worlds=(replace(world, checks=checks),)))
    page.keyboard.press("p")
    sync_api.expect(page.locator("#shown")).to_contain_text(f"of {len(checks)} checks")
    shown = page.locator("details.check:not([hidden])").first
    shown.evaluate("box => { box.closest('.flow').open = true; box.open = true; }")
    sync_api.expect(shown).to_contain_text("<img src=x onerror=alert(1)>")
    assert page.locator("main img").count() == 0


def test_the_theme_turns(page: Any, run: Run) -> None:
    _open(page, run)
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.keyboard.press("t")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light


def test_nothing_is_cut_off_on_a_narrow_screen(page: Any, run: Run) -> None:
    page.set_viewport_size({"width": 360, "height": 800})
    _open(page, run)
    page.locator("details").evaluate_all("all => all.forEach(box => { box.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
