"""The parent's end of the session process: start it, hear it, end it."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import os
import signal
import socket
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Literal

from pydantic import SecretStr

from ...errors import FrameError, NeonizeUnusable, SessionError
from ...lifecycle import facts
from ...redaction import Redactor, url_secrets
from ..shared import protocol
from ..shared.endpoint import Endpoint
from ..shared.spec import ChildSpec, ExitCode, StopBounds, Watch
from .calls import Calls
from .launch import ForkLauncher, Launcher, SpawnLauncher
from .output_tail import Tail, go_died
from .process import ExitStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...lifecycle.facts import ChildFact
    from .process import Process

__all__ = ["ChildSpec", "Endpoint", "ExitCode", "SessionLink", "StopBounds", "Watch"]

StartMethod = Literal["fork", "spawn"]

_log = logging.getLogger(__name__)
_child_log = logging.getLogger("wa_supervisor.session.child.main")
_output_log = logging.getLogger("wa_supervisor.session.parent.output_tail")

_DETAILED: Final = (
    facts.DialFailed,
    facts.StorageFailed,
    facts.StorageUnavailable,
    facts.ClientUnusable,
    facts.BotFailed,
)
_CHUNK: Final = 65536
_DEAF_SECONDS: Final = 1.0
_MAX_DRAIN: Final = 64  # chunks; a socket buffer holds a few


def default_start_method() -> StartMethod:
    """Return "fork" where a fork server works: on Linux, with pidfds (kernel 5.3)."""
    return "fork" if sys.platform == "linux" and hasattr(os, "pidfd_open") else "spawn"


class SessionLink:
    """One supervisor's session process: at most one at a time, each reaped before the next.

    `post` receives every fact in order, on the event loop. Each `start` is answered by exactly
    one ChildExited, after the process was reaped and everything it had said was posted. Each
    process gets a share of the session's lock, the open file `lease`, and keeps it until it dies.
    """

    def __init__(
        self,
        post: Callable[[ChildFact], None],
        *,
        start_method: StartMethod | None = None,
        bounds: StopBounds | None = None,
        lease: int | None = None,
    ) -> None:
        if sys.platform == "win32":
            raise SessionError(
                "session processes need a POSIX system", hint="run wa-supervisor in WSL"
            )
        self._post = post
        self._start_method = start_method or default_start_method()
        self._bounds = bounds or StopBounds()
        self._lease = () if lease is None else (lease,)
        self._launcher: Launcher | None = None
        self._endpoint: Endpoint | None = None
        self._child: _Child | None = None

    @property
    def pid(self) -> int | None:
        """The session process's id, None if there is none."""
        child = self._child
        return child.process.pid if child is not None and child.process is not None else None

    @property
    def hello(self) -> protocol.Hello | None:
        """What the running session process said of itself, None if it has not yet."""
        return None if self._child is None else self._child.hello

    async def prestart(self, endpoint: Endpoint | None = None) -> None:
        """Start the fork server ahead of the first session, so that that one is quick.

        Raises:
            SessionError: if it cannot be started.
        """
        await (await self._launcher_for(endpoint or Endpoint())).ready()

    async def start(self, spec: ChildSpec) -> None:
        """Begin to start a session process; what the outside does never raises, it is posted.

        It returns at once: the fork server may have to be started first.

        Raises:
            SessionError: if one is running already.
        """
        if self._child is not None:
            raise SessionError(
                f"the session process of generation {self._child.spec.generation} still runs"
            )
        self._child = child = _Child(spec, self._post)
        child.task = asyncio.create_task(self._live(child), name=f"session-{spec.generation}")

    async def stop(self, *, log_out: bool = False, pairing: bool = False) -> None:
        """End the session process and return when it was reaped and ChildExited was posted.

        The ladder is: ask, SIGTERM, SIGKILL, each bounded. `pairing` kills at once. A process
        the kernel does not let die is left to it: its ChildExited comes when it is gone.
        """
        child = self._child
        if child is None or child.task is None:
            return
        bounds = self._bounds
        if child.process is None:
            await child.abandon(bounds.term)
        if not pairing and child.ask_to_stop(log_out=log_out, within=bounds.ask):
            if await child.ends_within(bounds.ask):
                return
            child.send_signal(signal.SIGTERM)
            if await child.ends_within(bounds.term):
                return
        child.send_signal(signal.SIGKILL)
        if not await child.ends_within(bounds.kill):
            _log.error("Session process %s outlived SIGKILL", self.pid)

    async def probe(self, generation: int, *, within: float) -> None:
        """Have the process make a round trip to WhatsApp, and post how that went."""
        child = self._child
        if child is None or child.spec.generation != generation:
            return
        trouble = await child.calls.ask("probe", within)
        if trouble is None:
            self._post(facts.ProbeAnswered(generation))
        else:
            self._post(facts.ProbeFailed(generation, child.redact(trouble)))

    async def aclose(self) -> None:
        """End the session process and the fork server. Bounded; nothing is left."""
        child = self._child
        await self.stop()
        if self._launcher is not None:
            await self._launcher.aclose()
            self._launcher = None
        if child is not None and not await child.ends_within(self._bounds.kill):
            raise SessionError(f"session process {self.pid} outlived SIGKILL")

    async def _launcher_for(self, endpoint: Endpoint) -> Launcher:
        """Return the launcher; its environment is the endpoint's, so another needs another."""
        if self._launcher is None or endpoint != self._endpoint:
            if self._launcher is not None:
                await self._launcher.aclose()
            make = ForkLauncher if self._start_method == "fork" else SpawnLauncher
            self._launcher, self._endpoint = make(endpoint), endpoint
        return self._launcher

    async def _live(self, child: _Child) -> None:
        """Take a child from its start to its ChildExited."""
        status = ExitStatus(None, None)
        try:
            launcher = await self._launcher_for(child.spec.endpoint)
            child.readying = asyncio.ensure_future(launcher.ready())
            if child.abandoned:
                child.readying.cancel()
            await asyncio.wait([child.readying])
            if child.readying.cancelled():
                child.trouble = "stopped before it was started"
            else:
                child.readying.result()
                status = await child.run(launcher, *self._lease)
        except NeonizeUnusable as error:
            child.trouble = str(error)
            self._post(facts.ClientUnusable(child.spec.generation, child.redact(str(error))))
        except (SessionError, OSError) as error:
            child.trouble = str(error)
            _log.warning("The session process could not be started: %s", child.redact(str(error)))
        except asyncio.CancelledError:  # the loop itself ends: nobody is left to be told
            await child.kill(self._bounds.kill)
            child.close()
            raise
        child.close()
        self._child = None
        if child.was_ended_by_its_bot(status):
            detail = f"the bot ended the process with exit code {status.returncode}"
            self._post(facts.BotFailed(child.spec.generation, detail))
        self._post(child.epitaph(status))


class _Child:
    """One session process and the line to it."""

    def __init__(self, spec: ChildSpec, post: Callable[[ChildFact], None]) -> None:
        self.spec: Final = spec
        self.redact: Final = Redactor()
        self.task: asyncio.Task[None] | None = None
        self.readying: asyncio.Future[None] | None = None
        self.process: Process | None = None
        self.hello: protocol.Hello | None = None
        self.trouble = ""
        self._bye = False
        self._post = post
        self.abandoned = False
        self._launched = asyncio.Event()
        self.calls: Final = Calls(spec.generation, self._send)
        self._deaf: asyncio.TimerHandle | None = None
        self._lines = protocol.Lines()
        self._line: socket.socket | None = None
        self._tail: Tail | None = None
        for secret in (spec.phone, spec.endpoint.proxy):
            if secret is not None:
                self.redact.learn(secret.get_secret_value())
        if spec.postgres is not None:
            for part in url_secrets(spec.postgres.get_secret_value()):
                self.redact.learn(part)

    async def run(self, launcher: Launcher, *lease: int) -> ExitStatus:
        """Launch the process, listen to it, and return how it ended."""
        loop = asyncio.get_running_loop()
        self._line, theirs = socket.socketpair()
        self._line.settimeout(0)
        with theirs:
            reading, writing = os.pipe()
            self._tail = Tail(reading, self._on_output)
            try:
                self.process = await launcher.launch(theirs.fileno(), writing, *lease)
            finally:
                os.close(writing)
        loop.add_reader(self._line, self._on_readable)
        spec, endpoint = self.spec, self.spec.endpoint
        self._send(
            protocol.Run(
                generation=spec.generation,
                session=spec.session,
                database=str(spec.database.absolute()),
                postgres=spec.postgres,
                paired=spec.paired,
                phone=spec.phone,
                bot=spec.bot,
                noise_root=endpoint.noise_root,
                keepalive=endpoint.keepalive,
                bot_patience=spec.watch.bot_patience,
                allow_unknown_neonize=spec.allow_unknown_neonize,
            )
        )
        if self.abandoned:
            self.send_signal(signal.SIGKILL)
        self._launched.set()
        return await self.process.wait()

    async def abandon(self, seconds: float) -> None:
        """Do without a process that has not begun; one that begins all the same is killed."""
        assert self.task is not None
        self.abandoned = True
        if self.readying is not None:
            self.readying.cancel()
        launched = asyncio.create_task(self._launched.wait())
        await asyncio.wait(
            [self.task, launched], timeout=seconds, return_when=asyncio.FIRST_COMPLETED
        )
        launched.cancel()

    def ask_to_stop(self, *, log_out: bool, within: float) -> bool:
        """Ask the process to end; tell whether it could be asked."""
        generation = self.spec.generation
        return self._send(protocol.Stop(generation=generation, log_out=log_out, within=within))

    def send_signal(self, number: signal.Signals) -> None:
        """Send the process a signal, if it has begun and not ended."""
        if self.process is not None:
            self.process.send_signal(number)

    async def kill(self, seconds: float) -> None:
        """Kill the process, if there is one, and wait so long until it was reaped."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            with suppress(TimeoutError):
                await asyncio.wait_for(self.process.wait(), seconds)

    async def ends_within(self, seconds: float) -> bool:
        """Wait so long for the ChildExited; tell whether it came."""
        assert self.task is not None
        done, _ = await asyncio.wait([self.task], timeout=seconds)
        return bool(done)

    def close(self) -> None:
        """Hear what it had still said, and close the line. The process must be gone."""
        self.calls.close()
        if self._line is not None:
            for _ in range(_MAX_DRAIN):
                if not self._on_readable():
                    break
            self._hang_up()
        if self._deaf is not None:
            self._deaf.cancel()
        if self._tail is not None:
            self._tail.close()

    def was_ended_by_its_bot(self, status: ExitStatus) -> bool:
        """Tell whether somebody called exit in it: we say bye, and Go says why it died."""
        alien = status.returncode not in {None, ExitCode.ORPHANED, ExitCode.DEFECT}
        return alien and not (self._bye or go_died(self._printed)) and self.spec.bot is not None

    @property
    def _printed(self) -> str:
        return self._tail.text() if self._tail is not None else ""

    def epitaph(self, status: ExitStatus) -> facts.ChildExited:
        """Return the fact that the process is gone."""
        detail = self.redact("\n".join(filter(None, (self.trouble, self._printed))))
        return facts.ChildExited(self.spec.generation, status.returncode, status.signal, detail)

    def _send(self, frame: protocol.Down) -> bool:
        data = protocol.encode(frame)
        try:
            return self._line is not None and self._line.send(data) == len(data)
        except OSError as error:  # it died, or does not read: the exit tells the rest
            _log.debug("The session process did not take %s: %s", frame.kind, error)
            return False

    def _on_readable(self) -> bool:
        """Read once; tell whether there may be more."""
        if self._line is None:
            return False
        try:
            data = self._line.recv(_CHUNK)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            # It ends. A process that only closed its line would never be heard of again.
            loop = asyncio.get_running_loop()
            self._deaf = loop.call_later(_DEAF_SECONDS, self.send_signal, signal.SIGKILL)
            self._hang_up()
            return False
        try:
            for line in self._lines.feed(data):
                self._hear(protocol.parse_up(line))
        except FrameError as error:
            self.trouble = f"killed, because it broke the protocol: {error}"
            self._hang_up()
            self.send_signal(signal.SIGKILL)
            return False
        return True

    def _hang_up(self) -> None:
        if self._line is not None:
            asyncio.get_running_loop().remove_reader(self._line)
            self._line.close()
            self._line = None

    def _hear(self, frame: protocol.Up) -> None:
        match frame:
            case protocol.Hello():
                self.hello = frame
                silent = facts.ChildSilent(frame.generation)
                self.calls.watch(self.spec.watch, lambda: self._post(silent))
            case protocol.Reply():
                self.calls.answered(frame)
            case protocol.FactFrame():
                fact = protocol.fact_of(frame)
                if isinstance(fact, _DETAILED):
                    fact = dataclasses.replace(fact, detail=self.redact(fact.detail))
                for secret in (getattr(fact, "payload", None), getattr(fact, "code", None)):
                    if isinstance(secret, SecretStr):
                        self.redact.learn(secret.get_secret_value())
                self._post(fact)
            case protocol.Bye():
                self._bye = True
            case protocol.Log():
                text = self.redact(frame.message)
                _child_log.log(frame.level, "%s: %s", frame.logger, text)

    def _on_output(self, line: str) -> None:
        _output_log.debug("%s", self.redact(line))
