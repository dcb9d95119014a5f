"""One session process as its parent has it: the line to it, what it prints, and its end."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import os
import signal
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from pydantic import SecretStr

from ...errors import FrameError
from ...lifecycle import facts
from ...redaction import Redactor, printable, url_secrets
from ..shared import protocol, refusal
from ..shared.inheritance import Inheritance
from ..shared.neonize_texts import go_died, is_chatter
from ..shared.spec import ExitCode
from .calls import Calls
from .door import BotDoor
from .output import OutputPipe
from .process import UNKNOWN_EXIT, ExitStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...lifecycle.facts import ChildFact
    from ..shared.spec import ChildSpec
    from .launch import Launcher
    from .process import Process

log = logging.getLogger(__name__)
_client_log = logging.getLogger("wa_supervisor.client")
"""What the client in the session process logs."""
_bot_log = logging.getLogger("wa_supervisor.bot")
"""What the bot in it prints, and what it logs if it logs to its standard error."""

_DETAILED: Final = (
    facts.DialFailed,
    facts.StorageFailed,
    facts.StorageUnavailable,
    facts.ClientUnusable,
    facts.BotFailed,
)
_MAX_UNSENT: Final = 2 * protocol.MAX_LINE_DOWN  # bytes; then it does not read
_CHUNK: Final = 65536
_MAX_CHUNKS: Final = 64  # still to be read of a process that is gone; a socket buffer holds a few
_UP_SECONDS: Final = 5.0
_TELL_SECONDS: Final = 10.0
_HUNG_UP_SECONDS: Final = 1.0


class SessionProcess:
    """One session process and the line to it. `post` receives what it states, in order."""

    def __init__(
        self,
        spec: ChildSpec,
        post: Callable[[ChildFact], None],
        on_received: Callable[[], None] = lambda: None,
        door: BotDoor | None = None,
    ) -> None:
        self.spec: Final = spec
        self.door = door or BotDoor()
        self.is_to_end = False
        """Whether it was told to end, so that its end is no fault of what it was doing."""
        self.redact: Final = Redactor()
        self.task: asyncio.Task[None] | None = None
        self.readying: asyncio.Future[None] | None = None
        self.process: Process | None = None
        self.hello: protocol.Hello | None = None
        self.problem = ""
        """What went wrong, as far as it is known here."""
        self.abandoned = False
        self.calls: Final = Calls(spec.generation, self._send)
        self._post = post
        self._on_received = on_received
        self._said_bye = False
        self._launched = asyncio.Event()
        self._up = asyncio.Event()
        self._coming_up: asyncio.Task[None] | None = None
        self._killing: asyncio.TimerHandle | None = None
        self._lines = protocol.Lines(protocol.MAX_LINE_UP)
        self._unsent = bytearray()
        self._line: socket.socket | None = None
        self._listens = False
        self._output: OutputPipe | None = None
        for secret in (spec.phone, spec.endpoint.proxy, spec.postgres):
            if secret is not None:
                for part in url_secrets(secret.get_secret_value()):
                    self.redact.learn(part)

    async def run(self, launcher: Launcher, *lock_descriptors: int) -> ExitStatus:
        """Launch the process, listen to it, and return how it ended.

        A turn of the launcher's has been taken; it is given back once the process is up.
        """
        try:
            self.process = process = await self._launch(launcher, lock_descriptors)
            if self.abandoned:
                self.send_signal(signal.SIGKILL)
            self._launched.set()
            ending = asyncio.create_task(process.wait())
            self._coming_up = asyncio.create_task(self._come_up())
            await asyncio.wait(
                [ending, self._coming_up],
                timeout=_UP_SECONDS,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if self._coming_up.done():
                self._coming_up.result()
        finally:
            launcher.turns.give_back()
        return await ending

    async def _launch(self, launcher: Launcher, lock_descriptors: tuple[int, ...]) -> Process:
        self._line, theirs = socket.socketpair()
        self._line.settimeout(0)
        with theirs:
            reading, writing = os.pipe()
            self._output = OutputPipe(reading, self._on_output)
            self._output.watch()
            try:
                process = await launcher.launch(
                    self.spec.endpoint, theirs.fileno(), writing, *lock_descriptors
                )
            finally:
                os.close(writing)
        asyncio.get_running_loop().add_reader(self._line, self._on_readable)
        return process

    async def _come_up(self) -> None:
        """Say what to run, and wait until the process is up."""
        if self._line is None:
            return
        loop = asyncio.get_running_loop()
        door = self.door
        run = protocol.Run.of(self.spec, Inheritance.of_this_program(), gate=door.gate)
        with suppress(OSError):  # it died: the exit says the rest
            async with asyncio.timeout(_TELL_SECONDS):
                await loop.sock_sendall(self._line, protocol.encode(run))
            self._listens = True
            if self.door is not door or door.is_held:
                self._steer()
            await self._up.wait()

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

    def steer(self, door: BotDoor) -> None:
        """Have what is received treated so from now on."""
        if door != self.door:
            self.door = door
            self._steer()

    def _steer(self) -> None:
        gate = protocol.gate_text(self.door.gate)
        generation = self.spec.generation
        self._send(protocol.Steer(generation=generation, gate=gate, hold=self.door.is_held))

    def ask_to_stop(self, *, log_out: bool, within: float, drain: float) -> bool:
        """Ask the process to end; tell whether it could be asked."""
        self.is_to_end = True
        return self._send(
            protocol.Stop(
                generation=self.spec.generation, log_out=log_out, within=within, drain=drain
            )
        )

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
        """Wait so long for its end to be posted; tell whether it was."""
        assert self.task is not None
        done, _ = await asyncio.wait([self.task], timeout=seconds)
        return bool(done)

    def close(self) -> None:
        """Read what it had still said, and close the line. The process must be gone."""
        self.calls.close()
        if self._coming_up is not None:
            self._coming_up.cancel()
        if self._line is not None:
            for _ in range(_MAX_CHUNKS):
                if not self._on_readable():
                    break
            self._hang_up()
        if self._killing is not None:
            self._killing.cancel()
        if self._output is not None:
            self._output.close()

    @property
    def printed(self) -> str:
        """The end of what it printed, redacted; of a Go panic the beginning as well.

        It may hold the text of messages, which no redaction knows: it goes into the report of a
        crash and nowhere else.
        """
        return self.redact(self._printed)

    @property
    def _printed(self) -> str:
        return self._output.tail.text() if self._output is not None else ""

    def was_ended_by_its_bot(self, status: ExitStatus) -> bool:
        """Tell whether the bot called exit in it: we say bye before, and Go dies of a signal."""
        foreign = status.returncode not in {None, ExitCode.ORPHANED, ExitCode.DEFECT}
        return foreign and not self._said_bye and self.spec.bot is not None

    def exited(self, status: ExitStatus) -> facts.ChildExited | facts.StartRefused:
        """Return the fact that the process is gone, or that none began. Holds nothing printed."""
        detail = self.redact(self.problem)
        if self.process is None:
            return facts.StartRefused(self.spec.generation, detail)
        if not detail and status.signal == signal.SIGABRT and go_died(self._printed):
            detail = "neonize's Go library panicked"
        if not detail and status == UNKNOWN_EXIT:
            detail = "its fork server died, or hangs"
        return facts.ChildExited(self.spec.generation, status.returncode, status.signal, detail)

    # -- the line

    def _send(self, frame: protocol.Down) -> bool:
        if self._line is None or not self._listens:
            return False
        data = protocol.encode(frame)
        if len(self._unsent) + len(data) > _MAX_UNSENT:
            log.debug("The session process did not take %s: it does not read", frame.kind)
            return False
        self._unsent += data
        return self._flush()

    def _flush(self) -> bool:
        """Send what is to be sent, as far as the socket takes it; tell whether it still listens."""
        loop = asyncio.get_running_loop()
        if self._line is None:
            return False
        try:
            while self._unsent:
                del self._unsent[: self._line.send(self._unsent)]
        except BlockingIOError:
            loop.add_writer(self._line, self._flush)
            return True
        except OSError as error:  # it died: the exit says the rest
            log.debug("The session process does not listen: %s", error)
            self._unsent.clear()
            loop.remove_writer(self._line)
            return False
        loop.remove_writer(self._line)
        return True

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
            self._killing = loop.call_later(_HUNG_UP_SECONDS, self.send_signal, signal.SIGKILL)
            self._hang_up()
            return False
        try:
            for line in self._lines.feed(data):
                self._take(protocol.parse_up(line))
        except FrameError as error:
            self._end_at_once(f"killed, because it broke the protocol: {error}")
            return False
        except Exception as error:  # a defect of ours; nothing it says is to be passed over
            log.exception("What a session process said could not be taken")
            self._end_at_once(f"killed for a defect of wa-supervisor: {type(error).__name__}")
            return False
        return True

    def _end_at_once(self, why: str) -> None:
        self.problem = why
        self._hang_up()
        self.send_signal(signal.SIGKILL)

    def _hang_up(self) -> None:
        if self._line is not None:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._line)
            loop.remove_writer(self._line)
            self._line.close()
            self._line = None

    def _take(self, frame: protocol.Up) -> None:
        if frame.generation != self.spec.generation:
            raise FrameError("a frame is of another generation than the process")
        match frame:
            case protocol.Hello():
                self.hello = frame
                self._up.set()
                silent = facts.ChildSilent(frame.generation)
                self.calls.watch(self.spec.watch, lambda: self._post(silent))
            case protocol.Reply():
                self.calls.answered(frame)
            case protocol.FactFrame():
                self._post(self._redacted(frame.fact))
            case protocol.Received():
                self._on_received()
            case protocol.Refused():
                self.door.refused(refusal.reason_of(frame), refusal.envelope_of(frame))
            case protocol.Bye():
                self._said_bye = True
            case protocol.Log():
                text = printable(self.redact(frame.message))
                _client_log.log(frame.level, "%s: %s", frame.logger, text)

    def _redacted(self, fact: ChildFact) -> ChildFact:
        """Return the fact without what its detail must not hold, and learn the codes in it."""
        if isinstance(fact, _DETAILED):
            fact = dataclasses.replace(fact, detail=self.redact(fact.detail))
        for secret in (getattr(fact, "payload", None), getattr(fact, "code", None)):
            if isinstance(secret, SecretStr):
                self.redact.learn(secret.get_secret_value())
        return fact

    def _on_output(self, line: str) -> None:
        level = logging.DEBUG if is_chatter(line) else logging.INFO
        _bot_log.log(level, "%s", printable(self.redact(line)))
