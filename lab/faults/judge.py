"""Whether a promise was kept: judged by what the server saw, and by the supervisor's own word."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from wa_loopback.observations import KeptAlive, Ready

from .fault import Fault, Holds, Keys, PairsAfresh, Recovers, Stays
from .rig import Stage, StageBroke

if TYPE_CHECKING:
    from wa_loopback import Device

QUIET_SECONDS = 1.0
"""For how long a session that holds must not dial."""

_REAPED_SECONDS = 5.0


async def judge(stage: Stage, fault: Fault) -> float:
    """Wait for what was promised; return the seconds it took.

    Raises StageBroke with what happened instead.
    """
    match fault.promise:
        case Recovers(within):
            return await _recovered(stage, within)
        case PairsAfresh(within):
            return await _paired_afresh(stage, within)
        case Holds(reason, within, state):
            return await _held(stage, reason, state, within)
        case Stays(seconds, within):
            return await _stayed(stage, seconds, within)


def back_at(stage: Stage, since: float) -> float | None:
    """Return when the session proved after `since` that it lives, if it still does.

    A finished login proves it, or a keepalive that was asked for and answered.
    """
    proofs: dict[Device, float] = {}
    for seen in stage.server.log:
        match seen:
            case Ready(device=device) if seen.at > since:
                proofs[device] = seen.at
            case KeptAlive(device=device, answered=True) if seen.at > since and device is not None:
                proofs.setdefault(device, seen.at)
    up = (at for device, at in proofs.items() if _is_up(stage, device))
    return next(up, None) if stage.says_connected() else None


def _is_up(stage: Stage, device: Device) -> bool:
    return any(login.ready and login.open for login in stage.server.connections_of(device))


async def _recovered(stage: Stage, within: float) -> float:
    left = within - (time.monotonic() - stage.possible)
    at = await stage.until(
        lambda: back_at(stage, stage.turned), within=max(left, 0.1), what="a connection"
    )
    if stage.device is None or stage.device.revoked or not _is_up(stage, stage.device):
        raise StageBroke("it is back, but with another pairing")
    return max(0.0, at - stage.possible)


async def _paired_afresh(stage: Stage, within: float) -> float:
    old = stage.device
    left = within - (time.monotonic() - stage.possible)

    def shows() -> float | None:
        return time.monotonic() if stage.code_that_works() else None

    at = await stage.until(shows, within=max(left, 0.1), what="a fresh code")
    stage.device = await stage.scan()
    await stage.connected()
    if old is not None and stage.supervised and stage.patient.keys_in_database(old.noise_key):
        raise StageBroke("the dead keys are still in the database")
    return max(0.0, at - stage.possible)


async def _held(stage: Stage, reason: str, state: str, within: float) -> float:
    patient = stage.supervised
    if patient is None:
        dials = stage.server.dials
        await asyncio.sleep(within)
        made = stage.server.dials - dials
        raise StageBroke(f"{made} dials in {within:g} s" if made else "silent, says nothing")

    def holds() -> float | None:
        for told in patient.steps:
            here = told.record.after == state and told.record.reason == reason
            if told.at > stage.begun and here:
                return told.at
        return None

    at = await stage.until(holds, within=within, what=f"{state}, {reason}")
    await stage.until(
        lambda: patient.client is None, within=_REAPED_SECONDS, what="the end of the client"
    )
    dials = stage.server.dials
    await asyncio.sleep(QUIET_SECONDS)
    last = patient.last
    if last is None or (last.after, last.reason) != (state, reason):
        raise StageBroke(f"it did not hold: it is in {last.after if last else 'nothing'}")
    if stage.server.dials != dials:
        raise StageBroke("it says that it holds, but dials")
    return at - stage.possible


async def _stayed(stage: Stage, seconds: float, within: float) -> float:
    await asyncio.sleep(seconds)
    since = time.monotonic()
    await stage.until(lambda: back_at(stage, since), within=within, what="a proof of life")
    if stage.server.dials != stage.dials or stage.before is None or not stage.before.open:
        raise StageBroke("it was connected anew")
    return 0.0


def keys_broken(stage: Stage, fault: Fault) -> str | None:
    """Tell what is wrong with the session's keys after the fault, if anything is."""
    device, patient = stage.device, stage.supervised
    if device is None or patient is None:
        return None
    purged = any("PurgeSession" in told.record.effects for told in patient.steps)
    if fault.promise.keys is Keys.KEPT and purged:
        return "the keys were purged"
    return None
