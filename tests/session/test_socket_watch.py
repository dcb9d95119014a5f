"""The watch of a client's socket, with real sockets and in place of the client one who counts."""

from __future__ import annotations

import socket
import sys
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from wa_supervisor.session.child import socket_watch
from wa_supervisor.session.child.socket_watch import LOOKS, SocketWatch
from wa_supervisor.session.shared.neonize_texts import Event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it looks each second")

LOOK = 0.01
SECONDS = 5.0


class Client:
    """What the watch asks."""

    def __init__(self) -> None:
        self.looks = 0
        self.has_socket = True

    @property
    def is_connected(self) -> bool:
        self.looks += 1
        return self.has_socket


class World:
    """A watch that has nothing to do: its looks have found the socket, and it sleeps."""

    def __init__(self, ours: socket.socket, peer: socket.socket) -> None:
        self.ours, self.peer = ours, peer
        self.client = Client()
        self.lost = threading.Event()
        self.watch = SocketWatch(self.client, self.lost.set)
        self.watch.begin()
        self.settle()

    def settle(self) -> None:
        """Wait until no look has come for ten times the pause between two."""
        while True:
            seen = self.client.looks
            time.sleep(10 * LOOK)
            if self.client.looks == seen >= LOOKS:
                return


def within(holds: Callable[[], bool]) -> bool:
    end = time.monotonic() + SECONDS
    while not holds() and time.monotonic() < end:
        time.sleep(LOOK)
    return holds()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(socket_watch, "LOOK_SECONDS", LOOK)
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        ours = socket.create_connection(server.getsockname())
        peer, _ = server.accept()
        with closing(ours), closing(peer):
            world = World(ours, peer)
            yield world
            world.watch.end()


def test_the_client_is_not_asked_while_nothing_happens(world: World) -> None:
    seen = world.client.looks
    time.sleep(0.3)
    assert world.client.looks == seen


def test_a_connection_that_the_peer_ends_is_lost_after_so_many_looks(world: World) -> None:
    world.client.has_socket = False
    seen = world.client.looks
    world.peer.close()
    assert world.lost.wait(SECONDS)
    assert world.client.looks == seen + LOOKS


def test_one_that_whatsmeow_redials_is_not_lost(world: World) -> None:
    world.client.has_socket = False
    world.watch.note(Event.DISCONNECTED)
    world.peer.close()
    assert not world.lost.wait(0.3)
    world.watch.note(Event.CONNECTED)
    assert world.lost.wait(SECONDS)


def test_a_line_of_the_log_brings_the_looks_back_and_they_end_again(world: World) -> None:
    seen = world.client.looks
    world.watch.rouse()
    assert within(lambda: world.client.looks > seen)
    world.settle()


def test_a_connection_that_go_closes_without_a_word_is_noticed(
    monkeypatch: pytest.MonkeyPatch, world: World
) -> None:
    monkeypatch.setattr(socket_watch, "QUIET_SECONDS", 0.05)
    world.watch.rouse()  # the quiet that has begun is as long as it was
    world.settle()
    world.client.has_socket = False
    world.ours.close()
    assert world.lost.wait(SECONDS)


def test_a_connection_that_stays_half_closed_brings_the_looks_back_once(world: World) -> None:
    world.peer.shutdown(socket.SHUT_WR)
    world.settle()
    seen = world.client.looks
    time.sleep(0.3)
    assert world.client.looks == seen
