"""The parent's end of the session process: start it, hear it, end it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from .endpoint import Endpoint
from .spec import ChildSpec, ExitCode, StopBounds

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..lifecycle.facts import ChildFact

__all__ = ["ChildSpec", "Endpoint", "ExitCode", "SessionLink", "StopBounds"]


class SessionLink:
    """One supervisor's session process: at most one at a time, each reaped before the next.

    `post` receives every fact in order, on the event loop. Each `start` is answered by exactly
    one ChildExited, after the process was reaped and everything it had said was posted.
    """

    pid: int | None
    neonize: str | None

    def __init__(
        self,
        post: Callable[[ChildFact], None],
        *,
        start_method: Literal["fork", "spawn"] | None = None,
        bounds: StopBounds | None = None,
    ) -> None:
        raise NotImplementedError

    async def prestart(self, endpoint: Endpoint | None = None) -> None:
        """Start the fork server ahead of the first session, so that that one is quick."""
        raise NotImplementedError

    async def start(self, spec: ChildSpec) -> None:
        """Start a session process; what the outside does never raises, it is posted.

        Raises:
            SessionError: if one is running already.
        """
        raise NotImplementedError

    async def stop(self, *, log_out: bool = False, pairing: bool = False) -> None:
        """End the session process and return when it was reaped and ChildExited was posted.

        The ladder is: ask, SIGTERM, SIGKILL, each bounded. `pairing` kills at once.
        """
        raise NotImplementedError

    async def aclose(self) -> None:
        """End the session process and the fork server. Bounded; nothing is left."""
        raise NotImplementedError
