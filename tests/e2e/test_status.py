"""`wa-supervisor status` as a person at 3 a.m. has it: 80x24, a real session, all its turns."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from e2e.tty import CTRL_C, on_terminal
from wa_loopback import Failure

if TYPE_CHECKING:
    from e2e.harness import World

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")]


async def said_by(world: World, *arguments: str) -> tuple[int, str]:
    """What a command prints where nobody looks, and its exit code."""
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "wa_supervisor",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        env=world.environment(),
        cwd=world.directory,
    )
    out, _ = await asyncio.wait_for(program.communicate(), 60)
    assert program.returncode is not None
    return program.returncode, out.decode()


async def test_a_session_says_how_it_stands_from_its_first_code_to_after_its_end(
    world: World,
) -> None:
    where = ["--data-dir", str(world.data_dir)]
    service = world.command()
    await service.reach("Pairing")
    await service.code()
    async with on_terminal(world, 80, 24, "status", *where) as tty:
        assert await tty.exit(within=15) == 0
        text = " ".join(tty.text.split())
    assert "default: Pairing, for" in text
    assert "The person with the phone must act: scan the QR" in text
    assert "a QR shows for" in text

    await world.server.phone().scan(await service.code())
    await service.reach("Connected")
    async with on_terminal(world, 80, 24, "status", "--watch", *where) as tty:
        screen = await tty.shows(lambda text: "neonize 0.5.2" in text)
        assert "default: Connected (online), for" in screen
        assert "Ctrl-C ends this" in screen
        tty.type(CTRL_C)
        assert await tty.exit(within=15) == 130
    code, said = await said_by(world, "status", "--json", *where)
    found = json.loads(said)
    assert code == 0
    assert found["device"]["paired"] is True
    assert found["client"]["pid"] == service.pid != found["process"]["pid"]
    assert found["client"]["memory"] > 10 << 20

    service.send(signal.SIGSTOP)
    code, said = await said_by(world, "status", *where)
    service.send(signal.SIGCONT)
    assert code == 3
    assert "its supervisor does not answer; it was Connected (online)" in said

    world.server.on_login(Failure(406, close=False))
    service.kill()
    await service.reach("GaveUp")
    await service.stop()
    code, said = await said_by(world, "status", *where)
    said = " ".join(said.split())
    assert code == 3
    assert "default: GaveUp, for" in said
    assert "no supervisor runs" in said
    assert "WhatsApp banned the account (406). [banned]" in said
    assert "exit code 0 (OK)" in said
