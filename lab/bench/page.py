"""How soon the page is there, and how soon it shows a step: a real Chromium, a real server."""

from __future__ import annotations

import shutil
import socket
import tempfile
import time
from pathlib import Path

from playwright.async_api import async_playwright

from wa_supervisor import Settings
from wa_supervisor.lifecycle import facts
from wa_supervisor.page_address import Address
from wa_supervisor.testing import FakeSession
from wa_supervisor.web.serving import serving

from .figures import line


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def page(runs: int) -> list[str]:
    """A played session that drops and comes back; the browser is on this machine."""
    loads, shown = [], []
    address = Address.parse(f"127.0.0.1:{_free_port()}")
    session = FakeSession(Settings(session="shop"))
    with tempfile.TemporaryDirectory() as directory:
        async with (
            async_playwright() as browsers,
            serving({"shop": session}, address, Path(directory, "web")) as link,
            session,
        ):
            await session.settle()
            chromium = await browsers.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            tab = await chromium.new_page()
            await tab.goto(link)
            await tab.click("button")
            for _ in range(runs):
                began = time.perf_counter()
                await tab.goto(address.url)
                await tab.wait_for_selector("h1:has-text('All is well')")
                loads.append((time.perf_counter() - began) * 1e3)
                await session.advance(3600)  # or so many drops in a row would end it
                await tab.wait_for_timeout(300)  # the stream of events is there
                for fact, text in (
                    (facts.Disconnected, "Nobody must act"),
                    (facts.Connected, "All is well"),
                ):
                    began = time.perf_counter()
                    session.played.say(fact)
                    await tab.wait_for_selector(f"h1:has-text('{text}')")
                    shown.append((time.perf_counter() - began) * 1e3)
                    await tab.wait_for_timeout(300)
            await chromium.close()
    return [
        line("the page is there", "ms", loaded=loads),
        line("a step is on the page", "ms", shown=shown),
    ]
