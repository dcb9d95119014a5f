"""`python -m lab.fleet.inside SESSIONS WORKERS SCENARIO...`: plays scenarios within a hub.

Each outcome is one JSON object on a line of standard output. See `namespaces.within`.
"""

from __future__ import annotations

import asyncio
import logging
import sys

from .play import play
from .scenarios import SCENARIOS
from .world import NotReached, running


async def main(sessions: int, workers: int, names: list[str]) -> None:
    """Play these, in this order."""
    chosen = [each for name in names for each in SCENARIOS if each.name == name]
    async with running(workers, sessions) as world:
        async for outcome in play(world, chosen):
            sys.stdout.write(outcome.model_dump_json() + "\n")
            sys.stdout.flush()
            if outcome.problems:
                sys.stderr.write(f"{outcome.scenario}: {outcome.problems}\n{world.story()}\n")


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    try:
        asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
    except NotReached as error:
        sys.exit(str(error))
