"""Draws docs/pictures/: the pages of sessions that are played, in a real Chromium.

uv run python -m lab.page_pictures [DIRECTORY]

Each picture is a desktop and a phone beside it, one of them light and the other dark. Nobody's code
is in them: the QR holds a sentence.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from PIL import Image, ImageDraw
from playwright.async_api import async_playwright
from pydantic import SecretStr

from wa_supervisor import Settings, State, Supervisor
from wa_supervisor.lifecycle import Logout, facts
from wa_supervisor.page_address import Address
from wa_supervisor.testing import PlayedLink
from wa_supervisor.testing.events import message_event, text_content
from wa_supervisor.web.serving import serving

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.async_api import Browser, Page

    from wa_supervisor.status_parts import Received

PAYLOAD: Final = (
    "https://wa.me/settings/linked_devices#" + "this-is-a-picture-and-links-nothing-" * 6
)
FRIEND: Final = "+15550100042"
STRANGER: Final = "+15550100077"
WITHIN: Final = 90.0
"""Seconds for all of it."""

PAGES: Final = {
    "connected": "/s/shop",
    "pairing": "/s/club",
    "needs-a-person": "/s/bank",
    "several": "/",
}
"""Pictures, and where they are taken."""

PICTURES: Final = (
    ("pairing", "light"),
    ("pairing", "dark"),
    ("connected", "dark"),
    ("needs-a-person", "light"),
    ("several", "dark"),
)
"""Those that are kept, by the tone of the desktop: two for README.md, the rest for docs/web.md."""

_PORT: Final = 8799
_SCALE: Final = 1.5  # pixels of the picture to one of CSS
_DESKTOP: Final = {"width": 1180, "height": 844}
_PHONE: Final = {"width": 390, "height": 844}
_WIDTH: Final = 1320  # pixels of a picture
_QUALITY: Final = 76

_FONTS: Final = """\
<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig><include>/etc/fonts/fonts.conf</include>
<match><test name="family" compare="eq"><string>DejaVu Sans</string></test>
<edit name="family" mode="assign" binding="strong"><string>Liberation Sans</string></edit></match>
</fontconfig>
"""
"""What phones and desktops have for `system-ui` is closer to this than to Debian's choice."""


@dataclass
class Played:
    """A session, and the session process that we play."""

    session: Supervisor
    link: PlayedLink

    @classmethod
    def of(cls, name: str, directory: Path) -> Played:
        """Make one; it is not begun."""
        link = PlayedLink()
        settings = Settings(session=name, data_dir=directory, gate={"allow": [FRIEND]})
        return cls(Supervisor(settings, sinks=[], link=link.make), link)

    async def begun(self) -> None:
        """Wait until it dials."""
        await _until(lambda: bool(self.link.specs))

    async def reach(self, state: State) -> None:
        """Wait until it is there."""
        await self.session.wait_for(state, timeout=20)

    async def connect(self) -> None:
        """Let it be paired and connected."""
        self.link.say(facts.QrOffered, SecretStr(PAYLOAD), 60.0)
        await self.reach(State.PAIRING)
        self.link.say(facts.PairSucceeded)
        self.link.say(facts.Connected)
        await self.reach(State.CONNECTED)

    def write(self, text: str, sender: str) -> None:
        """Let somebody write a message."""
        event = message_event(text_content(text), at=datetime.now(UTC), sender=sender, id=text)
        self.link.receive(event, arrived=time.time_ns())


async def _until(condition: Callable[[], bool]) -> None:
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


async def play(all_: dict[str, Played]) -> None:
    """Bring each to where its picture is taken."""
    for each in all_.values():
        await each.begun()
    shop, bank, mill = all_["shop"], all_["bank"], all_["mill"]
    await shop.connect()
    async with contextlib.aclosing(_reading(shop.session)) as messages:
        reading = asyncio.ensure_future(anext(messages))
        await _until(lambda: "bot" in _received(shop.session).readers)
        shop.write("a question", FRIEND)
        await reading
        shop.write("an offer", STRANGER)
        reading = asyncio.ensure_future(anext(messages))
        await _until(lambda: bool(_received(shop.session).refused))
        reading.cancel()
        await asyncio.wait({reading})
    await bank.connect()
    bank.link.say(facts.LoggedOut, Logout.BANNED)
    await bank.reach(State.GAVE_UP)
    await mill.connect()
    mill.link.exit(2)
    await mill.reach(State.BACKOFF)
    await all_["cafe"].connect()
    all_["club"].link.say(facts.QrOffered, SecretStr(PAYLOAD), 60.0)
    await all_["club"].reach(State.PAIRING)


def _received(session: Supervisor) -> Received:
    received = session.status.received
    assert received is not None
    return received


async def _reading(session: Supervisor) -> Any:  # noqa: ANN401 - an async generator
    async for message in session.messages("bot"):
        yield message


async def draw(directory: Path, fonts: Path) -> dict[str, Image.Image]:
    """Draw all pictures, by name."""
    names = ("shop", "club", "bank", "mill", "cafe")
    all_ = {name: Played.of(name, directory) for name in names}
    sessions = {name: each.session for name, each in all_.items()}
    async with contextlib.AsyncExitStack() as stack:
        login = await stack.enter_async_context(
            serving(sessions, Address.parse(f"127.0.0.1:{_PORT}"), directory / "web")
        )
        for session in sessions.values():
            await stack.enter_async_context(session)
        await play(all_)
        browsers = await stack.enter_async_context(async_playwright())
        chromium = await browsers.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox"],
            env={"FONTCONFIG_FILE": str(fonts), "HOME": str(directory)},
        )
        state = await _log_in(chromium, login)
        shots = {
            (tone, size): await _shots(chromium, state, tone, size)
            for tone in ("light", "dark")
            for size in ("desktop", "phone")
        }
        await chromium.close()
    other = {"light": "dark", "dark": "light"}
    return {
        f"{name}-{tone}": _beside(shots[tone, "desktop"][name], shots[other[tone], "phone"][name])
        for name, tone in PICTURES
    }


async def _log_in(chromium: Browser, link: str) -> Any:  # noqa: ANN401 - Playwright's own
    page = await chromium.new_page()
    await page.goto(link)
    await page.click("button")
    await page.wait_for_selector("h1")
    return await page.context.storage_state()


async def _shots(chromium: Browser, state: Any, tone: str, size: str) -> dict[str, Image.Image]:  # noqa: ANN401
    context = await chromium.new_context(
        storage_state=state,
        viewport=_DESKTOP if size == "desktop" else _PHONE,  # type: ignore[arg-type]
        device_scale_factor=_SCALE,
        color_scheme="dark" if tone == "dark" else "light",
        is_mobile=size == "phone",
    )
    page = await context.new_page()
    found = {name: await _shot(page, path) for name, path in PAGES.items()}
    await context.close()
    return found


async def _shot(page: Page, path: str) -> Image.Image:
    await page.goto(f"http://127.0.0.1:{_PORT}{path}")
    await page.wait_for_selector("h1")
    if await page.locator("#qr").count():
        await page.locator("#qr").evaluate("image => image.decode()")
    await page.evaluate("document.fonts.ready")
    return Image.open(io.BytesIO(await page.screenshot())).convert("RGB")


def _beside(desktop: Image.Image, phone: Image.Image) -> Image.Image:
    """Put a desktop and a phone beside one another."""
    gap = round(28 * _SCALE)
    desktop, phone = _rounded(desktop, 16), _rounded(phone, 36)
    whole = Image.new("RGBA", (desktop.width + gap + phone.width, desktop.height), (0, 0, 0, 0))
    whole.alpha_composite(desktop, (0, 0))
    whole.alpha_composite(phone, (desktop.width + gap, 0))
    return whole.resize((_WIDTH, whole.height * _WIDTH // whole.width), Image.Resampling.LANCZOS)


def _rounded(picture: Image.Image, radius: int) -> Image.Image:
    mask = Image.new("L", picture.size, 0)
    box = (0, 0, picture.width - 1, picture.height - 1)
    ImageDraw.Draw(mask).rounded_rectangle(box, round(radius * _SCALE), fill=255)
    rounded = picture.convert("RGBA")
    rounded.putalpha(mask)
    ImageDraw.Draw(rounded).rounded_rectangle(
        box, round(radius * _SCALE), outline=(128, 136, 148, 255), width=round(2 * _SCALE)
    )
    return rounded


def main(target: Path) -> None:
    """Write all pictures into a directory."""
    target.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        fonts = Path(scratch, "fonts.conf")
        fonts.write_text(_FONTS)
        drawn = asyncio.run(asyncio.wait_for(draw(Path(scratch), fonts), WITHIN))
    for name, picture in drawn.items():
        picture.save(target / f"{name}.webp", quality=_QUALITY, method=6)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/pictures"))
