"""What SIGKILL and a requested stop lose in bursts: our program, and a bare neonize beside it.

`python -m lab.bench.message_kills --kills 200 --seed 1`. Ours is a program that embeds a supervisor
and reads messages with acknowledgements; killed is its session process, its fork server, itself, or
all of them. All run at once on one loopback server, each with a phone, two contacts, a group and a
newsletter of its own, databases on disk. A message is lost if the server was told that it was
received, and the program was never handed it. For ours a witness says where: before neonize called
back, in the call, or after it had returned. It ends with 1 if what must not be was.
"""

from __future__ import annotations

import argparse
import asyncio
import bisect
import contextlib
import functools
import itertools
import random
import statistics
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from wa_loopback import Device, LoopbackServer
from wa_loopback.mailbox import Delivery, Mailbox

from .message_programs import Bare, Broken, Ours, Received
from .messages import on_disk

_CHUNK = 10  # written at once; then the server has its turn
_SETTLED = 180.0
_WORK = 0.02  # seconds that a handler with something to do takes
_QUIET = 5.0  # the last handler may run after the last receipt: 100 wait in neonize, of _WORK each
_SHARES = {"Ann": 3, "Ben": 3, "newsletter": 2, "group": 1}  # of a group the server signs each


@dataclass(frozen=True)
class Pace:
    """How hard a run is."""

    burst: int = 150
    """So many are on their way as a life begins."""
    life: float = 1.0
    """Seconds from the login to the latest end."""
    quiet: float = _QUIET


@dataclass
class Loss:
    """What one way to end a program has met."""

    cut: list[int] = field(default_factory=list)
    """How many messages were on their way at each end."""
    ends: list[float] = field(default_factory=list)
    """When each was, by `time.monotonic`."""
    struck: Counter[str] = field(default_factory=Counter)
    said: dict[str, Delivery] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)
    """What the server was never told to be received."""

    def missing(self, received: Received) -> set[str]:
        """What is lost."""
        return set(self.said) - set(received.order) - self.waiting

    def most_at_one_end(self, lost: set[str]) -> int:
        """How many were lost in one life at most, each counted where it was sent last."""
        lives = Counter(bisect.bisect(self.ends, self.said[each].sent[-1]) for each in lost)
        return max(lives.values(), default=0)


class Trial:
    """A program, those who write to it, and what became of it."""

    def __init__(
        self, server: LoopbackServer, program: Ours | Bare, dice: random.Random, pace: Pace
    ) -> None:
        self.program = program
        self.chat_of: dict[str, str] = {}
        ann, ben = server.contact("Ann"), server.contact("Ben")
        phone = program.phone
        group = server.group(phone, ann, ben)
        news = server.newsletter(phone)
        self._writers: dict[str, Callable[[str], dict[Device, Delivery]]] = {
            "Ann": lambda words: ann.say(phone, words).deliveries,
            "Ben": lambda words: ben.say(phone, words).deliveries,
            "group": lambda words: group.say(dice.choice((ann, ben)), words).deliveries,
            "newsletter": lambda words: news.say(words).deliveries,
        }
        self._numbers = itertools.count()
        self._dice = dice
        self._pace = pace

    async def kills(self, count: int) -> Loss:
        """Kill one victim after the other, each as often, in an order that the dice give."""
        victims = itertools.islice(itertools.cycle(self.program.victims), count)
        loss = Loss()
        for victim in self._dice.sample(order := list(victims), len(order)):
            loss.struck[victim] += 1
            await self._life(loss, functools.partial(self.program.kill, victim))
        return await self._settle(loss)

    async def stops(self, count: int) -> Loss:
        loss = Loss()
        for _ in range(count):
            await self._life(loss, self.program.stop)
        return await self._settle(loss)

    @property
    def _device(self) -> Device:
        (device,) = self.program.phone.devices
        return device

    @property
    def _mailbox(self) -> Mailbox:
        return self._device.mailbox

    async def _life(self, loss: Loss, end: Callable[[], Awaitable[None]]) -> None:
        """Let it live through a part of a burst, and end it."""
        await self.program.start()
        writing = asyncio.create_task(self._burst(loss))
        await asyncio.sleep(self._dice.uniform(0, self._pace.life))
        loss.cut.append(len(self._mailbox))
        await end()
        loss.ends.append(time.monotonic())
        await writing

    async def _burst(self, loss: Loss) -> None:
        """Write until a burst is on its way."""
        for number in range(max(0, self._pace.burst - len(self._mailbox))):
            (chat,) = self._dice.choices(list(_SHARES), list(_SHARES.values()))
            text = f"message <{next(self._numbers)}>"
            self.chat_of[text] = chat
            loss.said[text] = self._writers[chat](text)[self._device]
            if number % _CHUNK == 0:
                await asyncio.sleep(0)

    async def _settle(self, loss: Loss) -> Loss:
        """Let it have what is left."""
        await self.program.start()
        end = time.monotonic() + _SETTLED
        while len(self._mailbox) and time.monotonic() < end:
            await asyncio.sleep(0.1)
        await asyncio.sleep(self._pace.quiet)
        await self.program.stop()
        loss.waiting = {text for text, each in loss.said.items() if each.acknowledged is None}
        return loss


@dataclass
class Verdict:
    """What became of one program."""

    lines: list[str]
    broken: list[str]
    """What must not be, and was."""


async def _measure(trial: Trial, kills: int, stops: int) -> Verdict:
    killed, stopped = await trial.kills(kills), await trial.stops(stops)
    received = await trial.program.received()
    disorder = _disorder(trial, received)
    name, is_ours = trial.program.name, isinstance(trial.program, Ours)
    lost, lost_at_stops = killed.missing(received), stopped.missing(received)
    broken = {
        "lost that neonize had called back with, and the call had returned": len(
            (lost | lost_at_stops) & received.returned
        ),
        "lost at stops": len(lost_at_stops),
        "handed out twice": received.twice,
        "out of order": disorder,
    }
    lines = [
        f"{name}, SIGKILL: {_state(killed, lost)}",
        f"{name}, requested stops: {_state(stopped, lost_at_stops)}",
        f"{name}, of both: twice {received.twice}, out of order in its chat {disorder}",
    ]
    if is_ours:
        struck = ", ".join(f"{each} {count}" for each, count in sorted(killed.struck.items()))
        called = lost & received.called
        called, returned = received.called, received.returned
        lost_at = (
            f"before neonize called back {len(lost - called)}, "
            f"in the call {len(lost & called - returned)}, after it {len(lost & returned)}"
        )
        lines += [
            f"{name}, killed: {struck}",
            f"{name}, witnessed: {len(called)} calls of neonize, {len(returned)} had returned",
            f"{name}, lost at kills: {lost_at}",
            f"{name}, handed out again, not acknowledged before: {received.again}",
        ]
    return Verdict(
        lines, [f"{name}: {number} {what}" for what, number in broken.items() if is_ours and number]
    )


def _state(loss: Loss, lost: set[str]) -> str:
    cut = statistics.median(loss.cut) if loss.cut else 0
    return (
        f"{len(loss.ends)} in {len(loss.said)} messages (median {cut:g} on their way), "
        f"lost {len(lost)} (at most {loss.most_at_one_end(lost)} at one end), "
        f"never acknowledged {len(loss.waiting)}"
    )


def _disorder(trial: Trial, received: Received) -> int:
    """How many messages of each chat came, the first time, after one written later."""
    written = {text: number for number, text in enumerate(trial.chat_of)}
    newest: dict[str, int] = defaultdict(int)
    late = 0
    for text in received.order:
        chat = trial.chat_of[text]
        late += written[text] < newest[chat]
        newest[chat] = max(newest[chat], written[text])
    return late


async def play(
    kills: int, stops: int, seed: int, *, bare: bool = True, pace: Pace | None = None
) -> tuple[list[str], list[str]]:
    """End each program so often; return what was found, and what of ours must not be."""
    async with contextlib.AsyncExitStack() as stack:
        where = stack.enter_context(on_disk())
        server = await stack.enter_async_context(LoopbackServer())
        programs: list[Ours | Bare] = [Ours(server, where)]
        if bare:
            programs += [Bare(server, where, work) for work in (0.0, _WORK)]
        for each in programs:
            stack.push_async_callback(each.aclose)
        trials = [Trial(server, each, random.Random(seed), pace or Pace()) for each in programs]
        verdicts = await asyncio.gather(*(_measure(each, kills, stops) for each in trials))
    lines = [line for verdict in verdicts for line in verdict.lines]
    return lines, [line for verdict in verdicts for line in verdict.broken]


async def kills(runs: int) -> list[str]:
    """Kill each program ten times as often as there are samples. Raises Broken."""
    lines, broken = await play(10 * runs, 2 * runs, 1)
    if broken:
        raise Broken("\n".join(broken + lines))
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(prog="message_kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="of each program (default 200)")
    parser.add_argument("--stops", type=int, help="of each program (default a fifth of the kills)")
    parser.add_argument("--seed", type=int, default=1, help="of the dice (default 1)")
    parser.add_argument("--burst", type=int, default=Pace.burst, help="messages on their way")
    parser.add_argument("--life", type=float, default=Pace.life, help="seconds, at most")
    parser.add_argument("--ours-only", action="store_true", help="without the bare programs")
    chosen = parser.parse_args()
    stops = max(1, chosen.kills // 5) if chosen.stops is None else chosen.stops
    pace = Pace(chosen.burst, chosen.life, 1.0 if chosen.ours_only else _QUIET)
    began = time.monotonic()
    lines, broken = asyncio.run(
        play(chosen.kills, stops, chosen.seed, bare=not chosen.ours_only, pace=pace)
    )
    print(*lines, sep="\n")
    print(f"it took {time.monotonic() - began:.0f} s (seed {chosen.seed})")
    for line in broken:
        print(f"NOT held: {line}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
