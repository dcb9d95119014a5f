"""A worker as a program of its own: what it is to be comes on standard input, as JSON."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
from functools import partial
from pathlib import Path

from pydantic import SecretStr

from wa_supervisor import Supervisor
from wa_supervisor.fleet import Worker
from wa_supervisor.fleet.lease import Timing
from wa_supervisor.messages import shared_index


async def read(log: Path, worker: str, session: Supervisor) -> None:
    """Write down what is received; the last worker of the test alone acknowledges."""
    async for message in session.messages("program", ack="manual"):
        with log.open("a") as lines:
            lines.write(f"{worker} {message.text} {message.redelivered}\n")
        if worker == "w3":
            await message.ack()


async def main() -> None:
    told = json.load(sys.stdin)
    logging.basicConfig(filename=told["log"], format="%(relativeCreated)d %(message)s")
    logging.getLogger("wa_supervisor").setLevel(logging.INFO)
    shared_index.LOOK_EVERY = 1.0  # not to be waited for
    worker = Worker(
        SecretStr(told["database"]),
        name=told["name"],
        data_dir=Path(told["data_dir"]),
        capacity=told["capacity"],
        settings=told["settings"],
        timing=Timing(**told["timing"]),
        drain=told["drain"],
        on_session=partial(read, Path(told["read"]), told["name"]),
    )
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.stop)
    await worker.run()


if __name__ == "__main__":
    asyncio.run(main())
