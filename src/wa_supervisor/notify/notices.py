"""Listens to one supervisor and has every channel say what it must, without holding anything up."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from ..errors import LockHeld, StoreError
from ..lifecycle import State
from . import memory
from .channels import SECONDS, Channel, Heartbeat, NotSaid, channels
from .incidents import Incidents

if TYPE_CHECKING:
    from ..lifecycle import Step
    from ..setting_groups import NotifySettings
    from ..status import Status
    from .memory import NoticeMemory
    from .notice import Notice

log = logging.getLogger("wa_supervisor")

LOOK_EVERY: Final = 30.0
"""Seconds between two looks at the time of day at most: it may be set."""
PAUSES: Final = (1.0, 10.0, 60.0, 600.0)
"""Seconds between tries of one notice; the last is kept."""
MOST_UNSAID: Final = 20
"""Notices that wait for one channel; of more the oldest is dropped."""
LAST_SECONDS: Final = 1.0
"""At the end of a run that was asked for, for what is being said."""
LAST_CALL_SECONDS: Final = 10.0
"""The same where it gave up and ends for that: then somebody must hear of it."""


class Notices:
    """The notices of one session."""

    def __init__(
        self, settings: NotifySettings, page: str | None, kept: NoticeMemory | None
    ) -> None:
        """Notify as these settings say, with a link to `page`; `kept` is what was notified."""
        self._channels = tuple(channels(settings))
        self._heartbeat = Heartbeat(settings.heartbeat) if settings.heartbeat else None
        self._every = settings.heartbeat_every
        self._page = page
        self._kept = kept
        self._saving = asyncio.Lock()
        self._is_lost = False
        """Whether another supervisor has the session now, and notifies."""
        self._memory = memory.Memory()
        self._incidents = Incidents(page=page)
        self._news = asyncio.Event()
        self._to_say = {channel.name: asyncio.Event() for channel in self._channels}
        self._all_said = {channel.name: asyncio.Event() for channel in self._channels}
        self.trouble: dict[str, str] = {}
        """Why a channel does not say what it should, by its name; without those that do."""

    def heard(self, step: Step) -> None:
        """Look again: something happened."""
        if step.taken:
            self._news.set()

    @contextlib.asynccontextmanager
    async def running(self, status: Callable[[], Status]) -> AsyncIterator[None]:
        """Notify for as long as this lasts. What is unsaid at the end is said by the next run."""
        if not self._channels and self._heartbeat is None:
            yield
            return
        self._memory = await asyncio.to_thread(memory.load, self._kept)
        self._show_this_page()
        self._incidents = Incidents(self._memory.notified, page=self._page)
        tasks = [asyncio.create_task(self._watch(status), name="notices")]
        tasks += [asyncio.create_task(self._speak(each), name=each.name) for each in self._channels]
        if self._heartbeat is not None:
            tasks.append(asyncio.create_task(self._beat(self._heartbeat, status)))
        try:
            yield
        finally:
            last = status()
            gave_up = last.state is State.GAVE_UP
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LAST_CALL_SECONDS if gave_up else LAST_SECONDS):
                    await self._look(last)
                    await asyncio.gather(*(each.wait() for each in self._all_said.values()))
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _show_this_page(self) -> None:
        """Have what is still to be said point here: it may be another machine's."""
        for waiting in self._memory.unsaid.values():
            waiting[:] = [each.model_copy(update={"page": self._page}) for each in waiting]

    async def _watch(self, status: Callable[[], Status]) -> None:
        while True:
            self._news.clear()
            await self._look(status())
            due = self._incidents.due()
            left = LOOK_EVERY if due is None else (due - datetime.now(UTC)).total_seconds()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(max(left, 0.05), LOOK_EVERY)):
                    await self._news.wait()

    async def _look(self, status: Status) -> None:
        try:
            await self._notify(status)
        except Exception:  # a defect shall end neither the session nor later notices
            log.exception("it is not known whether somebody is needed, a defect of wa-supervisor")
            self._incidents = Incidents(page=self._page)

    async def _notify(self, status: Status) -> None:
        before = self._incidents.notified.model_dump_json()
        notices = self._incidents.see(status)
        if not notices and before == self._incidents.notified.model_dump_json():
            return
        for channel in self._channels if notices else ():
            waiting = self._memory.unsaid.setdefault(channel.name, [])
            waiting += notices
            del waiting[:-MOST_UNSAID]
            self._all_said[channel.name].clear()
        self._memory.notified = self._incidents.notified
        await self._save()
        if self._is_lost:
            return
        for notice in notices:
            log.info("notice to %s: %s", self._named(), notice.title)
        for channel in self._channels:
            self._to_say[channel.name].set()

    async def _speak(self, channel: Channel) -> None:
        tries = 0
        while True:
            async with self._saving:  # what is said was kept before, if that was possible
                waiting = self._memory.unsaid.setdefault(channel.name, [])
            if not waiting:
                self._all_said[channel.name].set()
                self._to_say[channel.name].clear()
                await self._to_say[channel.name].wait()
                continue
            if await self._says(channel, notice := waiting[0]):
                tries = 0
                if notice in waiting:
                    waiting.remove(notice)
                await self._save()
            else:
                pause = PAUSES[min(tries, len(PAUSES) - 1)]
                tries += 1
                await asyncio.sleep(pause)

    async def _says(self, channel: Channel, notice: Notice) -> bool:
        why = await said(channel, notice)
        if why is None:
            if self.trouble.pop(channel.name, None) is not None:
                log.info("the %s takes notices again", channel.name)
            return True
        if self.trouble.get(channel.name) != why:
            log.warning("the %s takes no notice: %s", channel.name, why)
        self.trouble[channel.name] = why
        return False

    async def _beat(self, heartbeat: Heartbeat, status: Callable[[], Status]) -> None:
        while True:
            if status().is_ready:
                why = await beaten(heartbeat)
                if why is None:
                    self.trouble.pop(heartbeat.name, None)
                else:
                    self.trouble[heartbeat.name] = why
            await asyncio.sleep(self._every)

    async def _save(self) -> None:
        if self._kept is None:
            return
        try:
            async with self._saving:
                content = self._memory.model_dump_json().encode()
                await asyncio.to_thread(self._kept.write, content)
        except LockHeld:
            self._is_lost = True
            self._memory.unsaid.clear()
            for said_all in self._all_said.values():
                said_all.set()
        except StoreError as error:
            self.trouble["memory"] = str(error)
        else:
            self.trouble.pop("memory", None)

    def _named(self) -> str:
        return ", ".join(channel.name for channel in self._channels) or "nobody"


async def said(channel: Channel, notice: Notice) -> str | None:
    """Have a channel say it, within the deadline. Return why it could not; None if it did."""
    try:
        async with asyncio.timeout(SECONDS):
            await channel.say(notice)
    except TimeoutError:
        return f"no answer within {SECONDS:g} s"
    except NotSaid as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - of others' code; its text may hold an address
        return f"{type(error).__name__} in it"
    return None


async def beaten(heartbeat: Heartbeat) -> str | None:
    """Have a heartbeat beat. Return why it could not; None if it did."""
    try:
        await heartbeat.beat()
    except NotSaid as error:
        return str(error)
    return None


async def say_all(settings: NotifySettings, notice: Notice) -> dict[str, str | None]:
    """Say one notice on every channel at once, and have the heartbeat beat.

    Return by name why one could not.
    """
    tries = {channel.name: said(channel, notice) for channel in channels(settings)}
    if settings.heartbeat is not None:
        tries[Heartbeat.name] = beaten(Heartbeat(settings.heartbeat))
    return dict(zip(tries, await asyncio.gather(*tries.values()), strict=True))
