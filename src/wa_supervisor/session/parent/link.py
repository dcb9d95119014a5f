"""The supervisor's end of its session: starts its session process, and ends it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from typing import TYPE_CHECKING, Final

from ...errors import NeonizeUnusable, SessionError
from ...lifecycle import facts
from ...loop_share import next_turn
from ...messages.errors import ClientGone, SendUnknown
from ..shared import protocol
from ..shared.endpoint import Endpoint
from ..shared.role import refuse_in_session_process
from ..shared.spec import ChildSpec, ExitCode, Place, StopBounds
from .calls import Answer
from .door import BotDoor, Dealt
from .fork_servers import ForkServers
from .launch import SpawnLauncher
from .network_probe import reachable
from .process import UNKNOWN_EXIT
from .session_process import SessionProcess

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pydantic import SecretStr

    from ...lifecycle.facts import ChildFact
    from .launch import Launcher

__all__ = ["ChildSpec", "Endpoint", "ExitCode", "SessionLink", "StopBounds"]

log = logging.getLogger(__name__)


def best_launcher() -> Launcher:
    """Return a new launcher: fork servers where they work, on Linux with pidfds (kernel 5.3)."""
    forks = sys.platform == "linux" and hasattr(os, "pidfd_open")
    return ForkServers() if forks else SpawnLauncher()


class SessionLink:
    """One supervisor's session process: at most one at a time, each reaped before the next.

    `post` receives every fact in order, on the event loop. Each `start` is answered by exactly
    one ChildExited, after the process was reaped and everything it had said was posted, or by one
    StartRefused, if no process began. Each process gets a share of the session's lock,
    `lock_descriptor`, and keeps it until it dies.
    `on_received` is called, on the loop, when the inbox's log has grown. `launcher` may serve other
    links too; it stays open. Without it the link has one of its own. `look` tells whether WhatsApp
    can be reached, and may be shared likewise.

    Raises Misused if this is a session process: a bot's module would start a supervisor within it.
    """

    def __init__(  # noqa: PLR0913 - one is needed
        self,
        post: Callable[[ChildFact], None],
        *,
        launcher: Launcher | None = None,
        look: Callable[[Endpoint], Awaitable[bool]] = reachable,
        bounds: StopBounds | None = None,
        on_received: Callable[[], None] = lambda: None,
        lock_descriptor: int | None = None,
    ) -> None:
        refuse_in_session_process()
        self._post = post
        self._owns_launcher = launcher is None
        self._launcher: Final = launcher or best_launcher()
        self._look = look
        self._bounds = bounds or StopBounds()
        self._on_received = on_received
        self._lock_descriptors = () if lock_descriptor is None else (lock_descriptor,)
        self._door = BotDoor()
        self._current: SessionProcess | None = None
        self._last: SessionProcess | None = None

    @property
    def pid(self) -> int | None:
        """The session process's id, None if there is none."""
        current = self._current
        return current.process.pid if current is not None and current.process is not None else None

    @property
    def hello(self) -> protocol.Hello | None:
        """What the running session process said of itself, None if it has not yet."""
        return None if self._current is None else self._current.hello

    def printed(self, generation: int) -> str:
        """Return the end of what the process of this generation printed, if it was the last.

        Redacted, but for the text of messages: for a private file, not for a log or a status.
        """
        last = self._last
        return last.printed if last is not None and last.spec.generation == generation else ""

    async def prestart(self, endpoint: Endpoint | None = None) -> None:
        """Start the fork server ahead of the first session, so that that one is quick.

        Raises SessionError if it cannot be started.
        """
        await self._launcher.ready(endpoint or Endpoint())

    async def start(self, spec: ChildSpec) -> None:
        """Begin to start a session process; what the outside does never raises, it is posted.

        It returns at once: the fork server may have to be started first.

        Raises SessionError if one is running already.
        """
        if self._current is not None:
            raise SessionError(
                f"the session process of generation {self._current.spec.generation} still runs"
            )
        self._current = current = SessionProcess(spec, self._post, self._on_received, self._door)
        current.task = asyncio.create_task(self._live(current), name=f"session-{spec.generation}")

    async def stop(
        self, *, log_out: bool = False, pairing: bool = False, drain: float = 1.0
    ) -> None:
        """End the session process and return when it was reaped and its end was posted.

        The ladder is: ask, SIGTERM, SIGKILL, each bounded. `pairing` kills at once. A process
        the kernel does not let die is left to it: its ChildExited comes when it is gone.
        """
        current = self._current
        if current is None or current.task is None:
            return
        current.is_to_end = True
        bounds = self._bounds
        if current.process is None:
            await current.abandon(bounds.term)
        within = bounds.ask + drain
        if not pairing and current.ask_to_stop(log_out=log_out, within=within, drain=drain):
            if await current.ends_within(within):
                return
            current.send_signal(signal.SIGTERM)
            if await current.ends_within(bounds.term):
                return
        current.send_signal(signal.SIGKILL)
        if not await current.ends_within(bounds.kill):
            log.error("Session process %s outlived SIGKILL", self.pid)

    async def probe(self, generation: int, *, within: float) -> None:
        """Have the process make a round trip to WhatsApp, and post how that went."""
        current = self._current
        if current is None or current.spec.generation != generation:
            return
        problem = (await current.calls.ask("probe", within)).problem
        if problem:
            self._post(facts.ProbeFailed(generation, current.redact(problem)))
        else:
            self._post(facts.ProbeAnswered(generation))

    async def request(self, what: protocol.Work, arguments: SecretStr, *, within: float) -> Answer:
        """Have the process do something with its client; the answer's problem if it cannot."""
        current = self._current
        if current is None:
            return Answer("no session process runs", ClientGone.code)
        return await current.calls.request(what, arguments, within)

    async def ask(
        self, what: protocol.Question, *, within: float, about: SecretStr | None = None
    ) -> Answer:
        """Ask the session process, and return what it answered or why it did not."""
        current = self._current
        if current is None:
            return Answer("no session process runs")
        return await current.calls.ask(what, within, about)

    def steer(self, door: BotDoor) -> None:
        """Have this process, and those that follow, treat what they receive so from now on."""
        self._door = door
        if self._current is not None:
            self._current.steer(door)

    async def deliver(self, place: Place) -> Dealt:
        """Have the bot's handlers deal with a message, and wait for them as long as they take."""
        current = self._current
        if current is None:
            return Dealt.NOT_BEGUN
        answer = await current.calls.deliver(place)
        if not answer.problem:
            return Dealt.DONE
        if answer.code == protocol.Undelivered.RAISED:
            return Dealt.RAISED
        if answer.code != SendUnknown.code:
            return Dealt.NOT_BEGUN
        return Dealt.ENDED if current.is_to_end else Dealt.DIED

    async def reachable(self, endpoint: Endpoint) -> bool:
        """Tell whether the way to WhatsApp is open, without a login."""
        return await self._look(endpoint)

    async def aclose(self) -> None:
        """End the session process and its own fork server. Bounded; nothing is left.

        Raises SessionError if the process outlives SIGKILL.
        """
        current = self._current
        await self.stop()
        if self._owns_launcher:
            await self._launcher.aclose()
        if current is not None and not await current.ends_within(self._bounds.kill):
            raise SessionError(f"session process {self.pid} outlived SIGKILL")

    async def _get_ready(self, spec: ChildSpec) -> None:
        await self._launcher.ready(spec.endpoint)
        await self._launcher.turns.take()

    async def _live(self, process: SessionProcess) -> None:
        """Take a process from its start to the fact that it has ended, or has not begun."""
        status, generation = UNKNOWN_EXIT, process.spec.generation
        try:
            process.readying = asyncio.ensure_future(self._get_ready(process.spec))
            if process.abandoned:
                process.readying.cancel()
            await asyncio.wait([process.readying])
            if process.readying.cancelled():
                process.problem = "stopped before it was started"
            else:
                process.readying.result()
                status = await process.run(self._launcher, *self._lock_descriptors)
        except NeonizeUnusable as error:
            process.problem = error.advice
            self._post(facts.ClientUnusable(generation, process.redact(error.advice)))
        except (SessionError, OSError) as error:
            process.problem = str(error)
            log.warning("The session process could not be started: %s", process.redact(str(error)))
        except Exception as error:  # a defect of ours must not leave the supervisor waiting
            log.exception("The session process could not be run")
            process.problem = f"a defect of wa-supervisor: {type(error).__name__}"
            await process.kill(self._bounds.kill)
        except asyncio.CancelledError:  # the loop itself ends: nobody is left to be informed
            if process.readying is not None:
                process.readying.cancel()
            await process.kill(self._bounds.kill)
            process.close()
            raise
        await next_turn()  # many may have ended at once
        process.close()
        self._current, self._last = None, process
        if process.was_ended_by_its_bot(status):
            detail = f"the bot ended the process with exit code {status.returncode}"
            self._post(facts.BotFailed(generation, detail))
        self._post(process.exited(status))
