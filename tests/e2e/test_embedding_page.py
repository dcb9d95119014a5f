"""The programs in README.md and docs/embedding.md run as they stand: on a fake session, and on the
real client over the loopback server."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys
import threading
import time
from abc import ABC, abstractmethod
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from e2e.processes import until
from e2e.runs import Codes
from wa_supervisor import NotRunning, Settings, State, Supervisor, SyncSupervisor
from wa_supervisor.control import Order, ask
from wa_supervisor.session.parent.link import SessionLink
from wa_supervisor.testing import FakeSession, MemoryStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from e2e.harness import World
    from wa_loopback.contact import Contact
    from wa_loopback.phone import Phone

ROOT = Path(__file__).parents[2]
PROGRAM = re.compile(r"```python\n(.*?)```", re.DOTALL)


def programs(page: str) -> list[str]:
    found: list[str] = PROGRAM.findall((ROOT / page).read_text("utf-8"))
    return found


class Stage(ABC):
    """Where the programs run: they are given its settings, and its class of supervisors."""

    guest: str
    """The number of somebody who writes, and is written to."""

    def __init__(self) -> None:
        self.session: Supervisor | None = None
        """The newest one that a program has made."""

    @abstractmethod
    def settings(self, **settings: Any) -> Settings: ...

    @abstractmethod
    def supervisor(self, settings: Settings) -> Supervisor: ...

    @abstractmethod
    async def say(self, text: str) -> None:
        """Let the guest write."""

    @abstractmethod
    async def heard(self) -> str | None:
        """Return the next text that the guest has got."""

    def make(self, settings: Settings) -> Supervisor:
        self.session = self.supervisor(settings)
        return self.session

    def names(self, *blocks: str) -> dict[str, Any]:
        """Run the definitions of a page, which find this stage in place of the outside."""
        names: dict[str, Any] = {}
        exec(compile("\n".join(blocks), "a page", "exec"), names)
        names["Settings"] = self.settings
        names["Supervisor"] = self.make
        names["SyncSupervisor"] = lambda settings: SyncSupervisor(self.make(settings))
        return names

    @contextlib.asynccontextmanager
    async def holding(self) -> AsyncIterator[Supervisor]:
        """Hold a session, as the program does that a function of the page belongs to."""
        settings = self.settings(session="shop", gate={"direct": "open"})
        async with self.make(settings) as session:
            await session.wait_for(State.CONNECTED, timeout=30)
            yield session

    @contextlib.asynccontextmanager
    async def running(self, program: Coroutine[Any, Any, Any]) -> AsyncIterator[asyncio.Task[Any]]:
        """Run a program until it reads; at the end it is cancelled, if it has not ended."""
        task = asyncio.create_task(program)
        try:
            await until(lambda: task.done() or self._is_read(), 30)
            yield task
        finally:
            task.cancel()
            await asyncio.wait({task}, timeout=10)
        assert task.done()
        if not task.cancelled():
            task.result()

    def _is_read(self) -> bool:
        session = self.session
        return (
            session is not None
            and session.status.substate == "online"
            and session._incoming is not None
            and session._incoming._inbox is not None
            and bool(session._incoming._inbox._readers)
        )


class FakeStage(Stage):
    guest = "+4915112345678"

    def __init__(self) -> None:
        super().__init__()
        self._store = MemoryStore(paired=True)
        self._heard = 0

    def settings(self, **settings: Any) -> Settings:
        return Settings(**settings)

    def supervisor(self, settings: Settings) -> FakeSession:
        self._heard = 0
        return FakeSession(settings, store=self._store)

    async def say(self, text: str) -> None:
        await self._fake.receive(text, sender=self.guest)

    async def heard(self) -> str:
        self._heard += 1
        return self._fake.sent[self._heard - 1].text

    @property
    def _fake(self) -> FakeSession:
        assert isinstance(self.session, FakeSession)
        return self.session


class RealStage(Stage):
    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world
        self._ann: Contact = world.server.contact("Ann")
        self._phone: Phone | None = None
        self.guest = f"+{self._ann.jid.user}"

    async def pair(self) -> RealStage:
        run, connection = await self._world.paired(session="shop")
        await run.stop()
        assert connection.device is not None
        self._phone = self._world.server.phone(connection.device.phone.number)
        return self

    def settings(self, **settings: Any) -> Settings:
        return self._world.settings(**settings)

    def supervisor(self, settings: Settings) -> Supervisor:

        def make(post: Any, **options: Any) -> SessionLink:
            # The tests' fork servers belong to their loop, and threads have one of their own.
            here = threading.current_thread() is threading.main_thread()
            launcher = self._world.fork_servers if here else None
            return SessionLink(post, launcher=launcher, **options)

        return Supervisor(settings, sinks=[Codes(self._world.canary)], link=make)

    async def say(self, text: str) -> None:
        assert self._phone is not None
        self._ann.say(self._phone, text)

    async def heard(self) -> str | None:
        return (await self._ann.next_message(timeout=30)).text


REAL = [
    pytest.mark.e2e,
    pytest.mark.skipif(sys.platform != "linux", reason="needs /proc"),
]


@pytest.fixture(params=["fake", pytest.param("real", marks=REAL)])
def stage(request: pytest.FixtureRequest) -> Any:
    """How to make the stage, once in the test's loop."""
    if request.param == "fake":
        return partial(asyncio.sleep, 0, FakeStage())
    return RealStage(request.getfixturevalue("world")).pair


async def test_what_the_page_shows_runs(stage: Any) -> None:
    on: Stage = await stage()
    names = on.names(*programs("docs/embedding.md"))

    async with on.holding() as session, on.running(names["look_after"](session, 2)) as program:
        await on.say("No light")
        await on.say("Flat tyre")
        answers = {await on.heard(), await on.heard()}
        assert answers == {f"{it}? We look into it." for it in ("No light", "Flat tyre")}
        await program

    async with on.running(names["main"]()):
        await on.say("ping")
        assert await on.heard() == "pong"

    async with on.holding() as session:
        await names["remind"](session, on.guest)
        assert await on.heard() == "Your table is ready."

    app = SimpleNamespace(state=SimpleNamespace())
    async with names["lifespan"](app):
        assert on.session is app.state.session is not None
        await on.session.wait_for(State.CONNECTED, timeout=30)
    assert on.session.status.state is State.STOPPED


async def test_what_the_page_shows_for_threads_runs(stage: Any) -> None:
    on: Stage = await stage()
    names = on.names(*programs("docs/embedding.md"))
    async with on.holding() as session:
        await session.messages("orders").begin()  # kept from now on
        await on.say("one coffee")
        await on.say("one tea")
        await until(lambda: (told := session.status.received) is not None and told.waiting == 2)
    assert await asyncio.to_thread(names["take_orders"], 2) == ["one coffee", "one tea"]
    await asyncio.to_thread(names["notify"], on.guest)
    assert await on.heard() == "Good morning."


async def test_what_the_readme_shows_for_programs_runs(stage: Any) -> None:
    on: Stage = await stage()
    (program,) = (block for block in programs("README.md") if "Supervisor" in block)
    names = on.names(program)
    async with on.running(names["main"]()):
        await on.say("hello")
        assert await on.heard() == "pong"


@pytest.mark.e2e
@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
async def test_the_bot_of_the_readme_answers(world: World) -> None:
    (bot,) = (block for block in programs("README.md") if "def register" in block)
    (world.directory / "mybot.py").write_text(bot)
    assert "--bot mybot:register" in (ROOT / "README.md").read_text("utf-8")
    run, connection = await world.paired(bot="mybot:register")
    assert connection.device is not None
    ann = world.server.contact("Ann")
    ann.say(connection.device.phone, "hello")
    assert (await ann.next_message(timeout=30)).text == "pong"
    await run.stop()


@pytest.mark.e2e
@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
async def test_what_the_page_shows_of_several_sessions_runs(world: World) -> None:
    branches, phones = ("shop", "club"), []
    for name in branches:
        run, connection = await world.paired(session=name)
        assert connection.device is not None
        phones.append(connection.device.phone)
        await run.stop()
    names: dict[str, Any] = {}
    exec(compile("\n".join(programs("docs/embedding.md")), "a page", "exec"), names)
    settings = [world.settings(session=name, gate={"direct": "open"}) for name in branches]

    def wait_until_read(name: str) -> None:
        end = time.monotonic() + 30
        while time.monotonic() < end:
            with contextlib.suppress(NotRunning):
                received = ask(world.files(name), Order.STATUS).received
                if received is not None and "default" in received.readers:
                    return
            time.sleep(0.05)
        raise TimeoutError(name)

    program = asyncio.create_task(names["serve_all"](*settings))
    for name in branches:
        await asyncio.to_thread(wait_until_read, name)
    for name, phone in zip(branches, phones, strict=True):
        ann = world.server.contact(f"Ann of the {name}")
        ann.say(phone, "no light")
        assert (await ann.next_message(timeout=30)).text == f"The {name} looks into it."
    for name in branches:
        await asyncio.to_thread(ask, world.files(name), Order.STOP)
    await asyncio.wait_for(program, 15)


async def test_the_test_that_the_page_shows_passes() -> None:
    names: dict[str, Any] = {}
    exec(compile("\n".join(programs("docs/embedding.md")), "a page", "exec"), names)
    await names["desk_answers_after_an_outage"]()


def test_every_program_of_these_pages_is_run_here() -> None:
    run = {"main", "look_after", "remind", "lifespan", "notify", "take_orders"}
    run |= {"serve_all", "desk_answers_after_an_outage", "register"}
    pages = [*programs("README.md"), *programs("docs/embedding.md")]
    shown = re.findall(r"^(?:async )?def (\w+)", "\n".join(pages), re.MULTILINE)
    assert {*shown} == run
