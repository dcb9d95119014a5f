"""What is shown of a session is at least what its fields say is public."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from wa_supervisor.hints import Action
from wa_supervisor.lifecycle import Phase, Reason, Session
from wa_supervisor.lifecycle.model import PUBLIC, fields_marked
from wa_supervisor.status import Status, StepRecord

WALL = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("shown", [Status, StepRecord])
def test_what_is_public_of_a_session_is_in_every_record(shown: type[Status | StepRecord]) -> None:
    assert set(fields_marked(PUBLIC)) <= set(shown.model_fields)


def test_a_status_says_what_helps_as_data_and_survives_the_wire() -> None:
    session = Session(phase=Phase.GAVE_UP, reason=Reason.OUTDATED)
    status = Status.of(session, "shop", now=0.0, wall=WALL)
    assert [hint.action for hint in status.hints] == [Action.UPGRADE, Action.RESUME]
    wire = status.model_dump_json()
    assert '"action":"upgrade","subject":"neonize"' in wire
    assert Status.model_validate_json(wire) == status


def test_what_heals_by_itself_asks_for_nothing() -> None:
    session = Session(phase=Phase.BACKOFF, reason=Reason.DIAL_FAILED)
    assert Status.of(session, "shop", now=0.0, wall=WALL).hints == ()
