"""SIGKILL in every moment of a session's life: nothing may be lost and nothing doubled.

`uv run python -m lab.bench kills`, or `-m lab.bench.kills --kills 60 --seed 7 --lanes 2`. The
schedule of each lane depends on the seed alone, and is printed as it is played.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from wa_loopback import Connection, Device, Failure, LoopbackError, LoopbackServer
from wa_supervisor import State
from wa_supervisor.control import Order, ask
from wa_supervisor.errors import NotRunning
from wa_supervisor.store import SessionFiles

from .kill_checks import Evidence
from .kill_schedule import MOMENTS, Strike, Trouble, Victim, schedule
from .program import Broken, Program

SEED = 20261122
_PATIENCE = 40.0
_BAN_SECONDS = 2
_HELD_SECONDS = 0.7  # for which a session that was given up must not dial
_HALF = 0.5
_AT_LOGIN = {
    Trouble.REJECTED: Failure(401, close=False),
    Trouble.BANNED: Failure(402, code=101, expire=_BAN_SECONDS, close=False),
    Trouble.LOCKED: Failure(403, close=False),
}
_RECOVERY = "while recovering"


@dataclass
class Tally:
    """What one lane went through."""

    struck: Counter[tuple[str, Victim]] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    half_done: Counter[str] = field(default_factory=Counter)
    checks: Counter[str] = field(default_factory=Counter)
    besides: int = 0
    """Session processes that were killed while Connected, to bring a moment about."""
    logins: int = 0
    generation: int = 0


class Lane:
    """One session on a server of its own, killed again and again."""

    def __init__(self, server: LoopbackServer, where: Path, say: Callable[[str], None]) -> None:
        self.tally = Tally()
        self.program = Program(server, where)
        self._server = server
        self._say = say
        self._files = SessionFiles.at("default", where)
        self._evidence = Evidence(server, self._files, where, self.program, self.tally.checks)
        self._phone = server.phone()
        self._device: Device | None = None
        self._unlinked: Device | None = None
        self._side: list[asyncio.Task[None]] = []

    async def play(self, seed: int, number: int, count: int) -> Tally:
        """Pair, and strike `count` times; raise Broken as soon as something did not hold."""
        await self.program.start()
        await self._settle()
        left = count
        for turn, strike in enumerate(schedule(seed, number), 1):
            again = strike.again if left > 1 else None
            left -= 2 if again else 1
            await self._turn(f"{number}.{turn}", strike, again)
            if left == 0:
                break
        await self.program.stop()
        self._evidence.at_the_end()
        self.tally.logins = self._server.logins
        self.tally.generation = self._evidence.generation
        return self.tally

    async def _turn(self, name: str, strike: Strike, again: tuple[Victim, float] | None) -> None:
        moment, begun = strike.moment, time.monotonic()
        since = len(self.program.steps)
        if moment.trouble is Trouble.NONE:  # it may be so already
            since = self._since_connected()
        ban_at = time.monotonic()
        dead = self._device if moment.trouble is Trouble.UNLINKED else None
        await self._make(moment.trouble, strike.chance)
        await self.program.hear(moment.comes_with, since=since, within=_PATIENCE)
        if moment.scan:
            self._aside(self._scan())
        await asyncio.sleep(strike.delay)
        said = f"{moment.name} +{strike.delay:.3f} s: "
        said += await self._strike(moment.name, strike.victim)
        if again is not None:
            await asyncio.sleep(again[1])
            said += f"; {again[1]:.2f} s later: {await self._strike(_RECOVERY, again[0])}"
        self._server.accept()
        killed = time.monotonic()
        if moment.trouble is Trouble.LOCKED:
            await self._resume_what_was_given_up()
        await self._settle()
        if moment.trouble is Trouble.BANNED:
            self._evidence.waited(self._device, ban_at, _BAN_SECONDS)
        if dead is not None:
            self._evidence.purged_once(dead)
        await asyncio.gather(*self._side)
        self._side.clear()
        now = time.monotonic()
        self._say(f"{name} {said}; back in {now - killed:.1f} s, {now - begun:.1f} s in all")

    async def _strike(self, moment: str, victim: Victim) -> str:
        """Kill, check what can be seen at once, and start a killed supervisor again; say whom."""
        last = self.program.last
        struck = await self.program.kill(victim)
        dead = struck in {Victim.SUPERVISOR, Victim.BOTH}
        state = self._evidence.after_a_strike()
        if not dead:
            state = last.after if last else "starting"
        self.tally.struck[moment, struck] += 1
        self.tally.states[state] += 1
        said = f"{struck} in {state}"
        if dead:
            if half := self._evidence.half_done():
                self.tally.half_done[half] += 1
                said += f" ({half})"
            await self.program.start()
        return said

    async def _make(self, trouble: Trouble, chance: float) -> None:
        """Bring trouble on a connected session."""
        device = self._device
        assert device is not None
        connection = await self._server.wait_connected(device, timeout=_PATIENCE)
        at_once = trouble is Trouble.UNLINKED and chance < _HALF
        match trouble:
            case Trouble.OUTAGE:
                self._server.refuse()
                self._aside(connection.drop())
            case Trouble.REPLACED:
                self._aside(connection.stream_error(conflict="replaced"))
            case Trouble.UNLINKED if at_once:
                self._aside(self._phone.remove(device))
            case Trouble.UNLINKED:
                self._phone.revoke(device, by_phone=True)
            case _ if trouble in _AT_LOGIN:
                self._server.on_login(_AT_LOGIN[trouble])
        if trouble is Trouble.UNLINKED:
            self._unlinked = device
        # What is said at a login needs one.
        said_at_login = trouble in {Trouble.CRASH, Trouble.UNLINKED, *_AT_LOGIN}
        if (
            said_at_login
            and not at_once
            and await self.program.kill(Victim.SESSION) is not Victim.SESSION
        ):
            raise Broken("a connected session had no process")
        self.tally.besides += said_at_login and not at_once

    def _aside(self, work: object) -> None:
        """Do something that a strike may cut short."""

        async def run() -> None:
            with contextlib.suppress(LoopbackError):
                await work  # type: ignore[misc]

        self._side.append(asyncio.create_task(run()))

    async def _scan(self) -> None:
        while (code := self.program.code()) is None:
            await asyncio.sleep(0.01)
        await self._phone.scan(code)

    async def _resume_what_was_given_up(self) -> None:
        """A restart must not lead out of GaveUp, and an operator must."""
        async with asyncio.timeout(_PATIENCE):
            while True:
                with contextlib.suppress(NotRunning):
                    status = await asyncio.to_thread(ask, self._files, Order.STATUS)
                    break
                await asyncio.sleep(0.05)
        dials = self._server.dials
        if status.state is not State.GAVE_UP:
            raise Broken(f"given up, killed, and now {status.state.value}")
        await asyncio.sleep(_HELD_SECONDS)
        if self._server.dials != dials:
            raise Broken("given up, killed, and it dialled")
        self.tally.checks["GaveUp outlived a kill"] += 1
        await asyncio.to_thread(ask, self._files, Order.RESUME)

    async def _settle(self) -> None:
        """Wait until the session is connected, scanning what shows; see that it is the same."""
        offered = False
        end = time.monotonic() + _PATIENCE
        while (connection := self._connected()) is None:
            if time.monotonic() > end:
                raise Broken(f"not connected within {_PATIENCE:g} s")
            self.program.check_alive()
            last, code = self.program.last, self.program.code()
            if last is not None and last.after == "Pairing" and code is not None:
                offered = True
                with contextlib.suppress(LoopbackError):
                    await self._phone.scan(code)
            await asyncio.sleep(0.03)
        device = connection.device
        if self._device is not None and self._device is not self._unlinked:
            if device is not self._device:
                raise Broken("the pairing was lost")
            if offered:
                raise Broken("a paired session offered a code")
            self.tally.checks["the pairing was kept"] += 1
        elif device is self._unlinked:
            raise Broken("an unlinked device is connected")
        assert device is not None
        if device is not self._device:
            self._evidence.paired(device)
        self._device = device

    def _connected(self) -> Connection | None:
        """The connection whose login is complete, if the supervisor knows of it, too."""
        last = self.program.last
        if last is None or last.substate != "online":
            return None
        ready = (each for each in self._server.connections if each.ready and each.device)
        return next(ready, None)

    def _since_connected(self) -> int:
        steps = self.program.steps
        connects = (n for n, step in enumerate(steps) if step.fact == "Connected")
        return max(connects, default=0)


async def play(
    say: Callable[[str], None], *, seed: int, kills: int, lanes: int
) -> tuple[list[str], bool]:
    """Play it; return the report, and whether everything held."""
    begun = time.monotonic()
    say(f"kills: seed {seed}, {kills} kills in {lanes} lanes")
    shares = [kills // lanes + (number < kills % lanes) for number in range(lanes)]
    async with asyncio.TaskGroup() as tasks:
        played = [
            tasks.create_task(_lane(say, seed, number, share))
            for number, share in enumerate(shares)
        ]
    tallies = [tally for tally, _ in (task.result() for task in played)]
    broken = [why for _, why in (task.result() for task in played) if why]
    took = time.monotonic() - begun
    return [*_report(tallies, seed, took), *broken], not broken


async def _lane(
    say: Callable[[str], None], seed: int, number: int, count: int
) -> tuple[Tally, str]:
    # On a disk, not in memory: what is written takes its time, and can be interrupted.
    with tempfile.TemporaryDirectory(prefix="wa-supervisor-kills-") as name:
        async with LoopbackServer() as server:
            where = Path(name)
            lane = Lane(server, where, say)
            try:
                return await lane.play(seed, number, count), ""
            except (Broken, LoopbackError, TimeoutError) as error:
                steps = "\n  ".join(map(str, lane.program.steps[-30:]))
                log = "\n  ".join(lane.program.log)
                why = f"lane {number}, seed {seed}: {type(error).__name__}: {error}"
                return lane.tally, f"NOT held: {why}\n  {steps}\n  log:\n  {log}"
            finally:
                await lane.program.clear_away()


def _report(tallies: list[Tally], seed: int, took: float) -> list[str]:
    struck = sum((tally.struck for tally in tallies), Counter())
    states = sum((tally.states for tally in tallies), Counter())
    half_done = sum((tally.half_done for tally in tallies), Counter())
    checks = sum((tally.checks for tally in tallies), Counter())
    rows = [*(moment.name for moment in MOMENTS), _RECOVERY]
    logins = sum(tally.logins for tally in tallies)
    besides = sum(tally.besides for tally in tallies)
    generation = max(tally.generation for tally in tallies)
    lines = [
        f"{sum(struck.values())} kills of {len(tallies)} sessions in {took:.0f} s (seed {seed})",
        f"{logins} logins, generations up to {generation}",
        f"{'struck':28}" + "".join(f"{victim:>24}" for victim in Victim) + f"{'all':>6}",
    ]
    for row in rows:
        counts = [struck[row, victim] for victim in Victim]
        lines.append(
            f"{row:28}" + "".join(f"{count or '-':>24}" for count in counts) + f"{sum(counts):>6}"
        )
    lines += [
        f"besides, to bring a moment about: {besides} session processes, while Connected",
        "state when struck: " + ", ".join(f"{name} {n}" for name, n in sorted(states.items())),
        "work on the files left half done: "
        + (", ".join(f"{n} {name}" for name, n in sorted(half_done.items())) or "none"),
        *(f"held {count:4} times: {name}" for name, count in sorted(checks.items())),
    ]
    return lines


async def kills(runs: int) -> list[str]:
    """Kill `runs` times, ten times the usual number of samples. Raises Broken."""
    report, held = await play(print, seed=SEED, kills=10 * runs, lanes=2)
    if not held:
        raise Broken("\n".join(report))
    return report


def _main() -> int:
    parser = argparse.ArgumentParser(prog="kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--lanes", type=int, default=2, help="sessions at the same time")
    options = parser.parse_args()
    logging.getLogger("wa_supervisor").setLevel(logging.CRITICAL)
    report, held = asyncio.run(
        play(print, seed=options.seed, kills=options.kills, lanes=options.lanes)
    )
    print(*report, sep="\n")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(_main())
