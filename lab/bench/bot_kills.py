"""What a bot has not handled when its process is killed in bursts: fed from the inbox, or not.

uv run python -m lab.bench.bot_kills [--kills 20] [--seed 5]
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import random
import signal
import tempfile
from pathlib import Path
from typing import Final

from wa_loopback import LoopbackServer
from wa_supervisor import Settings, State, Supervisor
from wa_supervisor.lifecycle.policy import Backoff, Policy
from wa_supervisor.messages.defaults import BotDelivery
from wa_supervisor.setting_groups import InboxSettings, PairingSettings

from . import slow_bot
from .world import Watch, endpoint

_WAYS: Final[tuple[BotDelivery, ...]] = ("inbox", "neonize")
_BURST = 60
_UP = 0.6  # seconds that a process lives at most
_QUIET = 3.0  # without another message handled, before the rest counts as lost


async def _play(way: BotDelivery, kills: int, seed: int, where: Path) -> str:
    handled = where / "handled"
    os.environ[slow_bot.FILE] = str(handled)
    budgets = {
        name: value.model_copy(update={"count": 100_000})
        for name, value in Policy()
        if hasattr(value, "count")
    }
    async with LoopbackServer() as server:
        watch = Watch()
        settings = Settings(
            data_dir=where / "data",
            bot="lab.bench.slow_bot:register",
            inbox=InboxSettings(bot_delivery=way, bot_tries=1000),
            pairing=PairingSettings(qr=[]),
            policy=Policy(**budgets, backoff=Backoff(base=0.1, cap=0.5, jitter=0)),
            endpoint=endpoint(server),
        )
        async with Supervisor(settings, sinks=[watch]) as session:
            phone, ann, chance = server.phone(), server.contact(), random.Random(seed)
            await phone.scan((await watch.code(0.0))[1])
            said = 0
            for _ in range(kills):
                await session.wait_for(State.CONNECTED, substate="online", timeout=60)
                for _ in range(_BURST):
                    ann.say(phone, str(said))
                    said += 1
                await asyncio.sleep(chance.uniform(0.0, _UP))
                client = session.status.client
                assert client is not None
                generation = session.status.generation
                os.kill(client.pid, signal.SIGKILL)
                while session.status.generation == generation:
                    await asyncio.sleep(0.01)
            texts: list[str] = []
            for _ in range(100):
                await asyncio.sleep(_QUIET)
                before, texts = texts, handled.read_text().split()
                if texts == before:
                    break
        numbers = list(map(int, dict.fromkeys(texts)))
        disorder = sum(one > two for one, two in itertools.pairwise(numbers))
    return (
        f"{way}: {kills} kills, {said} messages; never handled {said - len(numbers)}, "
        f"twice {len(texts) - len(numbers)}, out of order {disorder}"
    )


async def main(kills: int, seed: int) -> None:
    """Play both ways, one after the other."""
    for way in _WAYS:
        with tempfile.TemporaryDirectory(prefix="wa-bench-", dir=Path.cwd()) as name:
            print(await _play(way, kills, seed, Path(name)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=5)
    options = parser.parse_args()
    asyncio.run(main(options.kills, options.seed))
