"""A program that holds a session: messages across reconnects, new processes and restarts of it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from e2e.fork_servers import CA_FILE
from e2e.processes import until
from wa_loopback import LoopbackServer
from wa_supervisor import PairingSettings, Settings, State, Supervisor
from wa_supervisor.session.parent.link import Endpoint, SessionLink

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from wa_supervisor.messages.delivery import Delivery
    from wa_supervisor.session.parent.fork_servers import ForkServers

pytestmark = pytest.mark.e2e

NUMBER = "15550001111"


class Program:
    """What embeds a supervisor: settings, and the QR's way to the phone."""

    def __init__(self, server: LoopbackServer, directory: Path, servers: ForkServers) -> None:
        self.server, self.directory, self.servers = server, directory, servers
        self.phone = server.phone(NUMBER)

    def settings(self, **gate: Any) -> Settings:
        endpoint = self.server.endpoint
        return Settings(
            session="shop",
            data_dir=self.directory,
            pairing=PairingSettings(qr=[]),
            endpoint=Endpoint(
                proxy=SecretStr(endpoint.proxy),
                ca_file=endpoint.ca_file,
                noise_root=endpoint.noise_root,
            ),
            gate={"direct": "open", **gate},
        )

    @contextlib.asynccontextmanager
    async def running(self, **gate: Any) -> AsyncIterator[Supervisor]:
        """Supervise the session, and scan its QR if one is shown."""

        def make(post: Any, **options: Any) -> SessionLink:
            return SessionLink(post, launcher=self.servers, **options)

        phone = self.phone

        class Scan:
            async def show_qr(self, payload: SecretStr, lifetime: float) -> None:
                del lifetime
                await phone.scan(payload)

            async def show_code(self, code: SecretStr, lifetime: float) -> None:
                raise NotImplementedError

            async def hide(self) -> None:
                pass

            async def close(self) -> None:
                pass

        async with Supervisor(self.settings(**gate), sinks=[Scan()], link=make) as session:
            yield session

    async def settled(self) -> None:
        """Wait until WhatsApp was told of everything that it sent."""
        await until(lambda: not len(self.phone.devices[0].mailbox))


@pytest.fixture
async def server() -> AsyncIterator[LoopbackServer]:
    async with LoopbackServer(ca_file=CA_FILE) as running:
        yield running


@pytest.fixture
def program(server: LoopbackServer, tmp_path: Path, fork_servers: ForkServers) -> Program:
    return Program(server, tmp_path, fork_servers)


async def take(messages: AsyncIterator[Delivery], count: int) -> list[str]:
    async with asyncio.timeout(20):
        return [(await anext(messages)).text for _ in range(count)]


async def test_messages_go_on_across_a_kill_and_a_restart_and_none_comes_twice(
    program: Program,
) -> None:
    ann = program.server.contact("Ann")
    async with program.running() as session:
        messages = session.messages()
        await messages.begin()
        await session.wait_for(State.CONNECTED, timeout=30)
        ann.say(program.phone, "one")
        assert await take(messages, 1) == ["one"]
        ann.say(program.phone, "two")
        assert await take(messages, 1) == ["two"]
        ann.say(program.phone, "three")
        await program.settled()
    ann.say(program.phone, "four")
    async with program.running() as session:
        messages = session.messages()
        # "two" was in the program's hands and never acknowledged: it comes again, and says so.
        first = await asyncio.wait_for(anext(messages), 20)
        assert (first.text, first.redelivered) == ("two", True)
        assert await take(messages, 2) == ["three", "four"]


async def test_a_stranger_reaches_nobody_and_the_operator_sees_how_many(program: Program) -> None:
    ann, eve = program.server.contact("Ann"), program.server.contact("Eve")
    allowed = f"+{ann.jid.user}"
    async with program.running(direct="allowlist", allow=[allowed]) as session:
        messages = session.messages()
        await messages.begin()
        await session.wait_for(State.CONNECTED, timeout=30)
        eve.say(program.phone, "let me in")
        ann.say(program.phone, "hello")
        assert await take(messages, 1) == ["hello"]
        received = session.status.received
        assert received is not None
        assert received.refused == {"not_listed": 1}
        assert not eve.heard


async def test_messages_need_the_context_and_an_inbox(program: Program) -> None:
    async with program.running() as session:
        stream = session.messages()
        assert session.status.received is not None
        await stream.begin()
        with pytest.raises(Exception, match="reads as 'default' already"):
            await session.messages().begin()
