"""One run of one fault, from the first start to the operator's stop."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from wa_loopback import LoopbackError

from . import invariants
from .fault import Fault
from .judge import judge, keys_broken
from .rig import Against, Stage
from .start import directory, stage


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
            async with stage(
                fault, against, seed=seed, patience=patience, where=where, starting=starting
            ) as staged:
                return await _play(staged, fault, against, seed)
        except LoopbackError as error:
            return Verdict(fault, against, seed, None, 0, (f"it could not begin: {error}",))


async def _play(staged: Stage, fault: Fault, against: Against, seed: int) -> Verdict:
    staged.begin()
    complaints: list[str] = []
    seconds: float | None = None
    try:
        for act in fault.acts:
            await act(staged)
        for task in staged.meanwhile:
            await task
        seconds = await judge(staged, fault)
    except LoopbackError as error:
        complaints.append(str(error))
    dials = staged.server.dials - staged.dials
    if against == "supervisor":
        complaints += invariants.broken(staged, fault)
        complaints += filter(None, [keys_broken(staged, fault), _untold(staged, fault)])
        complaints += filter(None, [await staged.patient.stop()])
    story = _story(staged) if complaints else ()
    return Verdict(fault, against, seed, seconds, dials, tuple(complaints), story=story)


def _untold(staged: Stage, fault: Fault) -> str | None:
    patient = staged.supervised
    if fault.told is None or patient is None:
        return None
    told = {told.record.fact for told in patient.steps}
    return None if fault.told in told else f"it never told of {fault.told}"


def _story(staged: Stage) -> tuple[str, ...]:
    patient = staged.supervised
    if patient is None:
        return ()
    steps = (f"{told.at - staged.begun:+7.2f} s  {told.record}" for told in patient.steps)
    return (*steps, *patient.output)
