"""Looks at the client's socket, which whatsmeow can lose without an event and without a redial.

One that closes before anything listens for it (`socket/noisesocket.go`, after the handshake), and
one that a 515 could not open again (`connectionevents.go`). And it says Connected, some requests
after the login, though the socket has closed meanwhile.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

from ..shared.neonize_texts import GOES_ON, REDIALLED, Event

if TYPE_CHECKING:
    from collections.abc import Callable

LOOK_SECONDS: Final = 1.0
LOOKS: Final = 5
"""Looks in a row that find no socket before the connection is called lost."""

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
        self._looking = threading.Thread(target=self._look, daemon=True, name="socket-watch")

    def begin(self) -> None:
        """Begin to look, unless it has begun: goneonize has called back with an event."""
        if self._looking.ident is None:
            self._looking.start()

    def end(self) -> None:
        """Look no more: the client is stopped, or WhatsApp has ended the session."""
        self._over.set()

    def note(self, event: str) -> None:
        """Take note of an event: it says whether a lost socket will come back."""
        self._redials = event in REDIALLED
        if event not in GOES_ON:
            self.end()

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
        missed = 0
        while not self._over.wait(LOOK_SECONDS):
            missed = 0 if self._redials or self._client.is_connected else missed + 1
            if missed == LOOKS:
                self._lost()
                return
