"""The real core, restarted again and again in virtual time, with nothing but its memory kept."""

from __future__ import annotations

import random
from dataclasses import fields
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from journal.rows import WALL
from wa_supervisor.journal import Memory, careful, recall, remember
from wa_supervisor.lifecycle import (
    Child,
    DeadKeysPlan,
    Logout,
    Phase,
    Policy,
    Reason,
    Session,
    effects,
    facts,
)
from wa_supervisor.testing import Environment, VirtualSession

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from wa_supervisor.lifecycle.facts import ChildFact, Fact

HOUR = 3600.0
MILLI = 1e-3  # wall clock times are kept to the microsecond, and a thousand restarts add up


class Container:
    """A supervisor that is started and killed; its memory goes through JSON each time."""

    def __init__(self, *, session: Session | None = None, lost: bool = False) -> None:
        self.policy = Policy()
        self.time = 0.0  # of the world, in seconds since WALL
        self.dials: list[float] = []
        self._first = session or Session()
        self._lost = lost
        self._seen = 0
        self._memory: str | None = None
        self._world = Environment()
        self._dice = random.Random(4)
        self.play = VirtualSession(self.policy)
        self.start()

    def start(self) -> None:
        boot = self._dice.uniform(0, 1e6)  # each life's clock begins somewhere else
        if self._memory is None:
            session = careful(boot, self.policy) if self._lost else self._first
        else:
            memory = Memory.model_validate_json(self._memory)
            session = recall(memory, boot, self.wall, self.policy)
        if self.play.phase is Phase.STOPPED:  # a chart that ended does not begin again
            self.play, self._seen = VirtualSession(self.policy), 0
        # In place, as the supervisor does it; a new chart would cost 10 ms each time.
        for field in fields(Session):
            setattr(self.play.session, field.name, getattr(session, field.name))
        self.play.now, self.play.environment = boot, self._world
        self._boot = boot - self.time
        self.happen(facts.Start())

    def restart(self, *, down: float = 0.0) -> None:
        self._world = self.play.environment.restarted()
        self.time += down
        self.start()

    def advance(self, seconds: float) -> None:
        end = self.time + seconds
        while (due := self.play.deadline) is not None and due <= self._boot + end:
            self.time = max(self.time, due - self._boot)
            self.play.ring()
            self._note()
            if self.play.session.child is Child.STOPPING:
                self.hear(facts.ChildExited, 0, None)
        self.time = end
        self.play.advance_to(self._boot + end)
        self._note()

    def happen(self, fact: Fact) -> None:
        self.play.happen(fact)
        self._note()

    def hear(self, fact: Callable[..., ChildFact], *particulars: object) -> None:
        self.play.hear(fact, *particulars)
        self._note()

    def fail(self) -> None:
        self.hear(facts.DialFailed, "connection refused")
        self.hear(facts.ChildExited, 0, None)

    @property
    def wall(self) -> datetime:
        return WALL + timedelta(seconds=self.time)

    @property
    def next_dial(self) -> float:
        until = self.play.session.not_before
        assert until is not None
        return until - self._boot

    def _note(self) -> None:
        """Keep the memory, as the shell does after every step, and note the dials."""
        new = self.play.entries[self._seen :]
        self._seen += len(new)
        self.dials += [
            entry.at - self._boot
            for entry in new
            if entry.step is not None
            for effect in entry.step.effects
            if isinstance(effect, effects.StartChild)
        ]
        now = self._boot + self.time
        self._memory = remember(self.play.session, now, self.wall).model_dump_json()


def most_within(times: list[float], window: float) -> int:
    return max(sum(1 for t in times if start <= t < start + window) for start in times)


@pytest.mark.parametrize("life", [0.5, 20.0, 200.0])
def test_a_container_that_restarts_for_ever_dials_no_faster_than_the_budget(life: float) -> None:
    box = Container()
    for _ in range(1000):
        box.advance(box._dice.uniform(0, 2 * life))
        if box._dice.random() < 0.5 and box.play.phase is Phase.INIT:
            box.fail()
        box.restart(down=box._dice.uniform(0, 5))
    dials = box.policy.dials
    assert most_within(box.dials, dials.window - MILLI) <= dials.count
    # It is held back, not starved.
    assert len(box.dials) >= min(25, box.time / dials.window * dials.count / 3)


def test_restarts_that_are_quicker_than_a_wait_do_not_begin_it_anew() -> None:
    box = Container(session=Session(retries=20))
    box.fail()
    due = box.next_dial
    assert due > 700
    while box.time < due - 1:
        box.advance(min(45.0, due - 1 - box.time))
        box.restart()
        assert box.play.phase is Phase.BACKOFF
        assert box.next_dial == pytest.approx(due, abs=1e-3)
    box.advance(2)
    assert len(box.dials) == 2


def test_a_restart_in_the_middle_of_the_ladder_continues_it() -> None:
    box, undisturbed = Container(), Container()
    for rung in range(1, 9):
        for ladder in (box, undisturbed):
            ladder.fail()
            assert ladder.play.session.retries == rung
        box.restart(down=0.3)
        assert (box.play.phase, box.play.session.reason) == (Phase.BACKOFF, Reason.DIAL_FAILED)
        for ladder in (box, undisturbed):
            ladder.advance(ladder.next_dial - ladder.time)
            assert ladder.play.phase is Phase.INIT
    assert len(box.dials) == len(undisturbed.dials) == 9


def test_a_wait_that_ended_while_the_supervisor_was_down_is_not_waited_again() -> None:
    box = Container()
    box.fail()
    box.restart(down=60)
    assert box.dials == [0.0, 60.0]
    assert box.play.session.retries == 1


@pytest.mark.parametrize("stopped", [False, True])
def test_what_was_given_up_stays_so_until_an_operator_resumes(*, stopped: bool) -> None:
    box = Container()
    box.hear(facts.ClientOutdated)
    box.hear(facts.ChildExited, 0, None)
    for _ in range(3):
        if stopped:
            box.happen(facts.Stop())
        box.restart(down=400 * 24 * HOUR)
        box.advance(HOUR)
        assert (box.play.phase, box.play.session.reason) == (Phase.GAVE_UP, Reason.OUTDATED)
    assert len(box.dials) == 1
    box.happen(facts.Resume())
    box.advance(1)
    assert len(box.dials) == 2


def test_a_ban_is_waited_out_across_restarts_and_keeps_its_reason() -> None:
    box = Container()
    box.hear(facts.TemporaryBan, 101, 10 * HOUR)
    for _ in range(9):
        box.restart()
        box.advance(HOUR)
        assert (box.play.phase, box.play.session.reason) == (Phase.BACKOFF, Reason.TEMPORARY_BAN)
    assert len(box.dials) == 1
    box.advance(HOUR + box.policy.ban_margin)
    assert len(box.dials) == 2


def test_bans_are_counted_across_restarts_and_the_third_is_held_for_a_person() -> None:
    box = Container()
    for _ in range(2):
        box.hear(facts.TemporaryBan, 101, HOUR)
        box.restart()
        box.advance(box.next_dial - box.time + 1)
    box.hear(facts.TemporaryBan, 101, HOUR)
    box.restart()
    assert box.play.phase is Phase.GAVE_UP
    assert box.play.session.reason is Reason.BANNED_AGAIN


def test_a_supervisor_killed_before_the_purge_does_it_on_its_next_start() -> None:
    box = Container()
    box.hear(facts.LoggedOut, Logout.REMOVED)
    states = []
    for _ in range(2):
        box.restart()
        states.append(box.play.phase)
    box.happen(facts.PurgeDone())
    box.restart()
    assert [*states, box.play.phase] == [Phase.PURGING, Phase.PURGING, Phase.BACKOFF]
    assert box.play.session.dead_keys_plan is None


def test_strikes_are_counted_across_restarts() -> None:
    box = Container()
    box.hear(facts.LoggedOut, Logout.REJECTED)
    box.hear(facts.ChildExited, 0, None)
    box.happen(facts.RestoreDone())
    box.restart(down=60)
    box.hear(facts.LoggedOut, Logout.REJECTED)
    assert box.play.session.dead_keys_plan is DeadKeysPlan.PURGE


def test_a_start_without_memory_is_continued_by_the_next() -> None:
    box = Container(lost=True)
    due = box.next_dial
    assert due == pytest.approx(box.policy.backoff.cap)
    box.advance(300)
    box.restart()
    assert (box.play.phase, box.play.session.reason) == (Phase.BACKOFF, Reason.MEMORY_LOST)
    assert box.next_dial == pytest.approx(due)
    assert box.dials == []


def test_losing_the_memory_at_every_start_still_keeps_the_dial_budget() -> None:
    policy = Policy()
    dials, time = [], 0.0
    for _ in range(40):
        play = VirtualSession(policy, session=careful(0.0, policy))
        play.happen(facts.Start())
        assert (play.phase, play.session.reason) == (Phase.BACKOFF, Reason.MEMORY_LOST)
        steps = play.advance(policy.backoff.cap)
        assert any(isinstance(e, effects.StartChild) for step in steps for e in step.effects)
        time += policy.backoff.cap
        dials.append(time)
    assert most_within(dials, policy.dials.window) <= policy.dials.count
