"""What a job of the engine does: it has one session run here, while it is this worker's."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, Final

from ..errors import LockHeld, StoreError, SupervisorError, TooManySessions, Unreachable
from ..lifecycle import State
from ..lifecycle.policy import Policy
from ..setting_sources import merge
from ..settings import Settings
from . import claims
from .session_url import session_url

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from ..messages.elsewhere import Copies
    from ..supervisor import Supervisor
    from .claims import Claim
    from .ownership import Ownership
    from .surroundings import Surroundings

log = logging.getLogger("wa_supervisor")

AGAIN_AFTER: Final = 15.0
"""Seconds after which a session that could not be begun is tried again, here or elsewhere."""
CLIENT_BOUND: Final = 5.0
"""Seconds for a session process that is still there when its session was stopped."""
CLIENT_LOOKS: Final = 50
HANDOVER_BOUND: Final = 3.0
"""Seconds for the messages of a session that ends here; what is left is handed over later."""
EMBEDDER_BOUND: Final = 1.0
"""Seconds for what `on_session` does once its session has ended."""


class SessionJob:
    """One session on one worker, from its claim until it has ended."""

    def __init__(self, session: str, number: int, around: Surroundings) -> None:
        self.session = session
        self.number = number
        """The engine's number of it."""
        self.ownership: Ownership | None = None
        """The right to the session, once it was claimed."""
        self.over = asyncio.Event()
        self._around = around
        self._loop = asyncio.get_running_loop()
        self._ending = asyncio.Event()
        self._copies: Copies | None = None

    @property
    def is_pairing(self) -> bool:
        """Whether a person may be about to scan what is shown."""
        supervisor = self._around.sessions.get(self.session)
        return supervisor is not None and supervisor.status.state is State.PAIRING

    def look_for_messages(self) -> None:
        """Have the session look now for what other workers have handed over."""
        if self._copies is not None:
            self._copies.arrivals.announce()

    def end(self) -> None:
        """End the session; `over` is set when it has."""
        self._ending.set()

    async def run(self) -> None:
        """Run until the session is to end here, which cancellation says, too."""
        try:
            await self._run()
        finally:
            self.over.set()

    async def _run(self) -> None:
        around, name = self._around, self.session
        try:
            claim = await around.ask(claims.claim, name, around.plan.timing)
        except LockHeld as error:
            log.info("%s is not taken: %s", name, error)
            return
        except StoreError as error:
            log.warning("%s cannot be taken: %s", name, error)
            if not isinstance(error, Unreachable):  # Postgres refuses, and would at once again
                await self._say(claims.put_off, name, str(error), AGAIN_AFTER)
            return
        self.ownership = claim.ownership
        try:
            supervisor = await self._begin(claim)
            if supervisor is not None:
                await self._live(supervisor)
        finally:
            with contextlib.suppress(StoreError):  # it is written once more with the next claim
                await around.call(claims.release, around.database, claim.ownership)

    async def _begin(self, claim: Claim) -> Supervisor | None:
        around, name = self._around, self.session
        try:
            settings = self._settings(claim)
            store = around.plan.make_store(
                settings, around.database, claim.ownership, on_lost=self._lose
            )
            self._copies = store.copies
            shown = "qr" in dict(claim.settings.get("pairing", {}))
            sinks = None if shown else ()  # the terminal of a worker is nobody's
            return await around.sessions.add(settings, store=store, sinks=sinks)
        except TooManySessions as error:
            log.warning("%s: %s", name, error.advice)
            await self._say(claims.limit_capacity, len(around.sessions))
        except (SupervisorError, OSError) as error:
            log.warning("%s cannot be begun: %s", name, error)
            await self._say(claims.put_off, name, str(error), AGAIN_AFTER)
        except Exception:
            log.exception("%s cannot be begun, which is a defect of wa-supervisor", name)
            trouble = "a defect; see the worker's log"
            await self._say(claims.put_off, name, trouble, AGAIN_AFTER)
        return None

    def _lose(self, error: LockHeld) -> None:
        """End: something was not written, as the session is another worker's. From any thread."""

        def end() -> None:
            if not self._ending.is_set():  # each write that is refused comes here
                log.warning("%s ends here: %s", self.session, error)
                self.end()

        with contextlib.suppress(RuntimeError):  # the loop is closed: it has ended
            self._loop.call_soon_threadsafe(end)

    async def _live(self, supervisor: Supervisor) -> None:
        sessions = self._around.sessions
        ended = asyncio.ensure_future(sessions.ended(self.session))
        ending = asyncio.ensure_future(self._ending.wait())
        embedder = self._embedder(supervisor)
        try:
            await asyncio.wait({ended, ending}, return_when=asyncio.FIRST_COMPLETED)
            if (
                not self._ending.is_set() and self._around.holds
            ):  # else it would begin again at once
                trouble = "it has ended by itself"
                await self._say(claims.put_off, self.session, trouble, AGAIN_AFTER)
        finally:
            for task in (ended, ending):
                task.cancel()
            await self._leave(supervisor)
            await self._hand_over()
            if embedder is not None:
                embedder.cancel()
                await asyncio.wait({embedder}, timeout=EMBEDDER_BOUND)

    async def _leave(self, supervisor: Supervisor) -> None:
        """Stop the session; nothing of it lives here after that."""
        try:
            await self._around.sessions.remove(self.session)
        except Exception:
            log.exception("%s did not end well", self.session)
        # Its client is ended by SIGKILL, whatever hangs: before that nobody else may have it.
        for _ in range(CLIENT_LOOKS):
            if supervisor.status.client is None:
                return
            await asyncio.sleep(CLIENT_BOUND / CLIENT_LOOKS)
        log.error("%s: its session process has outlived SIGKILL", self.session)

    async def _hand_over(self) -> None:
        """Let the next owner have what nobody has read here, before it begins."""
        if not self._around.holds:
            return  # it is stranded until this worker looks for it
        handing = asyncio.ensure_future(
            asyncio.to_thread(self._around.stranded.give_up, self.session)
        )
        done, _ = await asyncio.wait({handing}, timeout=HANDOVER_BOUND)
        if not done:
            log.warning("%s: its messages are still being handed over", self.session)
        elif (error := handing.exception()) is not None:
            log.error("%s: its messages are not handed over", self.session, exc_info=error)

    def _embedder(self, supervisor: Supervisor) -> asyncio.Task[None] | None:
        on_session = self._around.plan.on_session
        if on_session is None:
            return None

        async def guarded(on_session: Callable[[Supervisor], Awaitable[None]]) -> None:
            try:
                await on_session(supervisor)
            except Exception:
                log.exception("%s: on_session failed; the session runs on", self.session)

        return asyncio.create_task(guarded(on_session), name=f"on_session {self.session}")

    def _settings(self, claim: Claim) -> Settings:
        """Make the session's settings. Raises WrongSettings."""
        around = self._around
        url = session_url(around.database.url, claim.ownership)
        given: dict[str, Any] = merge(dict(around.plan.settings), dict(claim.settings))
        return Settings(
            **given
            | {
                "session": self.session,
                "data_dir": around.plan.data_dir,
                "database": around.patient_way.after(url),
                "policy": _policy(given.get("policy", {})),
            }
        )

    async def _say(self, write: Callable[..., None], *arguments: object) -> None:
        with contextlib.suppress(StoreError):  # then it is tried again at once
            await self._around.ask(write, *arguments)


def _policy(given: Mapping[str, Any] | Policy) -> Mapping[str, Any] | Policy:
    """Have the owner come back at once when another connects, unless the policy says otherwise.

    That other one is a worker that has lost the session and does not know yet: it does not pass the
    proof before its next dial.
    """
    if isinstance(given, Policy):
        return given
    return {"conflict": "takeover", **given}
