"""Draws docs/web.png: the page of a session that is played, in a real Chromium.

uv run python -m lab.page_picture [FILE]
"""

from __future__ import annotations

import asyncio
import io
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.async_api import async_playwright
from pydantic import SecretStr

from wa_supervisor import Settings, Supervisor
from wa_supervisor.lifecycle import facts
from wa_supervisor.page_address import Address
from wa_supervisor.testing import PlayedLink
from wa_supervisor.web.serving import serving

PAYLOAD: Final = (
    "https://wa.me/settings/linked_devices#" + "this-is-a-picture-and-links-nothing-" * 6
)
_PORT: Final = 8799
_COLOURS: Final = 128


async def draw(target: Path, directory: Path) -> None:
    """Draw the page of a session that waits for its code to be scanned."""
    link = PlayedLink()
    session = Supervisor(Settings(session="shop", data_dir=directory), sinks=[], link=link.make)
    address = Address.parse(f"127.0.0.1:{_PORT}")
    async with (
        async_playwright() as browsers,
        serving({"shop": session}, address, directory / "web") as login,
        session,
    ):
        chromium = await browsers.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = await chromium.new_page(viewport={"width": 1180, "height": 900})
        await page.goto(login)
        await page.click("button")
        link.post(facts.QrOffered(link.generation, SecretStr(PAYLOAD), 60.0))
        await page.wait_for_selector("#qr")
        await page.locator("#qr").evaluate("image => image.decode()")
        shot = await page.screenshot()
        await chromium.close()
    small = Image.open(io.BytesIO(shot)).quantize(_COLOURS)
    small.save(target, optimize=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        wanted = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/web.png")
        asyncio.run(asyncio.wait_for(draw(wanted, Path(scratch)), 60))
