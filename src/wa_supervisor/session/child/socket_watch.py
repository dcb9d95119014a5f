"""Looks at the client's socket, which whatsmeow can lose without an event and without a redial.

One that closes before anything listens for it (`socket/noisesocket.go`, after the handshake), and
one that a 515 could not open again (`connectionevents.go`). And it says Connected, some requests
after the login, though the socket has closed meanwhile.
"""

from __future__ import annotations

import os
import select
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from ..shared.neonize_texts import GOES_ON, REDIALLED, Event
from .sockets import connections

if TYPE_CHECKING:
    from collections.abc import Callable

LOOK_SECONDS: Final = 1.0
LOOKS: Final = 5
"""Looks in a row that find no socket before the connection is called lost."""
QUIET_SECONDS: Final = 15.0
"""Between looks while nothing happens: no connection ends, no event comes, whatsmeow logs nothing.

Each of these brings the looks back at once, and one of them goes with every loss that is known. The
looks of a quiet time ask the kernel: a call into Go keeps that awake for a while.
"""

_CONFIRM_SECONDS: Final = 1.0


class SocketWatch:
    """Looks at a client's socket, once goneonize's event loop runs; asked earlier, Go may die.

    `lost` is called once, on a thread of the watch, when the socket is gone and nothing said so.
    """

    def __init__(self, client: Any, lost: Callable[[], None]) -> None:
        self._client = client
        self._lost = lost
        self._redials = False
        self._over = threading.Event()
        self._quiet = _Quiet() if sys.platform == "linux" else None
        self._looking = threading.Thread(target=self._look, daemon=True, name="socket-watch")

    def begin(self) -> None:
        """Begin to look, unless it has begun: goneonize has called back with an event."""
        if self._looking.ident is None:
            self._looking.start()

    def end(self) -> None:
        """Look no more: the client is stopped, or WhatsApp has ended the session."""
        self._over.set()
        self.rouse()

    def rouse(self) -> None:
        """Look for a while: something has happened."""
        if self._quiet is not None:
            self._quiet.end()

    def note(self, event: str) -> None:
        """Take note of an event: it says whether a lost socket will come back."""
        self._redials = event in REDIALLED
        if event not in GOES_ON:
            self.end()
        self.rouse()

    def confirm(self, report: Callable[[], None]) -> None:
        """Have a Connected reported if there is a socket that is logged in.

        The question waits for a dial that is under way. Then so does the report, not the caller.
        """

        def ask() -> None:
            if self._client.is_connected and self._client.is_logged_in:
                self.note(Event.CONNECTED)
                report()

        asking = threading.Thread(target=ask, daemon=True, name="confirm")
        asking.start()
        asking.join(_CONFIRM_SECONDS)

    def _look(self) -> None:
        missed = found = 0
        while not self._over.wait(LOOK_SECONDS):
            if self._redials or self._client.is_connected:
                missed, found = 0, found + 1
            else:
                missed, found = missed + 1, 0
            if missed == LOOKS:
                self._lost()
                return
            if found >= LOOKS and self._quiet is not None:
                self._quiet.wait()
                found = 0


class _Quiet:
    """A time in which every connection of this process stays as it is.

    The descriptors are Go's: polled they would be held open, and a copy would keep the peer from
    hearing that Go has closed its own. An epoll does neither. It forgets what Go closes, for which
    there are looks.
    """

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._ended = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._epoll.register(self._ended, select.EPOLLIN)

    def end(self) -> None:
        """End it now, or the next as soon as it begins."""
        os.eventfd_write(self._ended, 1)

    def wait(self) -> None:
        """Wait until it ends."""
        before = self._watched()
        while not (ended := self._epoll.poll(QUIET_SECONDS)):
            if self._watched() != before:
                return
        if any(descriptor == self._ended for descriptor, _ in ended):
            os.eventfd_read(self._ended)

    def _watched(self) -> frozenset[str]:
        """Name the connections that there are, from now on watched."""
        names = []
        for each in connections():
            names.append(each.name)
            with suppress(OSError):  # it is watched, or was closed meanwhile
                # Once: one that a bot leaves half closed would end every quiet at once.
                self._epoll.register(each.descriptor, select.EPOLLRDHUP | select.EPOLLONESHOT)
        return frozenset(names)
