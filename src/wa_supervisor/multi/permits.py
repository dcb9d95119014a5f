"""Asks, before each dial, whether a session may: of somebody who can take long, fail or hang.

Others whose turn it is are asked for meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .dials import Dials

log = logging.getLogger("wa_supervisor")

Permit = Callable[[str], Coroutine[Any, Any, None]]
"""Returns once the session of this name may dial; raises whatever it likes if it may not now."""

BOUND: float = 10.0
"""Seconds for an answer."""
ASK_AGAIN: float = 1.0
"""Seconds after which a session that may not dial is asked for again, in its turn."""


class Permits:
    """Asks `permit` for each session whose turn it is, and calls `dial` for those that may.

    `changed` is called when a turn is free for another.
    """

    def __init__(
        self,
        permit: Permit,
        dials: Dials,
        *,
        dial: Callable[[str], None],
        changed: Callable[[], None],
    ) -> None:
        self._permit = permit
        self._dials = dials
        self._dial = dial
        self._changed = changed
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._refused: set[str] = set()

    def ask(self, name: str) -> None:
        """Begin to ask for a session."""
        self.forget(name)
        task = self._asking[name] = asyncio.create_task(self._ask(name), name=f"permit {name}")
        task.add_done_callback(lambda done: self._drop(name, done))

    def forget(self, name: str) -> None:
        """Stop asking for a session: it is gone, or begins to wait anew."""
        former = self._asking.pop(name, None)
        if former is not None:
            former.cancel()

    async def aclose(self) -> None:
        """Stop asking."""
        asking = list(self._asking.values())
        for name in list(self._asking):
            self.forget(name)
        if asking:
            await asyncio.wait(asking, timeout=1.0)

    async def _ask(self, name: str) -> None:
        answer = asyncio.create_task(self._permit(name))
        try:
            await asyncio.wait({answer}, timeout=BOUND)
        finally:
            answer.cancel()
        if answer.done() and not answer.cancelled() and answer.exception() is None:
            self._refused.discard(name)
            self._dial(name)
            return
        if name not in self._refused:
            log.warning("%s may not dial yet: %s", name, _why(answer))
            self._refused.add(name)
        self._dials.pass_on(name)
        self._changed()
        await asyncio.sleep(ASK_AGAIN)
        self._dials.ask_again(name)
        self._changed()

    def _drop(self, name: str, task: asyncio.Task[None]) -> None:
        if self._asking.get(name) is task:
            del self._asking[name]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a session could not be let dial", exc_info=error)


def _why(answer: asyncio.Task[None]) -> str:
    if not answer.done() or answer.cancelled():
        return f"no answer within {BOUND:g} s"
    return str(answer.exception())
