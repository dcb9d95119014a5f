"""What `run` does with several sessions: all in one program, until a signal or their operators."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from rich.console import Console

from ..bounds import working_on
from ..errors import ConfigError, SupervisorError
from ..lifecycle import State
from ..log_context import SESSION
from ..multi import Sessions
from ..pairing.parse import parse_sink
from ..pairing.spec import SinkSpec
from ..sdnotify import Notifier
from ..status import who_must_act
from .exits import Exit, gave_up
from .logs import configure_logging
from .reload import reload
from .service import Report, reports
from .signals import on_hang_up, stop_on_signals
from .supervise import json_lines, leave_note
from .web import address_of, page

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from pydantic import SecretStr

    from ..lifecycle import Step
    from ..page_address import Address
    from ..pairing.sink import Sink
    from ..settings import Loaded
    from ..supervisor import Supervisor
    from .logs import LogFiles
    from .session_options import SessionOptions
    from .supervise import OnGiveUp
    from .workers import Workers

log = logging.getLogger("wa_supervisor")


@dataclass(frozen=True, slots=True)
class ManyOptions:
    """What is asked of `run` with several sessions."""

    of: SessionOptions
    read: Callable[[], Mapping[str, Loaded]]
    """Reads the settings of all of them again, for SIGHUP."""
    on_give_up: OnGiveUp
    first_order: Callable[[Supervisor], None] | None
    as_json: bool
    verbose: bool
    web: bool = False
    """--web was given: the page is served, though the settings do not say where."""


def check_apart(all_: Collection[Loaded]) -> None:
    """Refuse two sessions that show codes in one file, or want two pages. Raises ConfigError."""
    if len({each.settings.web for each in all_}) > 1:
        raise ConfigError(
            "the sessions differ in `web`, and there is one page for all of them",
            hint="set it once, in [web] and in no [sessions.NAME.web]",
        )
    taken: dict[str, str] = {}
    for settings in (each.settings for each in all_):
        for path in (SinkSpec.parse(text).path for text in settings.pairing.qr):
            if path is not None and taken.setdefault(str(path), settings.session) != (
                settings.session
            ):
                raise ConfigError(
                    f"the sessions {taken[str(path)]!r} and {settings.session!r} would show their "
                    f"codes in one file, {path.name}",
                    hint=f"give each a file of its own, in [sessions.{settings.session}.pairing]",
                )


def supervise_many(options: ManyOptions, workers: Workers) -> Exit:
    """Supervise all until a signal ends them, or an operator the last. Raises SupervisorError."""
    wanted = options.read()
    check_apart(wanted.values())
    settings = next(iter(wanted.values())).settings
    address = address_of(settings.web, wanted=options.web)
    console = Console(file=sys.stderr)
    files = configure_logging(
        console,
        as_json=options.as_json and not console.is_terminal,
        verbose=options.verbose,
        typed=options.of.repeat_in,
        several=True,
    )
    return asyncio.run(_Many(options, workers, files).run(wanted, address))


class _Many:
    def __init__(self, options: ManyOptions, workers: Workers, files: LogFiles) -> None:
        self._options = options
        self._files = files
        self._workers = workers
        self._sessions = Sessions()
        self._report = Report(self._summary, None)
        self._ends: dict[str, asyncio.Task[None]] = {}
        self._news = asyncio.Event()
        self._last: dict[str, Step] = {}
        self._stopping: asyncio.Task[None] | None = None
        self._code = Exit.OK

    async def run(self, wanted: Mapping[str, Loaded], address: Address | None) -> Exit:
        loop = asyncio.get_running_loop()

        def stop() -> None:
            loop.call_soon_threadsafe(self._stop)

        with working_on(self._workers):
            notifier = Notifier.from_environment(os.environ)
            settings = next(iter(wanted.values())).settings
            served = page(self._sessions, address, settings, self._workers)
            async with self._sessions, served, reports(self._summary, notifier) as self._report:
                with stop_on_signals(stop), on_hang_up(self._news.set):
                    await self._take(wanted)
                    while any(not end.done() for end in self._ends.values()):
                        await self._until_news()
        return self._code

    async def _until_news(self) -> None:
        """Wait until a session ends, or SIGHUP asks for the settings to be read again."""
        hung_up = asyncio.ensure_future(self._news.wait())
        ends = [end for end in self._ends.values() if not end.done()]
        await asyncio.wait([hung_up, *ends], return_when=asyncio.FIRST_COMPLETED)
        if hung_up.done() and not self._stopping:
            self._news.clear()
            await self._read_again()
        hung_up.cancel()

    def _stop(self) -> None:
        if self._stopping is not None:
            return
        self._report.stopping()
        self._stopping = asyncio.create_task(self._sessions.stop())
        self._news.set()

    async def _take(self, wanted: Mapping[str, Loaded]) -> None:
        """Begin with all; one that cannot be had keeps no other from it."""
        for name, loaded in wanted.items():
            if self._stopping or name in self._sessions:
                continue
            named = SESSION.set(name)
            try:
                await self._add(name, loaded)
                # What a session is made of is no garbage for as long as it runs: to look through
                # that of a thousand takes 0.6 s, for which the loop stands still.
                gc.freeze()
            except SupervisorError as error:
                with_hint = (
                    f"{error}; {self._options.of.advice(error.hint)}" if error.hint else error
                )
                log.error("%s: %s", name, with_hint)  # noqa: TRY400 - a sentence, not a defect
                self._code = self._code or Exit.STORE
            finally:
                SESSION.reset(named)

    async def _add(self, name: str, loaded: Loaded) -> None:
        begin_log = self._files.add(loaded.settings)
        for warning in loaded.warnings:
            log.warning("%s: %s", name, warning)
        sinks: list[Sink] = [
            parse_sink(text, terminal=lambda _: _Announced(name))
            for text in loaded.settings.pairing.qr
        ]
        session = await self._sessions.add(
            loaded.settings, sinks=sinks, on_give_up=self._options.on_give_up.value
        )
        if self._options.first_order is not None:
            self._options.first_order(session)
        session.on_record(begin_log)
        if self._options.as_json:
            session.on_record(json_lines(None))
        session.on_step(partial(self._heard, name))
        self._ends[name] = asyncio.create_task(self._end(session), name=f"end of {name}")

    async def _end(self, session: Supervisor) -> None:
        async for _ in session.steps():
            pass
        status = session.status
        code = gave_up(status.reason) if status.state is State.GAVE_UP else Exit.OK
        self._code = self._code or code
        await asyncio.to_thread(leave_note, session.settings, code)

    async def _read_again(self) -> None:
        """Apply what changed: new sessions, those that are gone, and the numbers of the rest."""
        try:
            wanted = self._options.read()
            check_apart(wanted.values())
        except ConfigError as error:
            log.error("the settings are wrong, the old ones stay: %s", error)  # noqa: TRY400
            return
        for name in [name for name in self._sessions if name not in wanted]:
            log.info("%s: no longer among the sessions: stopped", name)
            await self._sessions.remove(name)
        for name, session in self._sessions.items():
            reload(session, partial(wanted.__getitem__, name))
        await self._take(wanted)

    def _heard(self, name: str, step: Step) -> None:
        self._last[name] = step
        self._report.news_soon()

    def _summary(self) -> str:
        """Say how many are up, and of the others how that one stands that needs a person most.

        By the last step of each: a status of all, with each step of one, would be all there is time
        for.
        """
        last, count = self._last, len(self._sessions)
        others = [
            name
            for name in self._sessions
            if name not in last or last[name].after is not State.CONNECTED
        ]
        first = ""
        if others:
            name = min(others, key=self._by_need)
            first = f"; {name}: {self._sessions[name].status.summary}"
        return f"{count - len(others)} of {count} sessions connected{first}"

    def _by_need(self, name: str) -> tuple[bool, str]:
        last = self._last.get(name)
        return last is None or who_must_act(last.session)[0] == "nobody", name


class _Announced:
    """A sink for where one terminal cannot show the codes of all: it says how to see this one."""

    def __init__(self, session: str) -> None:
        self._session = session
        self._said = False

    def show_qr(self, payload: SecretStr, lifetime: float) -> None:
        """Say that there is a QR, once."""
        del payload, lifetime
        self._say("a QR to scan")

    def show_code(self, code: SecretStr, lifetime: float) -> None:
        """Say that there is a pair code, once."""
        del code, lifetime
        self._say("a pair code to type")

    def hide(self) -> None:
        """Say so again for the next."""
        self._said = False

    def close(self) -> None:
        """Do nothing."""

    def _say(self, what: str) -> None:
        if not self._said:
            log.warning(
                "%s: there is %s; `wa-supervisor qr --session %s` shows it",
                self._session,
                what,
                self._session,
            )
        self._said = True
