"""Steps and memories to write."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from wa_supervisor.journal import Memory, remember
from wa_supervisor.lifecycle import Session
from wa_supervisor.status import StepRecord

WALL = datetime(2025, 6, 1, 12, 0, tzinfo=UTC)


def make_record(number: int = 0, **fields: object) -> StepRecord:
    told: dict[str, object] = {
        "ts": WALL + timedelta(seconds=number),
        "session": "shop",
        "fact": "DialFailed",
        "before": "Init",
        "after": "Backoff",
        "shade": None,
        "taken": True,
        "reason": "dial_failed",
        "effects": ("StopChild",),
        "generation": number,
        "retries": number,
        "not_before": WALL + timedelta(seconds=number + 8),
    }
    return StepRecord.model_validate(told | fields)


def make_memory(number: int = 0) -> Memory:
    session = Session(generation=number, retries=number, detail="connection refused")
    return remember(session, 0.0, WALL + timedelta(seconds=number))
