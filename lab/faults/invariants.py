"""What must hold in every run, whatever the fault; most of it seen from the server's side."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Self

from wa_loopback.observations import Dialled, LoginAnswered, Paired, Violation
from wa_supervisor.lifecycle import Limit, Policy

from .programs import Supervised

if TYPE_CHECKING:
    from types import TracebackType

    from wa_loopback import Device

    from .fault import Fault
    from .rig import Rig

DEAD_CODE_SECONDS = 2.0
"""How long a code may go on showing after its connection has ended."""

_SAMPLE = 0.1
_HEARD_LATE = 1.0  # seconds by which a step may be heard later than it was taken
_TARGET = "web.whatsapp.com:443"


class CodeWatch:
    """Looks, while it lasts, whether a code shows that nobody could use any more."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.get_running_loop().create_task(self._watch())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._task is not None
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _watch(self) -> None:
        rig = self._rig
        if rig.supervised is None:
            return
        dead_since: float | None = None
        while True:
            await asyncio.sleep(_SAMPLE)
            if rig.program.code() is None or rig.code_that_works() is not None:
                dead_since = None
                continue
            dead_since = dead_since or time.monotonic()
            if time.monotonic() - dead_since > DEAD_CODE_SECONDS:
                rig.notes.append(f"a dead code showed for over {DEAD_CODE_SECONDS:g} s")
                return


def broken(rig: Rig, fault: Fault) -> Iterator[str]:
    """Tell which invariants did not hold, a sentence each."""
    server = rig.server
    yield from rig.notes
    if server.overlaps:
        yield f"{len(server.overlaps)} logins of a device that had an older one open"
    targets = {seen.target for seen in server.log if isinstance(seen, Dialled)} - {_TARGET}
    if targets:
        yield f"another host was dialled: {targets}"
    if any(isinstance(seen, Violation) for seen in server.log):
        yield "the client broke the protocol"
    made = server.dials - rig.dials
    if made > fault.dials:
        yield f"{made} dials, at most {fault.dials} were promised"
    program = rig.supervised
    if program is not None:
        yield from _of_the_supervisor(rig, program)


def _of_the_supervisor(rig: Rig, program: Supervised) -> Iterator[str]:
    purges = [step.at for step in program.steps if step.record.fact == "PurgeDone"]
    for device, at in _logins(rig):
        paired = _paired_at(rig, device)
        if any(paired < purged < at for purged in purges):
            yield "a login with keys that had been purged"
    usual = Policy().dials
    limit = Limit(
        count=int(program.policy.get("dials__count", usual.count)),
        window=program.policy.get("dials__window", usual.window),
    )
    starts = [step.at for step in program.steps if "StartChild" in step.record.effects]
    late = zip(starts, starts[limit.count :], strict=False)
    if any(after - before < limit.window - _HEARD_LATE for before, after in late):
        yield f"over {limit.count} starts of the client within {limit.window:g} s"
    state = ""
    for step in program.steps:
        record = step.record
        # A new start of the supervisor begins in Init, or where it gave up.
        if state and record.before != state and record.fact not in {"Start", "Resume", "Stop"}:
            yield f"{record.fact} began in {record.before}, but the session was in {state}"
        state = record.after


def _logins(rig: Rig) -> Iterator[tuple[Device, float]]:
    for seen in rig.server.log:
        if isinstance(seen, LoginAnswered) and seen.device is not None:
            yield seen.device, seen.at


def _paired_at(rig: Rig, device: Device) -> float:
    for seen in rig.server.log:
        if isinstance(seen, Paired) and seen.device is device:
            return seen.at
    return 0.0
