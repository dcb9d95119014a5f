"""What an operator changes in the memory while no supervisor runs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..status import StepRecord
from .journal import Journal

if TYPE_CHECKING:
    from ..settings import JournalSettings
    from ..store import SessionFiles


def amend(
    files: SessionFiles,
    settings: JournalSettings,
    fact: str,
    *,
    reason: str | None = None,
    **changes: Any,  # noqa: ANN401 - fields of Memory
) -> bool:
    """Change fields of the memory, and record it as `fact`; False if there is no memory.

    To be called under the session's lock. `reason` is the code that history shows; by default it
    stays what it is. Raises JournalError.
    """
    if not files.journal.exists():
        return False
    journal = Journal.open(files.journal, settings)
    try:
        memory = journal.memory()
        if memory is None:
            return False
        told = memory.reason.value if memory.reason else None
        record = StepRecord(
            ts=datetime.now(UTC),
            session=files.name,
            fact=fact,
            before=memory.phase.state.value,
            after=memory.phase.state.value,
            shade=None,
            taken=True,
            reason=reason or told,
            effects=(),
            generation=memory.generation,
            retries=memory.retries,
            not_before=memory.not_before,
        )
        journal.append(record, memory.model_copy(update=changes))
    finally:
        journal.close()
    return True
