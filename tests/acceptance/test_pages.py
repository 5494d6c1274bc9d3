"""The pages in a real browser: what axe-core says of them, the way through by keyboard, on paper-wide and phone-wide screens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright

from gateway.calls.certificates import printed
from gateway.main import create_app
from scripts.services.browser import CHROMIUM
from tests.support.listening import listening
from tests.support.ships import EXIT, certificates, leaving, released, says, ship_window
from tests.support.windows import CLIENT, ROOT, TickingClock

pytestmark = pytest.mark.sqlite_only
SHOTS = ROOT / ".make" / "pages"
"""Where a run leaves what it saw, to be looked at."""


@asynccontextmanager
async def browsing(url: str) -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        # axe is put into the page, whose policy lets nothing in
        context = await browser.new_context(base_url=url, bypass_csp=True, viewport={"width": 900, "height": 1000})
        try:
            yield await context.new_page()
        finally:
            await browser.close()


async def judged(page: Page, axe: str, name: str) -> list[str]:
    """What axe finds wrong, wide and narrow; leaves a picture of each. Nothing may be wider than the screen."""
    wrong = []
    for width in (900, 360):
        await page.set_viewport_size({"width": width, "height": 1000})
        assert await page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} at {width}"
        SHOTS.mkdir(parents=True, exist_ok=True)
        await page.screenshot(path=SHOTS / f"{name}-{width}.png", full_page=True)
        await page.evaluate(axe)
        found = await page.evaluate("axe.run()")
        assert found["passes"]
        wrong += [f"{name} {width}: {each['id']} {each['nodes'][0]['target']}" for each in found["violations"]]
    return wrong


async def focused(page: Page) -> str:
    return str(await page.evaluate("document.activeElement.id || document.activeElement.tagName"))


async def test_a_certificate_is_inquired_by_keyboard_and_every_state_is_accessible(tmp_path: Path, axe: str) -> None:
    clock = TickingClock()
    async with ship_window(tmp_path, clock) as window:
        call_id, departure = await leaving(window)
        await released(window, departure, EXIT)
        _, number, _ = await printed(window, CLIENT, call_id)
        (row,) = await certificates(window)
        app = create_app(window.settings, worker=False, opened=window)
        async with listening(app) as url, browsing(url) as page:
            await page.goto("/verify")
            assert await judged(page, axe, "empty") == []
            order = []
            for _ in range(3):
                await page.keyboard.press("Tab")
                order.append(await focused(page))
            assert order == ["number", "code", "BUTTON"]
            outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline == "solid", "where the focus is, is seen"

            await page.keyboard.press("Shift+Tab")
            await page.keyboard.type(row.code)
            await page.keyboard.press("Shift+Tab")
            await page.keyboard.type(number.lower())
            await page.keyboard.press("Enter")
            await page.wait_for_url("**/verify?number=**")
            state = page.get_by_role("status")
            assert "有效" in await state.inner_text() and "EASTERN HARBINGER" in await state.inner_text()
            assert await judged(page, axe, "valid") == []

            clock.tick()
            await says(window, departure, "border", "REO")
            await page.reload()
            assert "暂停" in await state.inner_text()
            assert await judged(page, axe, "suspended") == []

            await page.goto(f"/verify/{number}?code=AAAA")
            assert "查无此证" in await state.inner_text()
            assert await judged(page, axe, "unknown") == []


async def test_axe_would_say(axe: str) -> None:
    """The empty lists above say something only because this one is not empty."""
    async with browsing("http://127.0.0.1") as page:
        await page.set_content("<html><body><input><p style='color:#ccc'>faint</p></body></html>")
        assert {"label", "color-contrast", "html-has-lang"} <= {
            each.split()[2] for each in await judged(page, axe, "bad")
        }
