from __future__ import annotations

import asyncio
import socket

import pytest

from wa_loopback import LoopbackError, LoopbackServer, NotLoopback
from wa_loopback.listener import Listener


def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"hello")
    writer.close()


async def greeting(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        return await asyncio.wait_for(reader.read(), 5)
    finally:
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "10.0.0.1", "localhost", ""])
def test_an_address_others_could_reach_is_refused(host: str) -> None:
    with pytest.raises(NotLoopback) as caught:
        LoopbackServer(host=host)
    assert isinstance(caught.value, LoopbackError)
    assert caught.value.hint


async def test_a_port_is_chosen_and_kept_while_closed() -> None:
    listener = Listener("127.0.0.1", 0, greet)
    listener.open()
    try:
        port = listener.port
        assert await greeting(port) == b"hello"
        listener.close()
        with pytest.raises(ConnectionRefusedError):
            await greeting(port)
        with socket.socket() as thief, pytest.raises(OSError, match="in use"):
            thief.bind(("127.0.0.1", port))
        listener.open()
        assert listener.port == port
        assert await greeting(port) == b"hello"
    finally:
        listener.release()


async def test_opening_and_closing_twice_is_harmless() -> None:
    listener = Listener("127.0.0.1", 0, greet)
    listener.close()
    listener.open()
    listener.open()
    assert await greeting(listener.port) == b"hello"
    listener.close()
    listener.close()
    listener.release()
    listener.release()


async def test_a_released_port_is_free_again() -> None:
    listener = Listener("127.0.0.1", 0, greet)
    listener.open()
    listener.release()
    with socket.socket() as heir:
        heir.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        heir.bind(("127.0.0.1", listener.port))


async def test_small_answers_are_not_held_back() -> None:
    """Two in a row took 40 ms with Nagle's algorithm: the client acknowledges the first late."""
    options: list[int] = []

    def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sock = writer.get_extra_info("socket")
        options.append(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        greet(reader, writer)

    listener = Listener("127.0.0.1", 0, take)
    listener.open()
    try:
        assert await greeting(listener.port) == b"hello"
    finally:
        listener.release()
    assert options == [1]
