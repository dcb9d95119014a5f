"""`run --web` in a real browser, with the real client: from the first code to a relink."""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from e2e.browser import browsing, tab
from e2e.processes import until
from wa_supervisor.control import Order, ask

if TYPE_CHECKING:
    from e2e.harness import World
    from e2e.runs import Command

pytestmark = pytest.mark.e2e


def _port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _served(
    world: World, scope: str = "operate", **variables: Any
) -> tuple[Command, str, str]:
    """Start the command with its page; give it, the page's origin and a token."""
    port = _port()
    service = world.command("--web", f":{port}", **variables)
    await service.reach("Pairing")
    file = world.data_dir / "web" / f"{scope}.token"
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


FOLLOWER = """
import json, sys, urllib.request
asked = urllib.request.Request(sys.argv[1], headers={"Authorization": "Bearer " + sys.argv[2]})
with urllib.request.urlopen(asked) as stream:
    for line in stream:
        if line.startswith(b"data: "):
            print(json.loads(line[6:])["text"], flush=True)
"""


async def test_a_program_over_http_that_is_killed_mid_stream_loses_nothing(world: World) -> None:
    service, origin, token = await _served(world, "messages", WA_SUPERVISOR_GATE__DIRECT="open")
    phone = (await world.server.phone().scan(await service.code())).phone
    await service.reach("Connected")
    ann = world.server.contact("Ann")
    texts = [f"message number {number}" for number in range(40)]
    for text in (*texts, "all of them"):
        world.canary.learn_message(text, ann.number)
    reader = f"{origin}/api/v1/sessions/default/readers/bot"
    follower = await asyncio.create_subprocess_exec(
        sys.executable, "-c", FOLLOWER, f"{reader}/stream", token, stdout=asyncio.subprocess.PIPE
    )
    assert follower.stdout is not None
    headers = {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(headers=headers, timeout=30) as client:
        await until(lambda: ask(world.files(), Order.STATUS).received.readers == {"bot": 0}, 30)  # type: ignore[union-attr]
        for text in texts[:20]:
            ann.say(phone, text)
        seen = [(await follower.stdout.readline()).decode().strip() for _ in range(5)]
        follower.kill()
        for text in texts[20:]:
            ann.say(phone, text)
        await follower.wait()
        assert seen == texts[:5]

        found: list[dict[str, Any]] = []
        while len(found) < len(texts):
            answer = await client.get(f"{reader}/messages", params={"wait": 20, "limit": 7})
            batch = answer.json()["messages"]
            assert batch, f"{len(found)} came, and no more"
            numbers = {"numbers": [each["number"] for each in batch]}
            assert (await client.post(f"{reader}/acknowledge", json=numbers)).status_code == 204
            found += batch
        assert [each["text"] for each in found] == texts
        assert all(each["redelivered"] for each in found[:5])
        assert not found[-1]["redelivered"]

        said = {"to": found[-1]["chat"], "text": "all of them", "key": "k"}
        said["reply_to"] = str(found[-1]["number"])
        api = f"{origin}/api/v1/sessions/default/messages"
        first, again = [(await client.post(api, json=said)).json() for _ in range(2)]
        assert first == again
    heard = await ann.next_message()
    assert (heard.id, heard.text) == (first["id"], "all of them")
    assert heard.content.quoted == found[-1]["id"]
    assert token not in service.stderr
    await service.stop()
