"""A real supervisor on real files, whose session process a test plays, and its page."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from pydantic import SecretStr

from e2e.processes import until
from wa_supervisor import Settings, Supervisor
from wa_supervisor.lifecycle import facts
from wa_supervisor.page_address import Address
from wa_supervisor.testing import PlayedLink
from wa_supervisor.web.access import Access, Scope, Tokens
from wa_supervisor.web.app import make_app
from wa_supervisor.web.watched import Watched

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

PAYLOAD = "https://wa.me/settings/linked_devices#CANARY-QR"
HERE = "http://127.0.0.1:8765"


@dataclass
class Site:
    """The page of one session, and browsers that ask it."""

    link: PlayedLink
    session: Supervisor
    watched: Watched
    access: Access
    transport: httpx.ASGITransport
    clients: list[httpx.AsyncClient] = field(default_factory=list)

    def browser(self, **headers: str) -> httpx.AsyncClient:
        """Somebody whom nobody knows."""
        client = httpx.AsyncClient(
            transport=self.transport, base_url=HERE, headers={"origin": HERE} | headers
        )
        self.clients.append(client)
        return client

    def program(self, scope: Scope) -> httpx.AsyncClient:
        """A program with the token of this scope."""
        token = self.access.tokens.by_scope[scope]
        client = self.browser(authorization=f"Bearer {token}")
        del client.headers["origin"]
        return client

    async def reach(self, state: str) -> None:
        await until(lambda: self.session.status.state.value == state)

    async def offer(self, payload: str = PAYLOAD, lifetime: float = 60.0) -> None:
        """Let the session process show a QR, and wait until it does."""
        self.link.post(facts.QrOffered(self.link.generation, SecretStr(payload), lifetime))

        def shows() -> bool:
            code = self.session.shown_code()
            return code is not None and code.text.get_secret_value() == payload

        await until(shows)

    async def connect(self) -> None:
        await self.offer()
        self.link.post(facts.PairSucceeded(self.link.generation))
        self.link.post(facts.Connected(self.link.generation))
        await self.reach("Connected")


def played(tmp_path: Path, link: PlayedLink, **settings: Any) -> Supervisor:
    made = Settings(data_dir=tmp_path, session="shop", **settings)
    return Supervisor(made, sinks=[], link=link.make)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """A session that has begun, and dials."""
    link = PlayedLink()
    session = played(tmp_path, link)
    watched = Watched({"shop": session})
    watched.look()
    access = Access(Tokens.read(tmp_path / "web"))
    app = make_app(watched, access, Address.parse("127.0.0.1:8765"))
    async with session:
        made = Site(link, session, watched, access, httpx.ASGITransport(app))
        await until(lambda: bool(link.specs))
        yield made
        for client in made.clients:
            await client.aclose()
