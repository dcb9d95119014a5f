"""`run --web` in a real browser, with the real client: from the first code to a relink."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from e2e.browser import browsing, tab
from e2e.processes import until

if TYPE_CHECKING:
    from e2e.harness import World
    from e2e.runs import Command

pytestmark = pytest.mark.e2e


def _port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _served(world: World) -> tuple[Command, str, str]:
    """Start the command with its page; give it, the page's origin and the operator's token."""
    port = _port()
    service = world.command("--web", f":{port}")
    await service.reach("Pairing")
    file = world.data_dir / "web" / "operate.token"
    await until(file.exists)
    return service, f"http://127.0.0.1:{port}", file.read_text().strip()


@pytest.mark.long
async def test_a_person_pairs_by_the_page_loses_the_account_and_relinks(world: World) -> None:
    service, origin, token = await _served(world)
    async with browsing() as browser, tab(browser, origin) as person:
        await person.log_in(token)
        await person.page.evaluate("window.loadedOnce = true")
        await person.says("Scan the code with the phone")
        first = await person.code()
        assert first == (await service.code()).get_secret_value()
        assert await person.violations() == []

        device = await world.server.phone().scan(first)
        await person.says("All is well")
        assert await person.page.locator("#qr").count() == 0
        assert await person.violations() == []

        await device.phone.remove(device)
        await person.says("Scan the code with the phone")
        second = await person.code()
        assert second != first
        await world.server.phone().scan(second)
        await person.says("All is well")
        assert await person.page.evaluate("window.loadedOnce") is True  # never loaded again

        await person.page.fill("#relink-name", "wrong")
        await person.page.click("button:has-text('Relink')")
        await person.page.wait_for_selector("[role=alert]:has-text('Nothing was done')")
        await person.page.fill("#relink-name", "default")
        await person.page.click("button:has-text('Relink')")
        await person.says("Scan the code with the phone")
        assert await person.code() not in {first, second}

        await person.page.click("button:has-text('Make a link')")
        link = await person.page.input_value("#made-link")
        async with tab(browser, origin, color_scheme="dark", is_mobile=True) as owner:
            await owner.page.goto(link)
            assert await owner.violations() == []
            await owner.page.click("button:has-text('Open')")
            await owner.says("Link your phone")
            third = await owner.code()
            assert await owner.violations() == []
            await world.server.phone().scan(third)
            await owner.says("It is linked")
            assert await owner.page.locator("text=What happened").count() == 0
            assert (owner.complaints, owner.outside) == ([], [])
        await person.says("All is well")
        # A refused confirmation is an answer of 409, which Chromium notes.
        assert [each for each in person.complaints if "409" not in each] == []
        assert person.outside == []

        await person.page.fill("#stop-name", "default")
        await person.page.click("button:has-text('Stop')")
        assert await service.exit(within=15) == 0
    assert token not in service.stderr


async def test_a_strangers_browser_is_refused(world: World) -> None:
    service, origin, token = await _served(world)
    foreign = f"http://evil.example:{origin.rpartition(':')[2]}"
    async with browsing("--host-resolver-rules=MAP evil.example 127.0.0.1") as browser:
        async with tab(browser, origin) as stranger:
            for path in ("/", "/s/default", "/api/v1/sessions", "/login?code=guessed"):
                await stranger.page.goto(f"{origin}{path}")
                assert "What happened" not in await stranger.page.content()
            await stranger.page.click("button:has-text('Open')")
            await stranger.page.wait_for_selector("[role=alert]:has-text('was used')")
        async with tab(browser, foreign) as rebound:
            answer = await rebound.page.goto(f"{foreign}/login")
            assert answer is not None
            assert answer.status == 421
            await rebound.page.goto("about:blank")
            await rebound.page.set_content(
                f"<form method=post action='{origin}/s/default/stop'>"
                "<input name=confirm value=default><button>win</button></form>"
            )
            async with rebound.page.expect_response(f"{origin}/**") as moved:
                await rebound.page.click("button")
            assert (await moved.value).status == 403
        async with tab(browser, origin, java_script_enabled=False) as reader:
            await reader.log_in(token)
            assert "Pairing window closes" in await reader.page.content()
            shown = await reader.page.get_attribute("#qr", "src")
            assert shown is not None
            assert (await reader.page.request.get(f"{origin}{shown}")).ok
    assert not service.over.done()
    await service.stop()
