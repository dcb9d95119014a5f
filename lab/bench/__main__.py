"""One command for every figure: `uv run python -m lab.bench [--runs N] [NAME ...]`."""

from __future__ import annotations

import argparse
import asyncio
import logging
from collections.abc import Awaitable, Callable

from . import (
    alone,
    core,
    fence,
    fleet_messages,
    inbox,
    kills,
    lease,
    listen,
    many,
    message_kills,
    messages,
    outages,
    outbox,
    page,
    session,
    stages,
    traffic,
    verbs,
)

FIGURES: dict[str, Callable[[int], Awaitable[list[str]]]] = {
    "core": core.steps,
    "first-qr": session.first_qr,
    "back": session.back_after_kill,
    "run-qr": alone.first_qr_of_run,
    "idle": alone.idle,
    "fresh-qr": session.fresh_qr,
    "memory": session.memory,
    "receive": messages.receive,
    "hear": messages.hear,
    "send": messages.send,
    "traffic": traffic.traffic,
    "fence": fence.fence,
    "fleet-messages": fleet_messages.fleet_messages,
    "frozen": lease.frozen,
    "inbox": inbox.append,
    "inbox-read": inbox.read,
    "inbox-start": inbox.start,
    "listen": listen.throughput,
    "outbox": outbox.keys,
    "page": page.page,
    "stages": stages.stages,
    "verbs": verbs.verbs,
    "kills": kills.kills,
    "message-kills": message_kills.kills,
    "outages": outages.outages,
    "many": many.many,
}


LONG = {"many", "outages", "kills", "message-kills", "traffic", "inbox-start"}
"""Half an hour, ten minutes, some twenty, five and two: measured when they are named."""


async def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=20, help="samples of each figure (default 20)")
    parser.add_argument("names", nargs="*", choices=[*FIGURES, []], metavar="NAME")
    options = parser.parse_args()
    logging.getLogger("wa_supervisor").setLevel(logging.CRITICAL)
    for name in options.names or [each for each in FIGURES if each not in LONG]:
        for figure in await FIGURES[name](options.runs):
            print(figure, flush=True)


asyncio.run(main())
