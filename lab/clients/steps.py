"""How far each client comes against the server when nothing goes wrong."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

from wa_loopback.observations import KeptAlive

from .program import BESIDE, CLIENTS, Client
from .session import KEEPALIVE, Session, paired, served

STEPS = ("QR to login", "code to login", "message in", "message out", "ping answered")


async def walk(client: Client) -> dict[str, str]:
    """Return of each step how many seconds it took. Raises what goes wrong."""
    took: dict[str, str] = {}
    for by_code in (False, True):
        step = "code to login" if by_code else "QR to login"
        if by_code and not client.pairs_by_code:
            took[step] = "has none"
            continue
        with tempfile.TemporaryDirectory(prefix="wa-lab-") as name:
            async with served() as server:
                begun = time.monotonic()
                async with paired(client, server, Path(name), by_code=by_code) as session:
                    took[step] = f"{time.monotonic() - begun:.1f} s"
                    if not by_code:
                        took |= await _talk(session)
    return took


async def _talk(session: Session) -> dict[str, str]:
    took: dict[str, str] = {}
    await session.writable()
    ann = session.server.contact("Ann")
    begun = time.monotonic()
    ann.say(session.phone, "hello")
    assert (await session.running.expect("message"))["text"] == "hello"
    took["message in"] = f"{time.monotonic() - begun:.2f} s"
    begun = time.monotonic()
    session.running.tell("send", to=str(ann.lid), text="hello, Ann")
    assert (await ann.next_message(timeout=15)).text == "hello, Ann"
    took["message out"] = f"{time.monotonic() - begun:.2f} s"
    took["ping answered"] = await _ping(session)
    return took


async def _ping(session: Session) -> str:
    """Wait for a ping, if that is not too long."""
    if session.client.pings:
        return session.client.pings
    await session.server.changes.until(
        lambda: _pings(session) or None, within=20 * KEEPALIVE, what="a ping"
    )
    return "yes"


def _pings(session: Session) -> int:
    return sum(isinstance(each, KeptAlive) and each.answered for each in session.server.log)


def main() -> None:
    """Walk the steps with the client named on the command line; say the outcome as JSON."""
    client = next(each for each in (*CLIENTS, *BESIDE) if each.name == sys.argv[1])
    sys.stdout.write(json.dumps(asyncio.run(walk(client))) + "\n")


if __name__ == "__main__":
    main()
