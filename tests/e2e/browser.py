"""A real Chromium that looks at a page: what it says, asks for, and complains of."""

from __future__ import annotations

import contextlib
import io
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.async_playwright import Axe
from PIL import Image
from playwright.async_api import async_playwright

from pairing.eyes import read

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@dataclass
class Tab:
    """One page, and all that was noticed of it."""

    page: Page
    origin: str
    complaints: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    """What was asked of anybody but the page's own server."""

    def listen(self) -> None:
        self.page.on("console", lambda said: self._complain(said.type, said.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self._note(request.url))

    def _complain(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.complaints.append(text)

    def _note(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "data" and f"{parts.scheme}://{parts.netloc}" != self.origin:
            self.outside.append(url)

    async def log_in(self, token: str) -> None:
        await self.page.goto(f"{self.origin}/login")
        await self.page.fill("#token", token)
        await self.page.click("button")
        await self.page.wait_for_selector("#who")

    async def code(self) -> str:
        """Read the QR from a picture of the whole page, as a phone that is held before it."""
        await self.page.wait_for_selector("#qr")
        await self.page.locator("#qr").evaluate("image => image.decode()")
        shot = await self.page.screenshot(full_page=True)
        (found,) = read(Image.open(io.BytesIO(shot)).convert("L"))
        return found

    async def says(self, text: str) -> None:
        """Wait until the largest letters say so."""
        await self.page.wait_for_selector(f"h1:has-text('{text}')", timeout=15_000)

    async def violations(self) -> list[Any]:
        """What axe finds, without what Chromium's CSP keeps it from."""
        found = await Axe().run(self.page)
        return [each["id"] for each in found.response["violations"]]


@contextlib.asynccontextmanager
async def browsing(*arguments: str) -> AsyncIterator[Browser]:
    """Start Chromium, for one test; it leaves no file behind."""
    if CHROMIUM is None:
        pytest.skip("no chromium is installed")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage", *arguments]
        )
        try:
            yield browser
        finally:
            await browser.close()


@contextlib.asynccontextmanager
async def tab(browser: Browser, origin: str, **options: Any) -> AsyncIterator[Tab]:
    """Open a page of its own, as another person's browser."""
    context = await browser.new_context(**options)
    opened = Tab(await context.new_page(), origin)
    opened.listen()
    try:
        yield opened
    finally:
        await context.close()
