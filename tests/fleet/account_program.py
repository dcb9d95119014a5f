"""A worker that is killed as it has paired with another account, or has learnt whose it is.

The URL of the fleet's database comes on standard input: `account_program.py ROOT INBOX MOMENT`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import LiteralString

from pydantic import SecretStr

from e2e.processes import until
from fleet.test_moving_messages import Workers
from wa_supervisor.fleet.database import FleetDatabase
from wa_supervisor.lifecycle import facts


async def main(root: Path, inbox: str, moment: str) -> None:
    with FleetDatabase(SecretStr(sys.stdin.read())) as database:
        async with Workers(database, root, inbox).running_on("a2") as place:

            def there_is(query: LiteralString) -> bool:
                with database.transaction() as connection:
                    return connection.execute(query).fetchone() is not None

            place.link.say(facts.PairSucceeded)
            await until(lambda: there_is("SELECT FROM accounts WHERE paired IS NOT NULL"))
            place.receive("two")
            if moment == "known":
                place.link.say(facts.Connected)
                await place.read(1)
            else:
                await until(
                    lambda: there_is(
                        "SELECT FROM messages WHERE record IS NOT NULL HAVING count(*) = 2"
                    )
                )
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:]))
