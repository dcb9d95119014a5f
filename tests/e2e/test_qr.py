"""`wa-supervisor qr`: the code of a supervisor that runs elsewhere, in this terminal."""

from __future__ import annotations

import asyncio
import stat
from typing import TYPE_CHECKING

import pytest

from e2e.processes import until
from e2e.tty import CTRL_C, on_terminal, said_by
from pairing.eyes import picture_in, read
from wa_supervisor.control import ask_code

if TYPE_CHECKING:
    from e2e.harness import World

pytestmark = pytest.mark.e2e


def _qr(world: World, *arguments: str) -> list[str]:
    return ["qr", "--data-dir", str(world.data_dir), *arguments]


async def test_the_code_of_a_service_is_shown_at_80x24_until_it_is_scanned(world: World) -> None:
    service = world.command()
    await service.reach("Pairing")
    async with on_terminal(world, 80, 24, *_qr(world)) as tty:
        code = await tty.code()
        assert code == (await service.code()).get_secret_value()
        text = await tty.shows(lambda text: "New code in" in text)
        assert "default: Pairing" in text
        await world.server.phone().scan(code)
        assert await tty.exit(within=15) == 0
        assert "default: paired and connected." in tty.text
        assert read(tty.picture("dark")) == []
    await service.reach("Connected")


async def test_a_code_that_is_replaced_or_gone_is_so_here_too(world: World) -> None:
    service = world.command(backoff=2)
    await service.reach("Pairing")
    async with on_terminal(world, 80, 24, *_qr(world)) as tty:
        first = await tty.code()
        service.kill()
        await tty.shows(lambda text: "next dial in" in text)
        await until(lambda: read(tty.picture("dark")) == [])
        await service.reach("Pairing")
        second = await tty.code()
        assert second != first
        tty.type(CTRL_C)
        assert await tty.exit(within=5) == 130
        assert "Traceback" not in tty.text
        assert "Aborted" not in tty.text


async def test_a_pair_code_is_shown_so_too(world: World) -> None:
    number = "15550007777"
    phone = world.server.phone(number)
    service = world.command("--phone", number)
    await service.reach("Pairing")
    async with on_terminal(world, 80, 24, *_qr(world)) as tty:
        text = await tty.shows(lambda text: "Pair code: " in text)
        code = text.partition("Pair code: ")[2].split()[0]
        world.canary.learn_code(code)
        tty.written = tty.written.replace(code, "<shown where it was asked for>")
        await phone.enter_code(code)
        assert await tty.exit(within=15) == 0
        tty.written = tty.written.replace(code, "<shown where it was asked for>")


async def test_as_an_image_it_is_private_and_gone_at_the_end(world: World) -> None:
    service = world.command()
    await service.reach("Pairing")
    image = world.directory / "there.png"
    saying = asyncio.create_task(said_by(world, "qr", "--png", str(image)))
    await until(image.exists)
    (code,) = read(picture_in(image))
    assert stat.S_IMODE(image.stat().st_mode) == 0o600
    await world.server.phone().scan(code)
    said = await asyncio.wait_for(saying, 15)
    assert f"The QR is in {image}" in said
    assert "paired and connected" in said
    assert not image.exists()


async def test_without_a_terminal_or_a_supervisor_it_says_what_to_type(world: World) -> None:
    assert "no supervisor runs" in await said_by(world, "qr")
    service = world.command()
    await service.reach("Pairing")
    said = await said_by(world, "qr")
    assert "this is no terminal" in said
    assert f"try: wa-supervisor qr --data-dir {world.data_dir} --png wa-qr.png" in said


async def test_only_whoever_asks_is_told_and_nothing_else_shows_it(world: World) -> None:
    service = world.command()
    await service.reach("Pairing")
    code = (await service.code()).get_secret_value()
    status, shown = await asyncio.to_thread(ask_code, world.files())
    assert shown is not None
    assert shown.text.get_secret_value() == code
    assert 0 < shown.left <= 60
    for text in (repr(shown), str(shown), shown.model_dump_json(), status.model_dump_json()):
        assert code not in text
    await world.server.phone().scan(code)
    await service.reach("Connected")
    assert (await asyncio.to_thread(ask_code, world.files()))[1] is None
