"""One run of one fault, from the first start to the operator's stop."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from wa_loopback import LoopbackError

from . import invariants
from .fault import Fault
from .judge import judge, keys_broken
from .rig import Against, Rig
from .start import directory, started


@dataclass(frozen=True)
class Verdict:
    """How a run went."""

    fault: Fault
    against: Against
    seed: int
    seconds: float | None
    """Until it was as promised; None if it never was."""
    dials: int
    """Dials that followed the fault."""
    complaints: tuple[str, ...]
    """What was not as promised, a sentence each."""
    impossible: str | None = None
    """Why this machine could not play it."""
    story: tuple[str, ...] = ()
    """The supervisor's steps, for a run that did not go as promised."""

    @property
    def kept(self) -> bool:
        """Whether everything that was promised held."""
        return not self.complaints


async def play(
    fault: Fault,
    against: Against = "supervisor",
    *,
    seed: int = 0,
    patience: float = 1.0,
    starting: asyncio.Semaphore | None = None,
) -> Verdict:
    """Play a fault once; `patience` is a factor on every bound, for a machine that is busy.

    `starting` is held until the session is as far as the fault begins. A run that cannot even begin
    is a broken promise, too.
    """
    if (why := fault.needs()) is not None:
        return Verdict(fault, against, seed, None, 0, (), impossible=why)
    with directory() as where:
        try:
            async with started(
                fault, against, seed=seed, patience=patience, where=where, starting=starting
            ) as rig:
                return await _play(rig, fault, against, seed)
        except LoopbackError as error:
            return Verdict(fault, against, seed, None, 0, (f"it could not begin: {error}",))


async def _play(rig: Rig, fault: Fault, against: Against, seed: int) -> Verdict:
    rig.begin()
    complaints: list[str] = []
    seconds: float | None = None
    try:
        for act in fault.acts:
            await act(rig)
        for task in rig.meanwhile:
            await task
        seconds = await judge(rig, fault)
    except LoopbackError as error:
        complaints.append(str(error))
    dials = rig.server.dials - rig.dials
    if against == "supervisor":
        complaints += invariants.broken(rig, fault)
        complaints += filter(None, [keys_broken(rig, fault), _unrecorded(rig, fault)])
        complaints += filter(None, [await rig.program.stop()])
    story = _story(rig) if complaints else ()
    return Verdict(fault, against, seed, seconds, dials, tuple(complaints), story=story)


def _unrecorded(rig: Rig, fault: Fault) -> str | None:
    program = rig.supervised
    if fault.records is None or program is None:
        return None
    recorded = {step.record.fact for step in program.steps}
    return None if fault.records in recorded else f"it never recorded {fault.records}"


def _story(rig: Rig) -> tuple[str, ...]:
    program = rig.supervised
    if program is None:
        return ()
    steps = (f"{step.at - rig.begun:+7.2f} s  {step.record}" for step in program.steps)
    return (*steps, *program.output)
