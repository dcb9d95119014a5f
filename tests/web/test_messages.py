"""Messages over HTTP, through a real server: batches, the stream, acknowledgements, and sending.

The session's lifecycle, inbox, gate and outbox are real; only WhatsApp is played.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from e2e.processes import until
from wa_supervisor import Settings
from wa_supervisor.page_address import Address
from wa_supervisor.remote.message_json import MessageRecord, message_json
from wa_supervisor.testing import FakeSession
from wa_supervisor.testing.fake_session import EVERYONE
from wa_supervisor.web import readers, server
from wa_supervisor.web.access import Scope, Tokens
from wa_supervisor.web.serving import serving
from web.test_server import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

FRIEND = "+4915112345678"
STRANGER = "+4917655555555"
API = "/api/v1/sessions/default"


@dataclass
class Service:
    """A session, its server, and programs that ask it."""

    session: FakeSession
    address: Address
    tokens: Tokens
    clients: contextlib.AsyncExitStack

    async def program(self, scope: Scope = Scope.MESSAGES) -> httpx.AsyncClient:
        bearer = {"authorization": f"Bearer {self.tokens.by_scope[scope]}"}
        made = httpx.AsyncClient(base_url=self.address.url + API, headers=bearer, timeout=30)
        return await self.clients.enter_async_context(made)

    @property
    def behind(self) -> dict[str, int]:
        received = self.session.status.received
        assert received is not None
        return received.readers


@contextlib.asynccontextmanager
async def served(tmp_path: Path, **settings: Any) -> AsyncIterator[Service]:
    session = FakeSession(Settings(**{"gate": EVERYONE} | settings))
    address = Address.parse(f"127.0.0.1:{free_port()}")
    async with (
        serving({"default": session}, address, tmp_path / "web"),
        session,
        contextlib.AsyncExitStack() as clients,
    ):
        await session.settle()
        yield Service(session, address, Tokens.read(tmp_path / "web"), clients)


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with served(tmp_path) as made:
        yield made


async def batch(client: httpx.AsyncClient, reader: str = "bot", **query: Any) -> list[Any]:
    answer = await client.get(f"/readers/{reader}/messages", params={"wait": 0} | query)
    assert answer.status_code == 200, answer.text
    found: list[Any] = answer.json()["messages"]
    return found


async def acknowledge(client: httpx.AsyncClient, *numbers: int, reader: str = "bot") -> int:
    said = {"numbers": numbers}
    return (await client.post(f"/readers/{reader}/acknowledge", json=said)).status_code


class Stream:
    """A program that follows the stream of a reader, over a socket of its own."""

    def __init__(self, service: Service, reader: str = "bot") -> None:
        self._service = service
        self._path = f"{API}/readers/{reader}/stream"
        self.socket = socket.socket()

    async def open(self, *, scope: Scope = Scope.MESSAGES, buffer: int | None = None) -> str:
        if buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.connect((self._service.address.host, self._service.address.port))
        self.socket.setblocking(False)
        netloc, token = self._service.address.url[7:], self._service.tokens.by_scope[scope]
        head = f"GET {self._path} HTTP/1.1\r\nHost: {netloc}\r\nAuthorization: Bearer {token}\r\n"
        self.socket.sendall(f"{head}\r\n".encode())
        self._lines = asyncio.StreamReader()
        return (await self.line()).split()[1]

    async def line(self) -> str:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(20):
            while b"\n" not in (seen := bytes(self._lines._buffer)):  # type: ignore[attr-defined]
                data = await loop.sock_recv(self.socket, 4096)
                assert data, f"it ended after {seen!r}"
                self._lines.feed_data(data)
            return (await self._lines.readline()).decode().rstrip()

    async def next(self) -> Any:
        while not (line := await self.line()).startswith("data: "):
            pass
        return json.loads(line.removeprefix("data: "))

    def kill(self) -> None:
        """End as a process that is killed: its kernel resets the connection."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


async def test_a_batch_is_what_was_not_acknowledged_as_listen_prints_it(service: Service) -> None:
    bot, session = await service.program(), service.session
    assert await batch(bot) == []
    other = session.messages("other")
    await other.begin()
    await session.receive("CANARY one", sender=FRIEND)
    await session.receive("two", sender=FRIEND, group="120363@g.us", mentions_me=True)
    first, second = await batch(bot)
    assert first == json.loads(message_json(await anext(other)))
    assert (first["text"], second["text"]) == ("CANARY one", "two")
    assert (first["redelivered"], second["is_group"]) == (False, True)
    assert [each["redelivered"] for each in await batch(bot)] == [True, True]
    assert [each["text"] for each in await batch(bot, limit=1)] == ["CANARY one"]
    assert await batch(bot, kind="image", reader="pictures") == []
    assert await acknowledge(bot, first["number"], 10**9) == 204
    assert [each["text"] for each in await batch(bot)] == ["two"]
    assert await acknowledge(bot, second["number"]) == 204
    assert (await batch(bot), service.behind["bot"]) == ([], 0)
    assert "CANARY" not in repr(MessageRecord.model_validate(first))
    assert "CANARY" not in str(MessageRecord.model_validate(first))


async def test_who_waits_gets_a_message_as_it_comes_and_no_answer_waits_for_ever(
    service: Service,
) -> None:
    bot = await service.program()
    assert await batch(bot, wait=0.05) == []
    waiting = asyncio.create_task(batch(bot, wait=30))
    await asyncio.sleep(0.1)
    await service.session.receive("at once", sender=FRIEND)
    async with asyncio.timeout(20):
        assert [each["text"] for each in await waiting] == ["at once"]
    for wait in (61, -1, "nan", "inf"):
        refused = await bot.get("/readers/bot/messages", params={"wait": wait})
        assert refused.status_code == 422


async def test_one_at_a_time_reads_under_a_name(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "BUSY_BOUND", 0.1)
    stream, bot = Stream(service), await service.program()
    assert await stream.open() == "200"
    busy = await bot.get("/readers/bot/messages?wait=0")
    assert busy.status_code == 409
    assert busy.json()["detail"]["code"] == "ReaderBusy"
    assert (await bot.get("/readers/bot/stream")).status_code == 409
    assert (await bot.delete("/readers/bot")).status_code == 409
    assert await batch(bot, reader="another") == []
    stream.kill()


async def test_a_stream_gives_each_message_once_until_its_program_is_killed(
    service: Service,
) -> None:
    stream, bot = Stream(service), await service.program()
    assert await stream.open() == "200"
    for text in ("one", "two", "three"):
        await service.session.receive(text, sender=FRIEND)
    found = [await stream.next() for _ in range(3)]
    assert [(each["text"], each["redelivered"]) for each in found] == [
        ("one", False),
        ("two", False),
        ("three", False),
    ]
    assert await acknowledge(bot, found[1]["number"]) == 204
    stream.kill()
    await service.session.receive("four", sender=FRIEND)
    again = Stream(service)
    assert await again.open() == "200"  # at once: the name is free
    found = [await again.next() for _ in range(3)]
    assert [(each["text"], each["redelivered"]) for each in found] == [
        ("one", True),
        ("three", True),
        ("four", False),
    ]
    again.kill()


async def test_a_program_that_reads_nothing_is_dropped_and_holds_up_nobody(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "SLOW", 0.3)
    deaf, bot = Stream(service), await service.program()
    await deaf.open(buffer=2048)
    assert await batch(bot, reader="another") == []
    for number in range(40):
        await service.session.receive(f"{number} {'x' * 60_000}", sender=FRIEND)
    assert len(await batch(bot, reader="another", limit=500)) == 40
    found = await batch(bot, wait=1, limit=500)  # the deaf one's name is free again
    assert len(found) == 40
    assert found[0]["redelivered"] is True
    deaf.kill()


async def test_a_program_that_vanishes_while_it_waits_frees_its_name(service: Service) -> None:
    bot = await service.program()
    waiting = asyncio.create_task(bot.get("/readers/bot/messages?wait=60"))
    await until(lambda: "bot" in service.behind)
    waiting.cancel()
    await asyncio.wait({waiting})
    await service.session.receive("hello", sender=FRIEND)
    async with asyncio.timeout(20):
        assert [each["text"] for each in await batch(bot)] == ["hello"]


async def test_messages_are_for_a_scope_of_their_own(service: Service) -> None:
    for scope in (Scope.VIEW, Scope.QR):
        client = await service.program(scope)
        for answer in (
            await client.get("/readers/bot/messages"),
            await client.get("/readers/bot/stream"),
            await client.delete("/readers/bot"),
            await client.post("/readers/bot/acknowledge", json={"numbers": [1]}),
            await client.post("/messages", json={"to": FRIEND, "text": "no"}),
        ):
            assert answer.status_code == 403
    assert service.behind == {}
    bot = await service.program()
    for path in ("/history", "/qr", "/gate", "/steps"):
        assert (await bot.get(path)).status_code == 403
    assert (await bot.get(f"{service.address.url}{API}")).status_code == 403
    assert (await bot.post("/stop")).status_code == 403
    token = service.tokens.by_scope[Scope.MESSAGES]
    login = await bot.post(f"{service.address.url}/login", data={"token": token})
    assert (login.status_code, "set-cookie" in login.headers) == (401, False)
    assert await batch(await service.program(Scope.OPERATE)) == []


async def test_a_reader_that_is_not_used_any_more_is_forgotten(service: Service) -> None:
    bot = await service.program()
    assert await acknowledge(bot, 1, reader="typo") == 404
    await batch(bot)
    assert list(service.behind) == ["bot"]
    assert (await bot.delete("/readers/bot")).status_code == 204
    assert service.behind == {}
    for name in ("-", "a b", "@bot", "x" * 65):
        assert (await bot.get(f"/readers/{name}/messages")).status_code == 422


async def test_whom_the_gate_refuses_is_not_served(tmp_path: Path) -> None:
    async with served(tmp_path, gate={"allow": [FRIEND]}) as service:
        bot = await service.program()
        await batch(bot)
        await service.session.receive("CANARY", sender=STRANGER)
        await service.session.receive("hello", sender=FRIEND)
        assert [each["text"] for each in await batch(bot)] == ["hello"]
        assert service.behind["bot"] == 1


async def test_an_answer_quotes_what_was_handed_out_and_is_sent_once_for_its_key(
    service: Service,
) -> None:
    bot = await service.program()
    await batch(bot)
    await service.session.receive("a question", sender=FRIEND, id="ASKED")
    (asked,) = await batch(bot)
    answer = {"to": asked["chat"], "text": "yes", "key": "k", "reply_to": str(asked["number"])}
    sent = [(await bot.post("/messages", json=answer)).json() for _ in range(2)]
    assert sent[0]["id"] == sent[1]["id"]
    (only,) = service.session.sent
    assert (only.text, only.reply_to) == ("yes", "ASKED")
    reused = await bot.post("/messages", json=answer | {"text": "no"})
    assert reused.status_code == 409
    assert reused.json()["detail"]["code"] == "KeyReused"
    unknown = await bot.post("/messages", json=answer | {"key": "l", "reply_to": "999"})
    assert unknown.status_code == 409
    service.session.log_out()
    await service.session.settle()
    offline = await bot.post("/messages", json={"to": FRIEND, "text": "CANARY"})
    assert offline.status_code == 409
    assert set(offline.json()["detail"]) == {"code", "message", "hint", "retriable"}
    assert "CANARY" not in offline.text


async def test_a_session_that_keeps_nothing_says_so(tmp_path: Path) -> None:
    async with served(tmp_path, inbox={"enabled": False}) as service:
        bot = await service.program()
        answer = await bot.get("/readers/bot/messages")
        assert answer.status_code == 409
        assert "inbox.enabled" in answer.text


async def test_the_end_of_the_session_is_the_end_of_those_who_wait(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with served(tmp_path) as service:
        bot, stream = await service.program(), Stream(service, "stream")
        assert await stream.open() == "200"
        waiting = asyncio.create_task(bot.get("/readers/bot/messages?wait=60"))
        await until(lambda: "bot" in service.behind)
        service.session.stop()
        async with asyncio.timeout(20):
            assert (await waiting).json() == {"messages": []}
    stream.kill()
    assert not [each for each in caplog.records if each.levelname in {"ERROR", "CRITICAL"}]
