"""Hits three of five workers at once, each in another way; `test_real_fleet` reads what it says.

It runs in a hub, and judges nothing itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from dataclasses import asdict

from lab.fleet.namespaces import Link
from lab.fleet.stays import overlaps, takeovers
from lab.fleet.world import NotReached, World, running

QUIET = 3.0
MAIL_SECONDS = 60.0  # what a frozen worker had is handed over, and looked for every 30 s
HIT = ("killed", "cut off from Postgres", "frozen", "left alone", "left alone, too")


async def main() -> None:
    async with running(workers=5, sessions=5, inbox="postgres") as world:
        on = {worker: session for session, worker in world.where().items()}
        names = dict(zip(HIT, world.programs.values(), strict=True))
        began, paired = time.monotonic(), world.server.registrations
        await names["killed"].kill()
        await names["cut off from Postgres"].machine.cut(Link.CONTROL)
        pids = names["frozen"].freeze(all_of_it=False)

        hit = {names[each].name for each in HIT[:3]}
        await world.until(lambda: taken_over(world, hit), "others have the sessions")
        await asyncio.sleep(QUIET)  # one who comes back to life now is seen

        await names["cut off from Postgres"].machine.mend(Link.CONTROL)
        names["frozen"].thaw(pids)
        await names["killed"].start()
        await world.settled(QUIET)
        with contextlib.suppress(NotReached):  # what is missing is told
            await world.until(lambda: not world.mail.missing, "mail is read", within=MAIL_SECONDS)

        now = time.monotonic()
        said = {
            "began with one each": sorted(on) == sorted(world.programs),
            "moved": {
                each: world.where()[on[program.name]] != program.name
                for each, program in names.items()
            },
            "overlaps": [asdict(each) for each in overlaps(world.server.stays, now)],
            "new pairings": world.server.registrations - paired,
            "missing": sorted(world.mail.missing),
            "gaps": [each.gap for each in takeovers(world.server.stays, began)],
        }
        sys.stdout.write(json.dumps(said))


def taken_over(world: World, workers: set[str]) -> bool:
    """Whether every session is logged in, and none on these."""
    now = world.where()
    return len(now) == len(world.sessions) and not workers & set(now.values())


asyncio.run(main())
