"""Notices a dial that makes one connection after the other without an end.

The library that opens whatsmeow's WebSocket follows redirects without a limit (coder/websocket
dial.go replaces the limit of Go's HTTP client): a server or a proxy that redirects the upgrade to
itself was dialled 2,630 times in 8 s, within what we count as one dial. There is no event and no
line in a log; what can be seen are the sockets of this process.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter, deque
from typing import TYPE_CHECKING, Final

from .sockets import connections

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT: Final = 30
"""Connections to one address within the window. Redials of whatsmeow are 2, 4, 6 ... s apart."""
WINDOW: Final = 10.0

_FAST_SECONDS: Final = 0.02
_SLOW_SECONDS: Final = 0.25
_FAST_FOR: Final = 2.0


class DialWatch:
    """Looks at the sockets of this process while a dial may be under way. On Linux only.

    `excessive` is called once, on a thread of the watch.
    """

    def __init__(self, excessive: Callable[[], None]) -> None:
        self._excessive = excessive
        self._dialling = threading.Event()
        self._since = 0.0
        if sys.platform == "linux":
            threading.Thread(target=self._look, daemon=True, name="dial-watch").start()

    def begin(self) -> None:
        """Look from now on: a dial begins, or whatsmeow will redial."""
        self._since = time.monotonic()
        self._dialling.set()

    def end(self) -> None:
        """Look no more: the dial has come to something."""
        self._dialling.clear()

    def _look(self) -> None:
        seen: deque[tuple[float, str, bytes]] = deque()
        while True:
            self._dialling.wait()
            now = time.monotonic()
            while seen and seen[0][0] < now - WINDOW:
                seen.popleft()
            known = {name for _, name, _ in seen}
            seen.extend((now, at.name, at.peer) for at in connections() if at.name not in known)
            if max(Counter(peer for *_, peer in seen).values(), default=0) > LIMIT:
                self._excessive()
                return
            fast = now - self._since < _FAST_FOR
            time.sleep(_FAST_SECONDS if fast else _SLOW_SECONDS)
