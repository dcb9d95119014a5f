"""What a person sees of `run` and `demo` in a terminal."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from e2e.runs import STOP_BOUND
from e2e.tty import CTRL_C, on_terminal, run_arguments
from pairing.eyes import THEMES, read
from wa_supervisor.cli.demo.script import EXPECTED

if TYPE_CHECKING:
    from e2e.harness import World

pytestmark = pytest.mark.e2e

TOO_SMALL = "The QR needs a terminal of"


async def test_a_qr_is_drawn_scanned_and_gone(world: World) -> None:
    async with on_terminal(world, 100, 50, *run_arguments(world)) as tty:
        code = await tty.code()
        assert code.startswith("https://wa.me/settings/linked_devices#")
        assert "default: Pairing" in tty.text
        for theme in THEMES:
            assert read(tty.picture(theme)) == [code]
        await world.server.phone().scan(code)
        await tty.shows(lambda text: text.splitlines()[-1].startswith("default: Connected"))
        assert read(tty.picture("dark")) == []
        assert "█" not in tty.text
        tty.type(CTRL_C)
        assert await tty.exit(within=STOP_BOUND) == 0
        assert "Traceback" not in tty.text


async def test_a_qr_is_there_at_80x24_and_where_it_cannot_be_it_says_so(world: World) -> None:
    async with on_terminal(world, 80, 24, *run_arguments(world)) as tty:
        code = await tty.code()
        assert "default: Pairing" in tty.text
        for theme in THEMES:
            assert read(tty.picture(theme)) == [code]
        tty.become(50, 20)
        text = await tty.shows(lambda text: TOO_SMALL in text)
        assert "this one has 50 and 20" in " ".join(text.split())
        unbroken = "".join(text.split())
        assert f"wa-supervisorqr--data-dir{world.data_dir}" in unbroken
        assert "--phone-" in unbroken
        assert max(map(len, text.splitlines())) <= 80
        assert read(tty.picture("dark")) == []
        tty.become(100, 50)
        assert (await tty.code()).startswith("https://wa.me/")
        assert TOO_SMALL not in tty.text
        tty.become(80, 24)
        code = await tty.code()
        await world.server.phone().scan(code)
        await tty.shows(lambda text: text.splitlines()[-1].startswith("default: Connected"))
        assert read(tty.picture("dark")) == []
        tty.type(CTRL_C)
        assert await tty.exit(within=STOP_BOUND) == 0


async def test_a_wait_is_counted_down(world: World) -> None:
    world.server.refuse()
    async with on_terminal(
        world, 80, 24, *run_arguments(world), WA_SUPERVISOR_POLICY__BACKOFF__BASE="8"
    ) as tty:
        text = await tty.shows(lambda text: "next dial in 6 s" in text)
        (line,) = [line for line in text.splitlines() if "next dial in" in line]
        assert line.startswith("default: Backoff, retry 1, next dial in 6 s - WhatsApp could not")
        assert len(line) <= 80
        await tty.shows(lambda text: "next dial in 5 s" in text)
        tty.type(CTRL_C)
        assert await tty.exit(within=STOP_BOUND) == 0


async def test_a_pair_code_is_shown_to_be_typed(world: World) -> None:
    number = "15550007777"
    phone = world.server.phone(number)
    async with on_terminal(world, 80, 24, *run_arguments(world, "--phone", number)) as tty:
        text = await tty.shows(lambda text: "Pair code: " in text)
        code = text.partition("Pair code: ")[2].split()[0]
        assert len(code) == len("ABCD-EFGH")
        assert "Link with phone number instead" in text
        await phone.enter_code(code)
        await tty.shows(lambda text: text.splitlines()[-1].startswith("default: Connected"))
        assert code not in tty.text
        tty.type(CTRL_C)
        assert await tty.exit(within=STOP_BOUND) == 0
        tty.written = tty.written.replace(code, "<shown where it was asked for>")
        world.canary.learn_code(code)


async def test_a_refused_session_names_its_holder_on_the_screen(world: World) -> None:
    run = world.start()
    await run.reach("Pairing")
    async with on_terminal(world, 80, 24, *run_arguments(world)) as tty:
        assert await tty.exit(within=30) == 3
        assert "is already supervised by pid" in tty.text
        assert "try: `wa-supervisor stop --data-dir" in tty.text


# -- the demo --------------------------------------------------------------------------------------

STORY = f"Every expected state was reached: {' -> '.join(EXPECTED)}."


def _unwrapped(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.long
@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (100, 50)])
async def test_the_demo_tells_its_story_in_a_terminal_and_leaves_all_of_it_there(
    world: World, columns: int, rows: int
) -> None:
    async with on_terminal(world, columns, rows, "demo") as tty:
        assert (await tty.code()).startswith("https://wa.me/")
        await tty.shows(lambda text: "The loopback phone will scan the QR" in text)
        await tty.shows(lambda text: "Backoff" in text and "Purging" in text)
        assert await tty.exit(within=60) == 0
        assert STORY in _unwrapped(tty.text)
        assert "Only this demo's own phone can scan this code" in tty.written
        assert "WhatsApp > Settings" not in tty.written
        for sentence in ("A new session", "a fresh QR comes by itself", "Go panic", "That is all"):
            assert sentence in tty.text
        assert "Traceback" not in tty.text
        assert read(tty.picture("dark")) == []


@pytest.mark.long
async def test_the_piped_demo_is_plain_lines_in_order(world: World) -> None:
    demo = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "wa_supervisor",
        "demo",
        "--fast",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=world.directory,
        env=world.environment(),
    )
    out, error = await asyncio.wait_for(demo.communicate(), 60)
    world.canary.hear("the demo's output", (out + error).decode())
    assert demo.returncode == 0, error.decode()
    text = out.decode()
    assert "\x1b" not in text
    assert "█" not in text
    assert error == b""
    assert text.splitlines()[-1].endswith(STORY)
    position = 0
    for sentence in (
        "A new session",
        "Init -> Pairing",
        "Pairing -> Connected",
        "Connected -> LoggedOut",
        "LoggedOut -> Purging",
        "Purging -> Backoff",
        "Backoff -> Init",
        "Init -> Pairing",
        "Pairing -> Connected",
        "Somebody writes",
        "the bot answers: You said: Are you there?",
        "Go panic",
        "Connected -> Backoff",
        "Init -> Connected",
        "the bot answers: You said: And now?",
        "Connected -> Stopped",
    ):
        position = text.index(sentence, position) + 1


async def test_an_interrupted_demo_says_so_and_calls_it_no_failure(world: World) -> None:
    async with on_terminal(world, 80, 24, "demo") as tty:
        await tty.code()
        tty.type(CTRL_C)
        assert await tty.exit(within=STOP_BOUND + 2) == 130
        assert "Stopped before its end" in tty.text
        assert "failed" not in tty.text
        assert "Traceback" not in tty.text
