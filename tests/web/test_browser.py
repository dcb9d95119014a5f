"""Several sessions in a real Chromium: what is on top, by keyboard alone, and on a phone."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from e2e.browser import browsing, tab
from e2e.processes import until
from wa_supervisor import Settings, State, Supervisor
from wa_supervisor.lifecycle import facts
from wa_supervisor.page_address import Address
from wa_supervisor.testing import PlayedLink
from wa_supervisor.web.access import Scope, Tokens
from wa_supervisor.web.serving import serving
from web.test_server import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from playwright.async_api import Browser

    from e2e.browser import Tab

PAYLOAD = "https://wa.me/settings/linked_devices#" + "CANARY" * 30
PHONE: Any = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}


class Played:
    """A session whose process a test plays."""

    def __init__(self, name: str, directory: Path) -> None:
        self.link = PlayedLink()
        settings = Settings(session=name, data_dir=directory)
        self.session = Supervisor(settings, sinks=[], link=self.link.make)

    @property
    def state(self) -> State:
        return self.session.status.state

    async def show_code(self) -> None:
        await until(lambda: bool(self.link.specs))
        self.link.say(facts.QrOffered, SecretStr(PAYLOAD), 60.0)
        await self.session.wait_for(State.PAIRING, timeout=10)

    async def connect(self) -> None:
        await self.show_code()
        self.link.say(facts.PairSucceeded)
        self.link.say(facts.Connected)
        await self.session.wait_for(State.CONNECTED, timeout=10)


async def focused(person: Tab) -> str:
    said = await person.page.evaluate("document.activeElement.textContent")
    return re.sub(r"\s+", " ", str(said)).strip()


async def tab_to(person: Tab, text: str, most: int = 12) -> None:
    """Press the tab key until what has the focus begins so."""
    for _ in range(most):
        await person.page.keyboard.press("Tab")
        if (await focused(person)).startswith(text):
            return
    pytest.fail(f"{text!r} is not reached by {most} tabs, but {await focused(person)!r}")


async def fits(person: Tab) -> bool:
    """Whether nothing lies beyond the right edge."""
    found: bool = await person.page.evaluate(
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )
    return found


@dataclass
class Scene:
    """Three sessions: one is connected, one was given up, one shows its code."""

    fine: Played
    lost: Played
    new: Played
    address: Address
    token: str
    browser: Browser

    @property
    def states(self) -> list[State]:
        return [each.state for each in (self.fine, self.lost, self.new)]

    @property
    def starts(self) -> list[int]:
        return [len(each.link.specs) for each in (self.fine, self.lost, self.new)]


@contextlib.asynccontextmanager
async def scene(directory: Path) -> AsyncIterator[Scene]:
    fine, lost, new = (Played(name, directory) for name in ("fine", "lost", "new"))
    sessions = {each.session.settings.session: each.session for each in (fine, lost, new)}
    address = Address.parse(f"127.0.0.1:{free_port()}")
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(serving(sessions, address, directory / "web"))
        for session in sessions.values():
            await stack.enter_async_context(session)
        await fine.connect()
        await lost.connect()
        lost.link.say(facts.ClientOutdated)
        await lost.session.wait_for(State.GAVE_UP, timeout=10)
        await new.show_code()
        token = Tokens.read(directory / "web").by_scope[Scope.OPERATE]
        browser = await stack.enter_async_context(browsing())
        yield Scene(fine, lost, new, address, token, browser)


@pytest.mark.long
async def test_those_that_need_a_person_come_first_and_each_is_helped_alone(tmp_path: Path) -> None:
    async with scene(tmp_path) as here, tab(here.browser, here.address.url) as person:
        await helps_the_first_by_keyboard(here, person)
        await follows_all_without_being_loaded_again(here, person)
        async with tab(here.browser, here.address.url, color_scheme="dark", **PHONE) as phone:
            await stops_one_on_a_phone(here, phone)
            await person.says("3 sessions, 2 connected")
            await finds_the_state_on_a_phone(here, phone)
            for each in (person, phone):
                assert (each.complaints, each.outside) == ([], [])


async def helps_the_first_by_keyboard(here: Scene, person: Tab) -> None:
    page = person.page
    await page.goto(f"{here.address.url}/login")
    await page.wait_for_function("document.activeElement?.id === 'token'")  # by itself
    await page.keyboard.type(here.token)
    await page.keyboard.press("Enter")
    await person.says("3 sessions, 1 connected")
    assert await page.title() == "(2) Sessions · wa-supervisor"
    assert await page.locator(".sessions b").all_inner_texts() == ["lost", "new", "fine"]
    assert await page.locator("main h2").all_text_contents() == [
        "Needs a person",
        "Nobody must act",
    ]
    assert await person.violations() == []

    await tab_to(person, "Skip to the state", 1)
    await tab_to(person, "lost", 3)
    await page.keyboard.press("Enter")
    await person.says("You must act")
    assert await person.violations() == []
    await tab_to(person, "Resume: try again now")
    await page.keyboard.press("Enter")
    await until(lambda: here.starts == [1, 2, 1])
    assert here.states[::2] == [State.CONNECTED, State.PAIRING]
    assert (here.fine.link.stops, here.new.link.stops) == (0, 0)
    here.lost.link.say(facts.Connected)
    await person.says("All is well")
    await page.focus(".skip")
    await tab_to(person, "All sessions", 2)
    await page.keyboard.press("Enter")
    await person.says("3 sessions, 2 connected")


async def follows_all_without_being_loaded_again(here: Scene, person: Tab) -> None:
    await person.page.evaluate("window.loadedOnce = true")
    await tab_to(person, "fine", 6)
    here.fine.link.say(facts.Disconnected)
    await person.says("3 sessions, 1 connected")
    assert await focused(person) == "fine"  # though its part was replaced
    await person.page.route(f"{here.address.url}/", lambda route: route.abort(), times=1)
    here.fine.link.say(facts.Connected)
    await person.page.wait_for_selector(".lost:visible")  # no answer came: it is asked again
    person.complaints.clear()
    await person.says("3 sessions, 2 connected")
    assert not await person.page.is_visible(".lost")
    here.new.link.say(facts.PairSucceeded)
    here.new.link.say(facts.Connected)
    await person.says("3 sessions, 3 connected")
    assert (await person.page.title()).startswith("Sessions")
    assert await person.page.evaluate("window.loadedOnce") is True


async def stops_one_on_a_phone(here: Scene, phone: Tab) -> None:
    page = phone.page
    await page.goto(f"{here.address.url}/login")
    await page.fill("#token", here.token)
    await page.tap("button")
    await phone.says("3 sessions, 3 connected")
    assert await fits(phone)
    assert await phone.violations() == []
    await page.tap("a:has-text('new')")
    await phone.says("All is well")
    assert await fits(phone)
    assert await phone.violations() == []
    heights = await page.locator("button:visible, input:visible").evaluate_all(
        "all => all.map(each => each.getBoundingClientRect().height)"
    )
    assert min(heights) >= 40  # for a thumb
    await page.fill("#stop-name", "new")
    await page.tap("button:has-text('Stop')")
    await until(lambda: here.new.state is State.STOPPED)
    assert here.states[:2] == [State.CONNECTED, State.CONNECTED]


async def finds_the_state_on_a_phone(here: Scene, phone: Tab) -> None:
    """The chart is wider than a phone: the state of now is within its frame."""
    here.lost.link.say(facts.TemporaryBan, code=101, expires_in=3600.0)
    await until(lambda: here.lost.state is State.BACKOFF)
    await phone.page.goto(f"{here.address.url}/s/lost")
    await phone.page.wait_for_selector(".drawing .now")
    assert await phone.page.evaluate(
        """() => {
          const [frame, now] = [".drawing", ".drawing .now"].map(
            (each) => document.querySelector(each).getBoundingClientRect());
          return frame.left <= now.left && now.right <= frame.right;
        }"""
    )
