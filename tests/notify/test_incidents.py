"""Once for each incident, a reminder a day, one for all that comes and goes; nothing is lost."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from wa_supervisor.lifecycle import Phase, Reason, Session
from wa_supervisor.notify.incidents import CALM, Incidents, Notified
from wa_supervisor.notify.notice import Kind, Notice, lasting
from wa_supervisor.status import Status
from wa_supervisor.status_parts import Device

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Watch:
    """One session, its time, and what was told of it; restarts whenever it is told to."""

    incidents: Incidents = field(default_factory=Incidents)
    now: float = 0.0
    since: float = 0.0
    session: Session = field(default_factory=lambda: Session(phase=Phase.ONLINE))
    told: list[tuple[float, Notice]] = field(default_factory=list)
    more: dict[str, object] = field(default_factory=dict)

    def status(self) -> Status:
        at = BEGINNING + timedelta(seconds=self.now)
        since = BEGINNING + timedelta(seconds=self.since)
        return Status.of(self.session, "shop", now=self.now, wall=at, since=since, **self.more)  # type: ignore[arg-type]

    def be(self, phase: Phase, reason: Reason | None = None) -> None:
        self.session = Session(phase=phase, reason=reason)
        self.since = self.now
        self.look()

    def look(self) -> None:
        self.told += [(self.now, notice) for notice in self.incidents.see(self.status())]

    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        while (due := self.incidents.due()) is not None:
            at = max((due - BEGINNING).total_seconds(), self.now)
            if at > end:
                break
            self.now = at
            before = self.incidents.notified.model_dump()
            self.look()
            assert (self.incidents.due(), before) != (due, self.incidents.notified.model_dump())
        self.now = end

    def restart(self) -> None:
        kept = self.incidents.notified.model_dump_json()
        self.incidents = Incidents(Notified.model_validate_json(kept))

    @property
    def kinds(self) -> list[Kind]:
        return [notice.kind for _, notice in self.told]


def test_what_heals_within_five_minutes_is_not_told() -> None:
    watch = Watch()
    watch.be(Phase.BACKOFF, Reason.DIAL_FAILED)
    watch.wait(299)
    watch.be(Phase.ONLINE)
    watch.wait(86_400)
    assert watch.told == []


def test_what_lasts_longer_is_told_once_and_so_is_its_end() -> None:
    watch = Watch()
    watch.be(Phase.BACKOFF, Reason.DIAL_FAILED)
    watch.wait(3600)
    watch.be(Phase.ONLINE)
    assert watch.kinds == [Kind.DOWN, Kind.RECOVERED]
    assert watch.told[0][0] == 300
    assert watch.told[1][1].text == "Messages are heard again, after 1 h."


def test_when_somebody_must_act_it_is_told_at_once_with_the_reason_and_what_helps() -> None:
    watch = Watch()
    watch.be(Phase.GAVE_UP, Reason.LOCKED)
    ((at, notice),) = watch.told
    assert (at, notice.kind, notice.reason) == (0.0, Kind.NEEDED, "locked")
    assert notice.text == Reason.LOCKED.explanation.sentence
    assert notice.hints == Reason.LOCKED.explanation.hints
    assert "What helps:" in notice.body


def test_who_has_just_started_a_pairing_is_not_called_to_it() -> None:
    watch = Watch()
    watch.be(Phase.PAIRING)
    watch.wait(50)
    watch.be(Phase.ONLINE)
    assert watch.told == []
    watch.be(Phase.PAIRING, Reason.PURGED)
    watch.wait(3600)
    assert watch.kinds == [Kind.NEEDED]
    assert watch.told[0][1].who == "phone"


def test_what_gets_worse_is_told_again() -> None:
    watch = Watch()
    watch.be(Phase.BACKOFF, Reason.DIAL_FAILED)
    watch.wait(600)
    watch.be(Phase.GAVE_UP, Reason.RETRIES_EXHAUSTED)
    watch.be(Phase.BACKOFF, Reason.RESUMED)
    watch.be(Phase.GAVE_UP, Reason.RETRIES_EXHAUSTED)
    assert watch.kinds == [Kind.DOWN, Kind.NEEDED]


def test_there_is_a_reminder_each_day() -> None:
    watch = Watch()
    watch.be(Phase.GAVE_UP, Reason.BANNED)
    watch.wait(3.5 * 86_400)
    assert watch.kinds == [Kind.NEEDED, Kind.STILL, Kind.STILL, Kind.STILL]


def test_a_restart_neither_repeats_nor_forgets() -> None:
    watch = Watch()
    watch.be(Phase.GAVE_UP, Reason.BANNED)
    watch.restart()
    watch.look()
    watch.wait(86_400)
    watch.restart()
    watch.be(Phase.ONLINE)
    assert watch.kinds == [Kind.NEEDED, Kind.STILL, Kind.RECOVERED]


def test_a_clock_that_is_set_back_by_a_year_keeps_nobody_from_being_called() -> None:
    watch = Watch()
    watch.be(Phase.BACKOFF, Reason.DIAL_FAILED)
    watch.wait(400)
    watch.now -= 365 * 86_400
    watch.restart()
    watch.look()
    watch.wait(86_400 + 60)
    assert watch.kinds == [Kind.DOWN, Kind.STILL]
    watch.be(Phase.ONLINE)
    watch.now -= 365 * 86_400
    watch.session = Session(phase=Phase.BACKOFF, reason=Reason.DIAL_FAILED)  # since next year
    watch.look()
    watch.wait(301)
    assert watch.kinds == [Kind.DOWN, Kind.STILL, Kind.RECOVERED, Kind.DOWN]


def test_a_time_without_its_zone_is_no_time() -> None:
    with pytest.raises(ValidationError):
        Notified.model_validate_json('{"open": {"began": "2026-01-01T00:00:00"}}')


def test_a_stop_is_nobodys_incident() -> None:
    watch = Watch()
    watch.be(Phase.BACKOFF, Reason.DIAL_FAILED)
    watch.be(Phase.STOPPED, Reason.STOPPED)
    watch.wait(86_400)
    assert watch.told == []


def test_what_comes_and_goes_is_gathered_into_one_notice_an_hour() -> None:
    watch = Watch()
    for _ in range(9):
        watch.be(Phase.RECONNECTING)
        watch.wait(400)
        watch.be(Phase.ONLINE)
        watch.wait(200)
    watch.wait(2 * CALM.total_seconds())
    assert watch.kinds.count(Kind.DOWN) == 3
    assert watch.kinds.count(Kind.FLAPPING) == 1
    text = next(n.text for _, n in watch.told if n.kind is Kind.FLAPPING)
    assert text.startswith("6 interruptions within an hour, the longest of 6 min 40 s.")
    assert "It is connected now" in text


def test_that_somebody_must_act_is_told_though_all_else_is_gathered() -> None:
    watch = Watch()
    for _ in range(5):
        watch.be(Phase.RECONNECTING)
        watch.wait(400)
        watch.be(Phase.ONLINE)
        watch.wait(60)
    watch.be(Phase.GAVE_UP, Reason.LOCKED)
    watch.be(Phase.ONLINE)
    assert watch.kinds[-2:] == [Kind.NEEDED, Kind.RECOVERED]


def test_a_restriction_is_told_once_a_day() -> None:
    watch = Watch()
    for hour in range(30):
        watch.more = {"restricted_at": BEGINNING + timedelta(hours=hour)}
        watch.look()
        watch.wait(3600)
    assert watch.kinds == [Kind.RESTRICTED, Kind.RESTRICTED]


def test_the_phone_is_asked_for_two_days_before_it_is_too_late() -> None:
    watch = Watch()
    ends = BEGINNING + timedelta(days=14)
    watch.more = {
        "device": Device(paired=True, paired_at=None, session_ends_without_phone=ends),
    }
    watch.look()
    watch.wait(30 * 86_400)
    ((at, notice),) = watch.told
    assert (at, notice.kind) == (12 * 86_400, Kind.PHONE_AWAY)
    assert "2026-01-15" in notice.text


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3661, "1 h 1 min"), (90_000, "1 d 1 h")],
)
def test_how_long_it_took_is_said_in_the_units_that_matter(seconds: int, words: str) -> None:
    assert lasting(timedelta(seconds=seconds)) == words


@pytest.mark.parametrize("seed", range(200))
def test_in_a_bad_week_nothing_that_lasts_is_missed_and_nothing_is_told_twice(seed: int) -> None:
    dice = random.Random(seed)
    watch = Watch()
    needed: list[tuple[float, float]] = []
    while watch.now < 7 * 86_400:
        watch.be(Phase.ONLINE)
        watch.wait(dice.expovariate(1 / dice.choice([300, 6 * 3600])))
        began, needs = watch.now, dice.random() < 0.2
        watch.be(Phase.RECONNECTING)
        watch.wait(dice.expovariate(1 / 200))
        watch.be(Phase.BACKOFF, Reason.DIAL_FAILED)
        watch.wait(dice.expovariate(1 / 400))
        if needs:
            watch.be(Phase.GAVE_UP, Reason.RETRIES_EXHAUSTED)
            needed.append((began, watch.now))
            watch.wait(dice.expovariate(1 / 20_000))
        if dice.random() < 0.3:
            watch.restart()
            watch.look()
    watch.be(Phase.ONLINE)
    watch.wait(2 * CALM.total_seconds())
    calls = [at for at, notice in watch.told if notice.kind is Kind.NEEDED]
    assert calls == [at for _, at in needed], "once each, at once"
    assert len({notice.id for _, notice in watch.told}) == len(watch.told)
    assert watch.told[-1][1].kind in {Kind.RECOVERED, Kind.FLAPPING}
    per_hour = [at // 3600 for at, n in watch.told if n.kind in {Kind.DOWN, Kind.FLAPPING}]
    assert max((per_hour.count(hour) for hour in per_hour), default=0) <= 4


@given(
    st.lists(
        st.tuples(
            st.sampled_from([Phase.ONLINE, Phase.RECONNECTING, Phase.BACKOFF, Phase.GAVE_UP]),
            st.floats(0, 90_000),
        ),
        max_size=30,
    )
)
def test_after_whatever_the_last_word_is_how_it_stands(story: list[tuple[Phase, float]]) -> None:
    watch = Watch()
    for phase, seconds in story:
        watch.be(phase, None if phase is Phase.ONLINE else Reason.RETRIES_EXHAUSTED)
        watch.wait(seconds)
    watch.be(Phase.ONLINE)
    watch.wait(3 * CALM.total_seconds())
    assert watch.incidents.notified.open is None
    last = watch.kinds[-1:]
    assert last in ([], [Kind.RECOVERED], [Kind.FLAPPING])
