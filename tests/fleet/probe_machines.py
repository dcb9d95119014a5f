"""Looks at one machine from the hub; `test_namespaces` runs it there, and reads what it says."""

from __future__ import annotations

import asyncio
import json
import sys

from lab.fleet.namespaces import HUB, Link, Machine, machines

TALK = """
import socket, sys
for link, host in (("control", "10.77.1.254"), ("internet", "127.77.2.254")):
    try:
        socket.create_connection((host, 4000), timeout=1).close()
        print(link)
    except TimeoutError:
        print("silence")
    except OSError as error:
        print(error)
"""


async def reached(machine: Machine) -> list[str]:
    process = await asyncio.create_subprocess_exec(
        *machine.prefix, sys.executable, "-c", TALK, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    return said.decode().split()


async def main() -> None:
    async with machines("one", "two") as (one, two):
        servers = [await asyncio.start_server(_answer, HUB[link], 4000) for link in Link]
        said = {"whole": await reached(one)}
        await one.cut(Link.INTERNET)
        said["no internet"] = await reached(one)
        await one.cut(Link.CONTROL)
        said["nothing"] = await reached(one)
        said["the other"] = await reached(two)
        await one.mend(Link.CONTROL, Link.INTERNET)
        said["mended"] = await reached(one)
        for server in servers:
            server.close()
        sys.stdout.write(json.dumps(said))


async def _answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


asyncio.run(main())
