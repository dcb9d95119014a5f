"""Steps and memories to write."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from wa_supervisor.clock import RealClock
from wa_supervisor.journal import Journal, Memory, Recorder, Reserve, remember
from wa_supervisor.lifecycle import Session
from wa_supervisor.setting_groups import JournalSettings
from wa_supervisor.status import StepRecord
from wa_supervisor.store import SessionFiles

WALL = datetime(2025, 6, 1, 12, 0, tzinfo=UTC)


def make_record(number: int = 0, **fields: object) -> StepRecord:
    values: dict[str, object] = {
        "ts": WALL + timedelta(seconds=number),
        "session": "shop",
        "fact": "DialFailed",
        "before": "Init",
        "after": "Backoff",
        "substate": None,
        "taken": True,
        "reason": "dial_failed",
        "cause": "dial_failed",
        "detail": "connection refused",
        "bot_busy": False,
        "effects": ("StopChild",),
        "generation": number,
        "retries": number,
        "not_before": WALL + timedelta(seconds=number + 8),
    }
    return StepRecord.model_validate(values | fields)


def make_memory(number: int = 0) -> Memory:
    session = Session(generation=number, retries=number, detail="connection refused")
    return remember(session, 0.0, WALL + timedelta(seconds=number))


class Clock(RealClock):
    """The computer's, but for where it began."""

    def __init__(self, now: float) -> None:
        self._now = now

    def time(self) -> float:
        return self._now


async def open_recorder(files: SessionFiles, now: float = 0.0) -> Recorder:
    def open_journal() -> tuple[Journal, Reserve]:
        return Journal.open(files.journal, JournalSettings()), Reserve(files.reserve)

    return await Recorder.open(open_journal, clock=Clock(now))
