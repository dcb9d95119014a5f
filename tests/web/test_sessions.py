"""Several sessions on one page, and what the gate of one has refused."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import httpx
from pydantic import SecretStr

from e2e.processes import until
from wa_supervisor import Settings
from wa_supervisor.lifecycle import facts
from wa_supervisor.page_address import Address
from wa_supervisor.testing import FakeSession
from wa_supervisor.web.access import Access, Scope, Tokens
from wa_supervisor.web.app import make_app
from wa_supervisor.web.watched import Watched

if TYPE_CHECKING:
    from pathlib import Path

STRANGER = "+4917655555555"
FRIEND = "+4915112345678"


def _asking(sessions: dict[str, FakeSession], tmp_path: Path, scope: Scope) -> httpx.AsyncClient:
    access = Access(Tokens.read(tmp_path / "web"))
    app = make_app(Watched(sessions), access, Address.parse(":8765"))
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://127.0.0.1:8765",
        headers={"authorization": f"Bearer {access.tokens.by_scope[scope]}"},
    )


async def test_those_that_need_a_person_are_on_top(tmp_path: Path) -> None:
    sessions = {
        "fine": FakeSession(Settings(session="fine")),
        "lost": FakeSession(Settings(session="lost"), connects=False),
    }
    async with contextlib.AsyncExitStack() as stack:
        for session in sessions.values():
            await stack.enter_async_context(session)
        await sessions["fine"].settle()
        payload = SecretStr("CANARY")
        await sessions["lost"].hear(facts.QrOffered, payload=payload, lifetime=60.0)
        client = await stack.enter_async_context(_asking(sessions, tmp_path, Scope.VIEW))
        page = (await client.get("/")).text
        assert "2 sessions, 1 connected" in page
        assert page.index('href="/s/lost"') < page.index('href="/s/fine"')
        assert "(1) Sessions" in page
        assert "CANARY" not in page
        found = (await client.get("/api/v1/sessions")).json()
        assert [each["session"] for each in found] == ["lost", "fine"]
        ready = await client.get("/readyz")
        assert ready.status_code == 503
        assert list(ready.json()["why_not"]) == ["lost"]


async def test_whom_the_gate_refused_is_allowed_by_a_button(tmp_path: Path) -> None:
    session = FakeSession(Settings(gate={"allow": [FRIEND]}))
    got: list[str | None] = []

    async def read() -> None:
        async for message in session.messages():
            got.append(message.text)  # noqa: PERF401 - as each comes, without an end

    async with session:
        reading = asyncio.create_task(read())
        await session.settle()
        await session.receive("CANARY words", sender=STRANGER)
        viewer = _asking({"default": session}, tmp_path, Scope.VIEW)
        operator = _asking({"default": session}, tmp_path, Scope.OPERATE)
        async with viewer, operator:
            seen = (await viewer.get("/")).text
            assert "does not name the sender" in seen
            assert STRANGER not in seen
            page = (await operator.get("/")).text
            assert STRANGER in page
            assert "Allow this sender" in page
            assert "CANARY" not in page
            answer = await operator.post("/s/default/allow", data={"entry": STRANGER})
            assert answer.status_code == 303
            await session.receive("hello again", sender=STRANGER)
            await until(lambda: "hello again" in got)
            assert "Allow this sender" not in (await operator.get("/")).text
        reading.cancel()
