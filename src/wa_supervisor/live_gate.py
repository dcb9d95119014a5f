"""The gate of a running supervisor: changed without a reconnect, and kept across restarts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from .gate import Identity
from .gate.changes import Changes
from .gate_answers import GateExplanation, GateStanding, explained
from .gate_file import keep_changes, read_changes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .gate import Entry, GatePolicy
    from .gate_answers import GateQuestion
    from .messages.admission import Admission


class LiveGate:
    """What the settings say, what was changed since, and the judge. For the supervisor's loop."""

    def __init__(self, inbox: Path, settings: GatePolicy, admission: Admission) -> None:
        self._inbox = inbox
        self._settings = settings
        self._admission = admission
        self._changes = Changes()
        self._changing = asyncio.Lock()
        self.on_change: Callable[[GatePolicy], None] = lambda _: None
        """Called with the policy that holds, when that changes."""

    @property
    def policy(self) -> GatePolicy:
        """The policy that holds."""
        return self._admission.policy

    async def open(self) -> None:
        """Read what was changed in earlier runs. Raises StoreError."""
        self._changes = await asyncio.to_thread(read_changes, self._inbox)
        self._apply()

    def use(self, settings: GatePolicy) -> None:
        """Take other settings; what was changed by command stays changed."""
        self._settings = settings
        self._apply()

    async def change(self, entry: Entry, *, allow: bool) -> None:
        """Let an entry hold, or not, from the next message on. Raises StoreError: nothing changed.

        It is kept first, so that what was said to hold holds after a restart too.
        """
        async with self._changing:
            made = self._changes.allowing if allow else self._changes.denying
            changes = made(entry, self._settings)
            await asyncio.to_thread(keep_changes, self._inbox, changes)
            self._changes = changes
            self._apply()

    async def explain(self, question: GateQuestion, own: Identity | None) -> GateExplanation:
        """Answer a question, with what the client knows of the sender. Raises ConfigError."""
        sender = Identity.of(question.person())
        assert sender is not None
        sender = await self._admission.resolve(sender)
        return explained(self._admission.policy, question, sender, own)

    def standing(self) -> GateStanding:
        """Say how the gate stands."""
        return GateStanding.of(
            self._settings,
            self._changes,
            refused=self._admission.rejections.by_reason(),
            lately=self.lately(),
        )

    def lately(self) -> tuple[GateExplanation, ...]:
        """Explain the refusals of late, newest first; not what would be let in by now."""
        found = (each for each in self._admission.refused() if not each.verdict.admitted)
        return tuple(map(GateExplanation.of, found))

    def _apply(self) -> None:
        self._admission.policy = self._changes.apply(self._settings)
        self.on_change(self.policy)
