"""`wa-supervisor playground`: a newcomer's first hour, with no account."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from e2e.runs import STOP_BOUND
from e2e.tty import CTRL_C, on_terminal
from wa_supervisor.cli.demo.script import StoryBroke, Trail
from wa_supervisor.cli.playground.phone import ACTS
from wa_supervisor.status import StepRecord

if TYPE_CHECKING:
    from e2e.harness import World

pytestmark = pytest.mark.e2e

# What is typed, and what must have been said before the next word is.
SCRIPT = (
    ("unlink", "the phone has linked nothing; `scan` comes first"),
    ("scan", "The phone has linked the session."),
    ("message hello", "Ann hears: You said: hello"),
    ("status", "playground: Connected (online)"),
    ("panic", "Connected -> Backoff - The session process died"),
    ("wait connected", "It is Connected."),
    ("history", "Connected"),
    ("shrug", "`shrug` is not known here"),
    ("unlink", "LoggedOut -> Purging"),
    ("scan", "The phone has linked the session."),
    ("wait connected", "It is Connected."),
    ("wait 2", "2 s are over."),  # its keys are copied: without a copy nothing could be resumed
    ("ban", "LoggedOut -> GaveUp - WhatsApp banned the account (406)."),
    ("status", "Appeal in WhatsApp|appeal in WhatsApp"),
    ("resume", "Resuming"),
    ("wait connected", "It is Connected."),
    ("offline", "There is no network now"),
    ("online", "The network is back."),
)


@pytest.mark.long
async def test_all_is_done_from_one_pipe_and_nothing_of_it_is_left(world: World) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "wa_supervisor",
        "playground",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=world.directory,
        env=world.environment(),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    said = ""
    try:
        for typed, answer in SCRIPT:
            heard = ""
            process.stdin.write(f"{typed}\n".encode())
            async with asyncio.timeout(40):
                while not re.search(answer if "|" in answer else re.escape(answer), heard):
                    line = (await process.stdout.readline()).decode()
                    assert line, said
                    heard += line
                    said += line
        process.stdin.close()
        said += (await asyncio.wait_for(process.stdout.read(), 20)).decode()
        assert await asyncio.wait_for(process.wait(), 20) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert "Traceback" not in said
    assert "No real phone can scan its codes" in said
    assert said.rstrip().endswith("The playground is closed; nothing of it is left.")
    config = re.search(r"--config (\S+)", said)
    assert config is not None
    assert not Path(config[1]).parent.exists()
    world.canary.hear("the playground", said)


async def test_in_a_terminal_it_draws_its_code_and_ctrl_c_closes_it(world: World) -> None:
    async with on_terminal(world, 80, 30, "playground") as tty:
        await tty.shows(lambda text: "A code shows" in text)
        tty.type(b"qr\r")
        assert (await tty.code()).startswith("https://wa.me/")
        assert "No real phone can scan this code" in " ".join(tty.text.split())
        tty.type(b"scan\r")
        await tty.shows(lambda text: "Pairing -> Connected" in text)
        await asyncio.sleep(1)  # nothing happens any more: the signal itself must wake it
        tty.type(CTRL_C)
        assert await tty.exit(within=STOP_BOUND + 5) == 0
        assert "Traceback" not in tty.text
        assert "nothing of it is left" in tty.text


async def test_help_names_all_that_can_be_done(world: World) -> None:
    async with on_terminal(world, 80, 40, "playground", "--only-phone") as tty:
        await tty.shows(lambda text: "Start the session in another terminal" in text)
        tty.type(b"help\r")
        text = await tty.shows(lambda text: "(so does Ctrl-C)" in text)
        for act in ACTS.values():
            assert f"  {act.typed:16} {act.meaning}" in text
        assert max(map(len, text.splitlines())) <= 80
        tty.type(b"quit\r")
        assert await tty.exit(within=STOP_BOUND + 5) == 0


async def test_a_session_that_gives_up_ends_the_demo_at_once_and_says_why() -> None:
    trail = Trail()
    fields: dict[str, Any] = dict.fromkeys(StepRecord.model_fields)
    given = {"after": "GaveUp", "reason": "client_unusable", "detail": "neonize is not installed"}
    trail.step(StepRecord.model_construct(None, **(fields | given)))
    with pytest.raises(StoryBroke, match=r"gave up: neonize cannot be used .*not installed"):
        await trail.reach("Pairing")
