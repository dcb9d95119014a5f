"""Whether a promise was kept: judged by what the server saw, and by the supervisor's own word."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from wa_loopback.observations import KeptAlive, Ready

from .fault import Fault, Holds, Keys, PairsAfresh, Recovers, Stays
from .rig import Rig, RigFailed

if TYPE_CHECKING:
    from wa_loopback import Device

QUIET_SECONDS = 1.0
"""For how long a session that holds must not dial."""

_REAPED_SECONDS = 5.0


async def judge(rig: Rig, fault: Fault) -> float:
    """Wait for what was promised; return the seconds it took.

    Raises RigFailed with what happened instead.
    """
    match fault.promise:
        case Recovers(within):
            return await _recovered(rig, within)
        case PairsAfresh(within):
            return await _paired_afresh(rig, within)
        case Holds(reason, within, state):
            return await _held(rig, reason, state, within)
        case Stays(seconds, within):
            return await _stayed(rig, seconds, within)


def back_at(rig: Rig, since: float) -> float | None:
    """Return when the session proved after `since` that it lives, if it still does.

    A finished login proves it, or a keepalive that was asked for and answered.
    """
    proofs: dict[Device, float] = {}
    for seen in rig.server.log:
        match seen:
            case Ready(device=device) if seen.at > since:
                proofs[device] = seen.at
            case KeptAlive(device=device, answered=True) if seen.at > since and device is not None:
                proofs.setdefault(device, seen.at)
    up = (at for device, at in proofs.items() if _is_up(rig, device))
    return next(up, None) if rig.says_connected() else None


def _is_up(rig: Rig, device: Device) -> bool:
    return any(login.ready and login.open for login in rig.server.connections_of(device))


async def _recovered(rig: Rig, within: float) -> float:
    left = within - (time.monotonic() - rig.possible)
    at = await rig.until(
        lambda: back_at(rig, rig.turned), within=max(left, 0.1), what="a connection"
    )
    if rig.device is None or rig.device.revoked or not _is_up(rig, rig.device):
        raise RigFailed("it is back, but with another pairing")
    return max(0.0, at - rig.possible)


async def _paired_afresh(rig: Rig, within: float) -> float:
    old = rig.device
    left = within - (time.monotonic() - rig.possible)

    def shows() -> float | None:
        return time.monotonic() if rig.code_that_works() else None

    at = await rig.until(shows, within=max(left, 0.1), what="a fresh code")
    rig.device = await rig.scan()
    await rig.connected()
    if old is not None and rig.supervised and rig.program.keys_in_database(old.noise_key):
        raise RigFailed("the dead keys are still in the database")
    return max(0.0, at - rig.possible)


async def _held(rig: Rig, reason: str, state: str, within: float) -> float:
    program = rig.supervised
    if program is None:
        dials = rig.server.dials
        await asyncio.sleep(within)
        made = rig.server.dials - dials
        raise RigFailed(f"{made} dials in {within:g} s" if made else "silent, says nothing")

    def holds() -> float | None:
        for step in program.steps:
            here = step.record.after == state and step.record.reason == reason
            if step.at > rig.begun and here:
                return step.at
        return None

    at = await rig.until(holds, within=within, what=f"{state}, {reason}")
    await rig.until(
        lambda: program.client is None, within=_REAPED_SECONDS, what="the end of the client"
    )
    dials = rig.server.dials
    await asyncio.sleep(QUIET_SECONDS)
    last = program.last
    if last is None or (last.after, last.reason) != (state, reason):
        raise RigFailed(f"it did not hold: it is in {last.after if last else 'nothing'}")
    if rig.server.dials != dials:
        raise RigFailed("it says that it holds, but dials")
    return at - rig.possible


async def _stayed(rig: Rig, seconds: float, within: float) -> float:
    await asyncio.sleep(seconds)
    since = time.monotonic()
    await rig.until(lambda: back_at(rig, since), within=within, what="a proof of life")
    if rig.server.dials != rig.dials or rig.before is None or not rig.before.open:
        raise RigFailed("it was connected anew")
    return 0.0


def keys_broken(rig: Rig, fault: Fault) -> str | None:
    """Tell what is wrong with the session's keys after the fault, if anything is."""
    device, program = rig.device, rig.supervised
    if device is None or program is None:
        return None
    purged = any("PurgeSession" in step.record.effects for step in program.steps)
    if fault.promise.keys is Keys.KEPT and purged:
        return "the keys were purged"
    return None
