"""Appends received messages to the inbox's log before anything else sees them.

neonize has told WhatsApp that a message was received before it calls back. What dies with this
process from then on is lost, so the first thing that happens to its bytes is one `write()`.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

from ...messages.log import Outcome
from ...messages.record import LATE
from ..shared.neonize_texts import MessageEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ...messages.log import LogWriter

_NEWS_SECONDS: Final = 0.01
"""Between two words to the supervisor that there is more: a burst is one word."""
_NO_ROOM_SECONDS: Final = 0.1


class Tap:
    """Takes what neonize hands over, on the thread that neonize calls back on.

    `news` is called when the log has grown, on a thread of the tap's; `trouble`, once, when the
    disk takes no more: the client is to be stopped then, so that the rest waits at WhatsApp.
    """

    def __init__(
        self,
        writer: LogWriter,
        names: Mapping[int, str],
        *,
        news: Callable[[], None],
        trouble: Callable[[str], None],
    ) -> None:
        self._writer = writer
        self._names = names
        self._trouble = trouble
        self._is_reported = False
        self._is_late = False
        self._connected = 0
        self._last = time.monotonic()
        self._grown = threading.Event()
        self.is_held = False
        """While this holds no message is taken, and neonize takes none from WhatsApp."""
        threading.Thread(
            target=self._tell_of_news, args=(news,), daemon=True, name="inbox-news"
        ).start()

    def connected(self) -> None:
        """Note that a connection was made: what is older has waited at WhatsApp."""
        self._connected = time.time_ns()

    def take(self, event: int, data: bytes) -> None:
        """Append the event if it is a message, and return once it is in the log.

        Where the disk has no room this waits, as long as it takes: neonize then takes nothing more
        from WhatsApp, and what is held here is written if room comes back before the end.
        """
        name = self._names.get(event)
        if name is None:
            return
        self._last = time.monotonic()
        if name in {MessageEvent.LATE_BEGINS, MessageEvent.LATE_ENDS}:
            self._is_late = name == MessageEvent.LATE_BEGINS
            return
        while self.is_held:
            time.sleep(_NO_ROOM_SECONDS)
        flags = LATE if self._is_late else 0
        while True:
            outcome = self._writer.append(event, data, flags=flags, connected=self._connected)
            if outcome.is_kept:
                self._grown.set()
            if outcome is not Outcome.WRITTEN and not self._is_reported:
                self._is_reported = True
                self._trouble(f"received messages: {self._writer.trouble}")
            if outcome.is_kept:
                return
            time.sleep(_NO_ROOM_SECONDS)

    def is_quiet(self, seconds: float) -> bool:
        """Whether nothing has come for so long."""
        return time.monotonic() - self._last > seconds

    def _tell_of_news(self, news: Callable[[], None]) -> None:
        while True:
            self._grown.wait()
            self._grown.clear()
            news()
            time.sleep(_NEWS_SECONDS)
