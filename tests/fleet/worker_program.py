"""A worker as a program of its own: what it is to be comes on standard input, as JSON."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
from pathlib import Path

from pydantic import SecretStr

from wa_supervisor.fleet import Worker
from wa_supervisor.fleet.lease import Timing


async def main() -> None:
    told = json.load(sys.stdin)
    logging.basicConfig(filename=told["log"], format="%(relativeCreated)d %(message)s")
    logging.getLogger("wa_supervisor").setLevel(logging.INFO)
    worker = Worker(
        SecretStr(told["database"]),
        name=told["name"],
        data_dir=Path(told["data_dir"]),
        capacity=told["capacity"],
        settings=told["settings"],
        timing=Timing(**told["timing"]),
        drain=told["drain"],
    )
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.stop)
    await worker.run()


if __name__ == "__main__":
    asyncio.run(main())
