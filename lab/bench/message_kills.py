"""What SIGKILL and a requested stop lose in bursts: our session process, and a bare neonize.

`python -m lab.bench.message_kills --kills 100 --seed 1`. They run at once on one loopback server,
each with a phone, two contacts, a group and a newsletter of its own, databases on disk: ours, a
bare program whose handler prints at once, and one whose handler works first. A message is lost if
the server was told that it was received, and it is not in our inbox, or was not printed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import os
import random
import signal
import statistics
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from wa_loopback import LoopbackServer
from wa_loopback.mailbox import Mailbox
from wa_supervisor.lifecycle import facts
from wa_supervisor.messages.inbox import Inbox
from wa_supervisor.session.parent.fork_servers import ForkServers
from wa_supervisor.session.parent.link import ChildSpec, SessionLink
from wa_supervisor.session.shared.spec import InboxSpec

from ..bare import BareClient, bare_client
from .messages import on_disk
from .world import endpoint

_BURST = 150
"""So many are on their way at the begin of each life."""
_CHUNK = 10  # written at once; then the server has its turn
_LIFE = 0.5  # seconds from the login to the latest end
_WITHIN = 30.0
_SETTLED = 120.0
_WORK = 0.02  # seconds that a handler with something to do takes
_QUIET = 5.0  # the last handler may run after the last receipt: 100 wait in neonize, of _WORK each

_F = TypeVar("_F", bound=facts.ChildFact)


class Broken(Exception):
    """Raised when a process ended otherwise than it was made to."""


class Ours:
    """Our session process and its inbox."""

    name = "ours"

    def __init__(self, server: LoopbackServer, where: Path, launcher: ForkServers) -> None:
        self.phone = server.phone()
        self._log = where / "inbox"
        self._spec = ChildSpec(
            *("bench", where / "ours.db", 0),
            endpoint=endpoint(server),
            inbox=InboxSpec(self._log),
        )
        self._facts: asyncio.Queue[facts.ChildFact] = asyncio.Queue()
        self._link = SessionLink(self._facts.put_nowait, launcher=launcher)
        self._generation = 0
        self.aclose = self._link.aclose

    async def start(self) -> None:
        self._generation += 1
        spec = replace(self._spec, generation=self._generation, paired=self._generation > 1)
        await self._link.start(spec)
        if self._generation == 1:
            await self.phone.scan((await self._fact(facts.QrOffered)).payload)
        await self._fact(facts.Connected)

    async def kill(self) -> None:
        if self._link.pid is None:
            raise Broken("our process had ended before it was killed")
        os.kill(self._link.pid, signal.SIGKILL)
        ended = await self._fact(facts.ChildExited)
        if ended.signal != signal.SIGKILL:
            raise Broken(f"our process ended by itself: {ended}")

    async def stop(self) -> None:
        await self._link.stop()
        ended = await self._fact(facts.ChildExited)
        if ended.returncode != 0:
            raise Broken(f"a stop ended our process with {ended}")

    async def kept(self) -> list[str]:
        found: list[str] = []
        async with (
            aclosing(await Inbox.open(self._log)) as inbox,
            await inbox.read() as reader,
        ):
            with contextlib.suppress(TimeoutError):
                while True:
                    message = (await asyncio.wait_for(anext(reader), 5)).message
                    if message.text:
                        found.append(message.id)
        return found

    async def _fact(self, kind: type[_F]) -> _F:
        async with asyncio.timeout(_WITHIN):
            while True:
                fact = await self._facts.get()
                if isinstance(fact, kind):
                    return fact
                if isinstance(fact, facts.ChildExited):
                    raise Broken(f"waited for {kind.__name__}, but: {fact}")


class Bare:
    """The bare program and what its handler has printed."""

    def __init__(self, server: LoopbackServer, where: Path, work: float) -> None:
        self.name = f"bare, handler of {work * 1000:g} ms"
        self.phone = server.phone()
        self._server = server
        self._database = where / f"bare-{work}.db"
        self._options = "--messages", "--work", str(work)
        self._printed: list[str] = []
        self._life = contextlib.AsyncExitStack()
        self.aclose = self._life.aclose
        self._client: BareClient | None = None
        self._reading: asyncio.Task[list[dict[str, Any]]] | None = None

    async def start(self) -> None:
        is_first = self._client is None
        self._client = client = await self._life.enter_async_context(
            bare_client(self._server.endpoint, self._database, *self._options)
        )
        if is_first:
            await self.phone.scan((await client.expect("qr"))["payload"])
        await client.event("Connected")
        self._reading = asyncio.create_task(client.silence(_SETTLED * 2))

    async def kill(self) -> None:
        assert self._client is not None
        self._client.process.kill()
        if await self._end() != -signal.SIGKILL:
            raise Broken("the bare program ended by itself")

    async def stop(self) -> None:
        assert self._client is not None
        self._client.tell("stop")
        if await self._end() != 0:
            raise Broken("a stop ended the bare program with an error")

    async def kept(self) -> list[str]:
        return self._printed

    async def _end(self) -> int:
        """Read all that it had printed when it died."""
        assert self._client is not None
        assert self._reading is not None
        code = await self._client.exit(within=_WITHIN)
        await self._reading
        events = (line for line in self._client.said if line.get("name") == "Message")
        fields = [line["fields"] for line in events]
        self._printed += [f["Info"]["ID"] for f in fields if "conversation" in f["Message"]]
        await self._life.aclose()
        return code


@dataclass
class Loss:
    """What one way to end a program has cost."""

    ends: int = 0
    cut: list[int] = field(default_factory=list)
    """How many messages were on their way at each end."""
    said: list[str] = field(default_factory=list)
    waiting: set[str] = field(default_factory=set)
    """What the server was never told to be received."""


class Trial:
    """A program, those who write to it, and what became of it."""

    def __init__(self, server: LoopbackServer, program: Ours | Bare, dice: random.Random) -> None:
        self.program = program
        self.chat_of: dict[str, str] = {}
        ann, ben = server.contact("Ann"), server.contact("Ben")
        group = server.group(program.phone, ann, ben)
        news = server.newsletter(program.phone)
        phone = program.phone
        self._writers: dict[str, Callable[[str], str]] = {
            "Ann": lambda words: ann.say(phone, words).id,
            "Ben": lambda words: ben.say(phone, words).id,
            "group": lambda words: group.say(dice.choice((ann, ben)), words).id,
            "newsletter": lambda words: news.say(words).id,
        }
        self._numbers = itertools.count()
        self._dice = dice

    async def run(self, ends: int, end: Callable[[], Awaitable[None]]) -> Loss:
        """End the program again and again in bursts; then let it have what is left."""
        loss = Loss(ends)
        for _ in range(ends):
            await self.program.start()
            writing = asyncio.create_task(self._burst(loss))
            await asyncio.sleep(self._dice.uniform(0, _LIFE))
            loss.cut.append(len(self._mailbox))
            await end()
            await writing
        await self._settle()
        loss.waiting = {each.node.text("id") for each in self._mailbox.waiting}
        return loss

    @property
    def _mailbox(self) -> Mailbox:
        (device,) = self.program.phone.devices
        return device.mailbox

    async def _burst(self, loss: Loss) -> None:
        """Write until a burst is on its way."""
        for number in range(max(0, _BURST - len(self._mailbox))):
            chat = self._dice.choice(list(self._writers))
            ident = self._writers[chat](f"message {next(self._numbers)}")
            self.chat_of[ident] = chat
            loss.said.append(ident)
            if number % _CHUNK == 0:
                await asyncio.sleep(0)

    async def _settle(self) -> None:
        await self.program.start()
        end = time.monotonic() + _SETTLED
        while len(self._mailbox) and time.monotonic() < end:
            await asyncio.sleep(0.1)
        await asyncio.sleep(_QUIET)
        await self.program.stop()


async def _measure(trial: Trial, kills: int, stops: int) -> list[str]:
    program = trial.program
    killed = await trial.run(kills, program.kill)
    stopped = await trial.run(stops, program.stop)
    kept = await program.kept()
    twice, disorder = len(kept) - len(set(kept)), _disorder(trial, kept)
    return [
        f"{program.name}, SIGKILL: {_state(killed, kept)}",
        f"{program.name}, requested stops: {_state(stopped, kept)}",
        f"{program.name}, of both: twice {twice}, out of order in its chat {disorder}",
    ]


def _state(loss: Loss, kept: Sequence[str]) -> str:
    lost = set(loss.said) - set(kept) - loss.waiting
    cut = statistics.median(loss.cut) if loss.cut else 0
    return (
        f"{loss.ends} in {len(loss.said)} messages (median {cut:g} on their way), "
        f"lost {len(lost)}, never acknowledged {len(loss.waiting)}"
    )


def _disorder(trial: Trial, kept: Sequence[str]) -> int:
    """How many messages of each chat came, the first time, after one written later."""
    written = {ident: number for number, ident in enumerate(trial.chat_of)}
    newest: dict[str, int] = defaultdict(int)
    late = 0
    for ident in dict.fromkeys(kept):
        chat = trial.chat_of[ident]
        late += written[ident] < newest[chat]
        newest[chat] = max(newest[chat], written[ident])
    return late


async def kills(runs: int, *, stops: int | None = None, seed: int = 1) -> list[str]:
    """End each program `runs` times with SIGKILL, and `stops` times (a fifth of it) as asked."""
    stops = max(1, runs // 5) if stops is None else stops
    async with contextlib.AsyncExitStack() as stack:
        where = stack.enter_context(on_disk())
        server = await stack.enter_async_context(LoopbackServer())
        launcher = await stack.enter_async_context(ForkServers())
        bares = [Bare(server, where, work) for work in (0.0, _WORK)]
        programs: list[Ours | Bare] = [Ours(server, where, launcher), *bares]
        for each in programs:
            stack.push_async_callback(each.aclose)
        trials = [Trial(server, each, random.Random(seed)) for each in programs]
        found = await asyncio.gather(*(_measure(each, runs, stops) for each in trials))
    return [line for lines in found for line in lines]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="message_kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="of each program (default 100)")
    parser.add_argument("--stops", type=int, help="of each program (default a fifth of the kills)")
    parser.add_argument("--seed", type=int, default=1, help="of the dice (default 1)")
    chosen = parser.parse_args()
    for told in asyncio.run(kills(chosen.kills, stops=chosen.stops, seed=chosen.seed)):
        print(told)
