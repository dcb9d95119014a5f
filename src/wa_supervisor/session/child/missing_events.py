"""What neonize leaves unsaid of a connection: heard in whatsmeow's log, seen in its socket.

A logout whose event is never delivered is in the log. whatsmeow can also lose its socket without an
event and without a redial: one that closes before anything listens for it (`socket/noisesocket.go`,
after the handshake), and one that a 515 could not open again (`connectionevents.go`). And it says
Connected, some requests after the login, though the socket has closed meanwhile.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

WHATSMEOW: Final = "whatsmeow.Client"
"""The logger to which neonize hands what whatsmeow's client logs."""

LOOK_SECONDS: Final = 1.0
LOOKS: Final = 5
"""Looks in a row that find no socket before the client is called mute."""

_CONFIRM_SECONDS: Final = 1.0
# After these whatsmeow redials by itself, for as long as it takes, and says Connected at the end.
_REDIALS: Final = frozenset({"Disconnected", "KeepAliveTimeout"})
_GOES_ON: Final = _REDIALS | {"PairStatus", "Connected", "KeepAliveRestored", "StreamError"}


class Overhear(logging.Handler):
    """Hears every line of a log, which goes nowhere from here."""

    def __init__(self, hear: Callable[[str], None]) -> None:
        super().__init__()
        self._hear = hear

    def emit(self, record: logging.LogRecord) -> None:
        """Hand the line over."""
        self._hear(record.getMessage())


class SocketWatch:
    """Looks at a client's socket, once goneonize's event loop runs; asked earlier, Go may die.

    `mute` is called once, on a thread of the watch, when the socket is gone and nothing said so.
    """

    def __init__(self, client: Any, mute: Callable[[], None]) -> None:  # noqa: ANN401 - untyped
        self._client = client
        self._mute = mute
        self._redials = False
        self._over = threading.Event()
        self._looking = threading.Thread(target=self._look, daemon=True, name="socket-watch")

    def begin(self) -> None:
        """Begin to look, unless it has begun: goneonize has called back with an event."""
        if self._looking.ident is None:
            self._looking.start()

    def end(self) -> None:
        """Look no more: the client is stopped, or WhatsApp has ended the session."""
        self._over.set()

    def said(self, event: str) -> None:
        """Take note of an event that is told: it says whether a lost socket will come back."""
        self._redials = event in _REDIALS
        if event not in _GOES_ON:
            self.end()

    def confirm(self, tell: Callable[[], None]) -> None:
        """Have a Connected told if there is a socket that is logged in.

        The question waits for a dial that is under way. Then so does the word, but not the caller.
        """

        def ask() -> None:
            if self._client.is_connected and self._client.is_logged_in:
                self.said("Connected")
                tell()

        asking = threading.Thread(target=ask, daemon=True, name="confirm")
        asking.start()
        asking.join(_CONFIRM_SECONDS)

    def _look(self) -> None:
        missed = 0
        while not self._over.wait(LOOK_SECONDS):
            missed = 0 if self._redials or self._client.is_connected else missed + 1
            if missed == LOOKS:
                self._mute()
                return
