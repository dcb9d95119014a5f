"""A supervisor at work, in the test's own loop or as the real command, and its steps."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
import uuid
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from e2e.processes import ends_within, marked, until
from lab.faults.command import start_run
from lab.processes import descendants_of
from wa_supervisor import StepRecord, Supervisor
from wa_supervisor.session.parent.link import SessionLink

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable
    from pathlib import Path

    from e2e.canary import Canary
    from wa_supervisor import Outcome, Settings, Sink
    from wa_supervisor.lifecycle.facts import Fact
    from wa_supervisor.session.parent.launch import Launcher

STOP_BOUND = 5.0
"""Seconds within which a stop must be over, whatever the state."""

JSON_KEYS = [
    "ts",
    "session",
    "fact",
    "before",
    "after",
    "substate",
    "effects",
    "reason",
    "cause",
    "detail",
    "generation",
    "bot_busy",
    "retries",
    "not_before",
]
"""What is documented of a line of `--json`, in order."""


class Steps(ABC):
    """The steps of one supervisor as they come, and waiting for them with a deadline."""

    def __init__(self, canary: Canary) -> None:
        self.canary = canary
        self.records: list[StepRecord] = []
        self._read = 0
        self._news = asyncio.Event()

    @property
    @abstractmethod
    def over(self) -> asyncio.Future[Any]:
        """Done when the supervisor has ended."""

    @property
    @abstractmethod
    def showing(self) -> SecretStr | None:
        """The QR payload or pair code that is shown now."""

    @property
    @abstractmethod
    def pid(self) -> int | None:
        """The session process's id."""

    @abstractmethod
    async def stop(self) -> Any:
        """Stop as an operator does; raise if it is not over in time."""

    @property
    def taken(self) -> list[StepRecord]:
        return [record for record in self.records if record.taken]

    @property
    def effects(self) -> list[str]:
        return [effect for record in self.records for effect in record.effects]

    @property
    def states(self) -> list[str]:
        """The states gone through; a step within a state is no news."""
        states = [record.after for record in self.taken]
        return [at for n, at in enumerate(states) if n == 0 or at != states[n - 1]]

    async def reach(self, state: str, *, within: float = 30.0, **details: Any) -> StepRecord:
        """Return the next step, after the last one waited for, that enters the state so.

        A change of substate counts as entering; `details` are fields of the record.
        """

        def enters(number: int, record: StepRecord) -> bool:
            before = self.records[number - 1] if number else None
            here = record.after, record.substate
            return record.after == state and (
                before is None or (before.after, before.substate) != here
            )

        return await self._next(enters, details, f"{state} {details or ''}", within)

    async def fact(self, name: str, *, within: float = 30.0, **details: Any) -> StepRecord:
        """Return the next step, after the last one waited for, that took this fact."""
        return await self._next(
            lambda _, record: record.taken and record.fact == name,
            details,
            f"{name} {details or ''}",
            within,
        )

    async def code(self, *, within: float = 10.0) -> SecretStr:
        """Return the QR payload or pair code that shows, or is about to."""
        await until(lambda: self.showing is not None, within)
        assert self.showing is not None
        return self.showing

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Kill the session process."""
        assert self.pid is not None
        os.kill(self.pid, number)

    def check(self) -> None:
        """Steps are a chain: each begins where the one before ended."""
        # What an earlier run gave up is remembered.
        at = "GaveUp" if self.records and self.records[0].before == "GaveUp" else "Init"
        for record in self.records:
            assert record.before == at, record
            at = record.after
            assert record.taken or record.before == record.after
            assert record.taken or not record.effects
            # Pairing is `linking` for its last part only.
            assert at == "Pairing" or (record.substate is not None) == (at == "Connected")

    def _note(self, record: StepRecord) -> None:
        self.records.append(record)
        self._news.set()

    async def _next(
        self,
        wanted: Callable[[int, StepRecord], bool],
        details: dict[str, Any],
        what: str,
        within: float,
    ) -> StepRecord:
        end = time.monotonic() + within
        while True:
            while self._read < len(self.records):
                number, record = self._read, self.records[self._read]
                self._read += 1
                if wanted(number, record) and all(
                    getattr(record, name) == value for name, value in details.items()
                ):
                    return record
            left = end - time.monotonic()
            steps = "\n  ".join(map(str, self.records))
            assert left > 0, f"no {what} within {within} s; it went\n  {steps}"
            self._news.clear()
            news = asyncio.ensure_future(self._news.wait())
            await asyncio.wait({news, self.over}, timeout=left, return_when="FIRST_COMPLETED")
            news.cancel()
            if self.over.done() and self._read == len(self.records):
                error = None if self.over.cancelled() else self.over.exception()
                raise AssertionError(f"it ended before {what}; it went\n  {steps}") from error


@dataclass
class Codes:
    """A sink that remembers."""

    canary: Canary
    showing: SecretStr | None = None
    shown: list[SecretStr] = field(default_factory=list)
    closed: bool = False

    def show_qr(self, payload: SecretStr, lifetime: float) -> None:
        assert lifetime > 0
        self.canary.learn_qr(payload.get_secret_value())
        self._show(payload)

    def show_code(self, code: SecretStr, lifetime: float) -> None:
        assert lifetime > 0
        self.canary.learn_code(code.get_secret_value())
        self._show(code)

    def hide(self) -> None:
        self.showing = None

    def close(self) -> None:
        self.hide()
        self.closed = True

    def _show(self, code: SecretStr) -> None:
        assert not self.closed
        self.showing = code
        self.shown.append(code)


class Run(Steps):
    """A supervisor embedded in the test's loop."""

    def __init__(
        self,
        canary: Canary,
        settings: Settings,
        *,
        sinks: Iterable[Sink] = (),
        launcher: Launcher | None = None,
        **options: Any,
    ) -> None:
        super().__init__(canary)
        self.codes = Codes(canary)
        self.link: SessionLink | None = None
        """The parent's end of the session process, once it is there."""
        self._launcher = launcher
        self.supervisor = Supervisor(
            settings,
            sinks=[*sinks, self.codes],
            link=self._make_link,
            jitter=lambda: 0.5,
            **options,
        )
        self.supervisor.on_record(self._note)
        self.supervisor.on_step(lambda step: canary.hear("a step's repr", repr(step)))
        self.task = asyncio.create_task(self.supervisor.run())

    def _make_link(self, post: Callable[[Fact], None], **options: Any) -> SessionLink:
        self.link = SessionLink(post, launcher=self._launcher, **options)
        return self.link

    @property
    def over(self) -> asyncio.Task[Outcome]:
        return self.task

    @property
    def showing(self) -> SecretStr | None:
        return self.codes.showing

    @property
    def pid(self) -> int | None:
        return self.link.pid if self.link is not None else None

    async def stop(self) -> Outcome:
        self.supervisor.stop()
        return await self.end(within=STOP_BOUND)

    async def end(self, *, within: float) -> Outcome:
        """Wait for the end of the run."""
        over = await ends_within(self.task, within, os.getpid(), *descendants_of(os.getpid()))
        assert over, f"not over after {within} s"
        return await self.task

    def _note(self, record: StepRecord) -> None:
        super()._note(record)
        for text in (record.model_dump_json(), str(record), repr(record)):
            self.canary.hear("a step record", text)
        status = self.supervisor.status
        self.canary.hear("a status", status.model_dump_json() + repr(status))


class Command(Steps):
    """`wa-supervisor run --json`, for real, in processes of its own."""

    def __init__(
        self, canary: Canary, arguments: list[str], *, cwd: Path, env: dict[str, str]
    ) -> None:
        super().__init__(canary)
        self.mark = uuid.uuid4().hex
        self.payload = cwd / f"payload-{self.mark}"
        self.process: asyncio.subprocess.Process | None = None
        self.stderr = ""
        self._arguments = [*arguments, "--qr", f"payload:{self.payload}"]
        self._cwd = cwd
        self._env = env | {"E2E_MARK": self.mark}
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> int:
        self.process, steps, log = await start_run(*self._arguments, env=self._env, cwd=self._cwd)
        await asyncio.gather(self._read_steps(steps), self._read_log(log))
        return await self.process.wait()

    async def _read_steps(self, lines: AsyncIterator[str]) -> None:
        async for line in lines:
            self.canary.hear("the command's stdout", line)
            assert list(json.loads(line)) == JSON_KEYS
            self._note(StepRecord.parse(line))

    async def _read_log(self, lines: AsyncIterator[str]) -> None:
        async for line in lines:
            self.canary.hear("the command's stderr", line)
            self.stderr += f"{line}\n"

    @property
    def over(self) -> asyncio.Task[int]:
        return self.task

    @property
    def showing(self) -> SecretStr | None:
        try:
            text = self.payload.read_text()
        except FileNotFoundError:
            return None
        (self.canary.learn_qr if "#" in text else self.canary.learn_code)(text)
        return SecretStr(text)

    @property
    def pid(self) -> int | None:
        """The session process: the one that has Go in it is the newest."""
        assert self.process is not None
        others = [pid for pid in marked(self.mark) if pid != self.process.pid]
        return max(others) if len(others) > 1 else None

    def send(self, number: signal.Signals) -> None:
        """Send the command a signal."""
        assert self.process is not None
        os.kill(self.process.pid, number)  # Popen.send_signal would reap it behind asyncio's back

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        self.send(number)
        assert await self.exit(within=STOP_BOUND) == 0, self.stderr

    async def exit(self, *, within: float) -> int:
        """Return the exit code; nothing the command started may outlive it by more than 3 s."""
        begun = time.monotonic()
        over = await ends_within(self.task, within, os.getpid(), *marked(self.mark))
        assert over, f"not over after {time.monotonic() - begun:.1f} s"
        # Of a signal in the first moments a fork server learns once it has its own imports.
        await until(lambda: marked(self.mark) == [], 3)
        assert not self.payload.exists()
        return await self.task

    async def clear_away(self) -> None:
        """End it and everything it started, whatever state it is in."""
        for pid in marked(self.mark):
            os.kill(pid, signal.SIGKILL)
        await asyncio.wait({self.task}, timeout=STOP_BOUND)
