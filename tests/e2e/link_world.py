"""One session process of the real neonize, its link, and a loopback server, without the core."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import SecretStr

from e2e.fork_servers import CA_FILE
from wa_loopback import LoopbackServer
from wa_supervisor.lifecycle import facts
from wa_supervisor.session.parent.link import ChildSpec, Endpoint, SessionLink

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

    from wa_loopback import Connection
    from wa_supervisor.session.parent.fork_servers import ForkServers

_F = TypeVar("_F", bound=facts.ChildFact)


class LinkWorld:
    """A server, a link, and the facts that were posted."""

    def __init__(self, server: LoopbackServer, directory: Path, servers: ForkServers) -> None:
        self.server = server
        self.directory = directory
        self.fork_servers = servers
        self.heard: list[facts.ChildFact] = []
        self._inbox: asyncio.Queue[facts.ChildFact] = asyncio.Queue()
        self._generation = 0
        self.use(launcher=servers)

    def use(self, **options: Any) -> None:
        self.link = SessionLink(self._post, **options)

    def _post(self, fact: facts.ChildFact) -> None:
        self.heard.append(fact)
        self._inbox.put_nowait(fact)

    def endpoint(self, keepalive: float | None = None) -> Endpoint:
        endpoint = self.server.endpoint
        return Endpoint(
            proxy=SecretStr(endpoint.proxy),
            ca_file=endpoint.ca_file,
            noise_root=endpoint.noise_root,
            keepalive=keepalive,
        )

    async def start(
        self, name: str = "session", *, keepalive: float | None = None, **options: Any
    ) -> None:
        self._generation += 1
        await self.link.start(
            ChildSpec(
                session=name,
                database=self.directory / f"{name}.db",
                generation=self._generation,
                endpoint=self.endpoint(keepalive),
                **options,
            )
        )

    async def expect(self, kind: type[_F], within: float = 15.0) -> _F:
        """Return the next fact, which must be of this kind."""
        fact = await asyncio.wait_for(self._inbox.get(), within)
        assert isinstance(fact, kind), fact
        return fact

    async def pair(self, **options: Any) -> facts.QrOffered:
        await self.start(**options)
        qr = await self.expect(facts.QrOffered)
        await self.server.phone("15550001111").scan(qr.payload)
        await self.expect(facts.PairSucceeded)
        await self.expect(facts.Connected)
        return qr

    async def paired_connection(self, **options: Any) -> Connection:
        await self.pair(**options)
        return await self.server.wait_connected(self.server.phone("15550001111"))

    def kill(self) -> None:
        """SIGKILL the session process."""
        assert self.link.pid is not None
        os.kill(self.link.pid, signal.SIGKILL)

    async def stop(self, **how: bool) -> facts.ChildExited:
        begun = time.monotonic()
        await self.link.stop(**how)
        assert time.monotonic() - begun < 5
        return await self.expect(facts.ChildExited, 0.1)

    async def stop_early(self, **how: bool) -> None:
        """Stop what may not have begun."""
        begun = time.monotonic()
        await self.link.stop(**how)
        assert time.monotonic() - begun < 5
        fact = await asyncio.wait_for(self._inbox.get(), 0.1)
        assert isinstance(fact, facts.ChildExited | facts.StartRefused), fact


@contextlib.asynccontextmanager
async def link_world(
    directory: Path, monkeypatch: pytest.MonkeyPatch, fork_servers: ForkServers
) -> AsyncIterator[LinkWorld]:
    """A world whose end checks that every start was answered by one exit."""
    # Should an endpoint ever be forgotten, nothing is reached all the same.
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    async with LoopbackServer(ca_file=CA_FILE) as server:
        world = LinkWorld(server, directory, fork_servers)
        try:
            yield world
        finally:
            await world.link.aclose()
            ends = facts.ChildExited | facts.StartRefused
            exits = [fact.generation for fact in world.heard if isinstance(fact, ends)]
            assert exits == list(range(1, world._generation + 1))
