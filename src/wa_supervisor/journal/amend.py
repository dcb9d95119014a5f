"""What an operator changes in the memory while no supervisor runs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ..status import StepRecord, shown, words
from .journal import Journal

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..lifecycle import Reason, Session
    from ..setting_groups import JournalSettings
    from ..store import SessionFiles
    from .memory import Order


def amend(  # noqa: PLR0913 - what changes, and what history says of it
    files: SessionFiles,
    settings: JournalSettings,
    fact: str,
    *,
    reason: Reason | None = None,
    change: Callable[[Session], Session] | None = None,
    order: Order | None = None,
) -> bool:
    """Change what is remembered, and record it as `fact`; False if there is no memory.

    To be called under the session's lock. `change` gives the session that is remembered from now
    on, `order` is for the next run, `reason` is what history shows; by default each stays what it
    is. Raises JournalError.
    """
    if not files.journal.exists():
        return False
    journal = Journal.open(files.journal, settings)
    try:
        memory = journal.memory()
        if memory is None:
            return False
        state = memory.session.phase.state.value
        values = shown(memory.session, now=0.0, wall=memory.written_at)
        record = StepRecord(
            ts=datetime.now(UTC),
            session=files.name,
            fact=fact,
            before=state,
            after=state,
            substate=None,
            taken=True,
            effects=(),
            **words(values | ({"reason": reason} if reason else {})),
        )
        journal.append(record, memory.amended(fact, change, order))
    finally:
        journal.close()
    return True
