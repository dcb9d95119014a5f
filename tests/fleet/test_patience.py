"""The second way to Postgres keeps a client waiting while there is none, and no longer."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from wa_supervisor.fleet.patience import PatientWay
from wa_supervisor.store.postgres.url import check_url

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from lab.postgres_server import Server

PLACES = {
    "postgres://me:p%40ss@db.example:6543/wa?sslmode=require": ("db.example", "6543"),
    "postgres://me:p%40ss@db.example/wa": ("db.example", "5432"),
    "postgres://me:p%40ss@[::1]:6543/wa": ("::1", "6543"),
    "postgres://me:p%40ss@/wa?host=/run/pg&port=6543": ("/run/pg", "6543"),
}


@pytest.mark.parametrize("url", PLACES)
async def test_a_client_tries_the_real_place_first_and_says_the_same_there(url: str) -> None:
    async with PatientWay(SecretStr(url)) as way:
        made = check_url(way.after(SecretStr(url))).get_secret_value()
    told, given = conninfo_to_dict(made), conninfo_to_dict(url)
    hosts, ports = str(told.pop("host")).split(","), str(told.pop("port")).split(",")
    assert (hosts[0], ports[0]) == PLACES[url]
    assert hosts[1] == "127.0.0.1"
    assert told == {name: value for name, value in given.items() if name not in {"host", "port"}}


async def test_a_url_with_several_hosts_is_left_as_it_is() -> None:
    url = SecretStr("postgres://me@/wa?host=a,b&port=1,2")
    async with PatientWay(url) as way:
        assert way.after(url) is url


async def test_who_comes_while_postgres_is_away_is_answered_once_it_is_back(
    postgres: SecretStr, postgres_server: Server
) -> None:
    async with PatientWay(postgres) as way:
        await asyncio.to_thread(postgres_server.stop)
        asking = asyncio.create_task(asyncio.to_thread(_ask, way.after(postgres)))
        try:
            await asyncio.sleep(0.5)
            assert not asking.done()
        finally:
            await asyncio.to_thread(postgres_server.start)
        assert await asyncio.wait_for(asking, 20) == 1


async def test_who_is_told_that_postgres_starts_waits_until_it_has() -> None:
    answers = [b"E\0\0\0\x20SFATAL\0C57P03\0Mstarting\0\0", b"R\0\0\0\x08\0\0\0\0"]
    async with _answering(answers) as port:
        url = SecretStr(f"postgres://me@127.0.0.1:{port}/wa")
        async with PatientWay(url) as way:
            own = str(conninfo_to_dict(way.after(url).get_secret_value())["port"]).split(",")[1]
            reader, writer = await asyncio.open_connection("127.0.0.1", int(own))
            writer.write(b"startup")
            assert await asyncio.wait_for(reader.read(100), 5) == b"R\0\0\0\x08\0\0\0\0"
            writer.close()
            await writer.wait_closed()
            await asyncio.sleep(0.2)  # the other side closes, too
    assert answers == []


def _ask(url: SecretStr) -> int:
    with psycopg.connect(url.get_secret_value(), connect_timeout=15) as connection:
        row = connection.execute("SELECT 1").fetchone()
        assert row is not None
        return int(row[0])


@contextlib.asynccontextmanager
async def _answering(answers: list[bytes]) -> AsyncIterator[int]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.read(100) == b"startup"
        writer.write(answers.pop(0))
        await writer.drain()
        if not answers:
            await reader.read()  # until the other side has closed
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1")
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
