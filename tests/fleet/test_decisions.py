"""What the leader decides, whatever the rows are."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from wa_supervisor.fleet.decisions import Drop, End, Give, JobRow, SessionRow, decide
from wa_supervisor.fleet.placement import Place

WORKERS = ("w1", "w2", "w3")
often = settings(max_examples=150)
NAMES = tuple(f"s{number}" for number in range(6))


@dataclass
class Fleet:
    """Rows as a leader finds them; `act` does to them what it decides."""

    sessions: dict[str, SessionRow]
    jobs: dict[int, JobRow]
    places: dict[str, tuple[int, bool]]
    given: list[Give] = field(default_factory=list)

    def load(self, worker: str) -> int:
        return sum(job.worker == worker for job in self.jobs.values())

    def room(self, worker: str) -> int:
        capacity, draining = self.places[worker]
        return 0 if draining else capacity - self.load(worker)

    def act(self) -> list[Drop | End | Give]:
        places = [
            Place(name, capacity, self.load(name), draining)
            for name, (capacity, draining) in self.places.items()
        ]
        actions = decide(self.sessions.values(), self.jobs.values(), places)
        for action in actions:
            match action:
                case Drop(number, session):
                    job = self.jobs.pop(number)
                    assert job.session == session
                    assert not job.running or job.worker not in self.places, "it runs"
                case End(number, session):
                    job = self.jobs[number]
                    assert job.session == session
                    assert job.running
                    assert not job.ending
                    self.jobs[number] = JobRow(number, session, job.worker, True, True)
                case Give(session, worker):
                    number = max(self.jobs, default=0) + 1
                    self.jobs[number] = JobRow(number, session, worker, False)
                    self.given.append(action)
        return actions

    def settle(self) -> None:
        """Let workers do what they are asked to, until there is nothing left to do."""
        for _ in range(30):
            acted = self.act()
            ended = [job.id for job in self.jobs.values() if job.ending]
            for number in ended:
                del self.jobs[number]
            for job in [job for job in self.jobs.values() if not job.running]:
                self.jobs[job.id] = JobRow(job.id, job.session, job.worker, True)
                row = self.sessions[job.session]
                if row.wanted == job.worker:  # an order is over once it is carried out
                    self.sessions[job.session] = replace(row, wanted=None)
            if not acted and not ended:
                return
        raise AssertionError("it never settles")


@st.composite
def fleets(draw: st.DrawFn) -> Fleet:
    some = st.sampled_from
    living = [name for name in WORKERS if draw(some((True, True, True, False)))]
    places = {name: (draw(st.integers(1, 5)), draw(some((False, True)))) for name in living}
    sessions = {
        name: SessionRow(
            name,
            removed=draw(some((False, False, True))),
            wanted=draw(some((None, None, *WORKERS))),
            stays=draw(some((False, True))),
            waits=draw(some((False, False, True))),
        )
        for name in NAMES
        if draw(some((True, True, True, False)))
    }
    jobs: dict[int, JobRow] = {}
    for number in range(draw(st.integers(0, 9))):
        session, worker = draw(some(NAMES)), draw(some((None, *WORKERS, *WORKERS)))
        others = [job for job in jobs.values() if job.session == session and job.running]
        running = draw(st.booleans()) and not others  # Postgres sees to that
        jobs[number] = JobRow(number, session, worker, running, running and draw(st.booleans()))
    return Fleet(sessions, jobs, places)


@often
@given(fleets())
def test_all_is_placed_that_can_be_and_nothing_twice_or_where_it_must_not_be(fleet: Fleet) -> None:
    before = dict(fleet.jobs)
    having = {job.session for job in fleet.jobs.values() if job.worker in fleet.places}
    room = {name: fleet.room(name) for name in fleet.places}
    actions = fleet.act()
    assert max(Counter(job.session for job in fleet.jobs.values()).values(), default=0) <= 1
    for give in fleet.given:
        row = fleet.sessions[give.session]
        assert not row.removed
        assert not row.waits
        capacity, draining = fleet.places[give.worker]
        assert not draining
        assert fleet.load(give.worker) <= max(capacity, capacity - room[give.worker])
        rivals = sum(each.wanted == row.wanted for each in fleet.sessions.values())
        if give.session not in having and room.get(row.wanted or "", 0) >= rivals:
            assert give.worker == row.wanted, "it was ordered elsewhere"
    for job in fleet.jobs.values():
        assert job.running or not fleet.places[job.worker or ""][1], "it is for one that drains"
    if any(fleet.room(name) > 0 for name in fleet.places):
        idle = fleet.sessions.keys() - {job.session for job in fleet.jobs.values()}
        assert all(fleet.sessions[name].removed or fleet.sessions[name].waits for name in idle)
    for action in actions:
        row_or_none = fleet.sessions.get(action.session)
        if isinstance(action, End) and row_or_none is not None and not row_or_none.removed:
            others = [
                each for each in before.values() if each.session == action.session and each.running
            ]
            assert len(others) == 1
            assert not row_or_none.stays, "a session that is pairing or banned is not moved"


@often
@given(fleets())
def test_it_settles_and_then_each_session_runs_once_where_it_may(fleet: Fleet) -> None:
    fleet.settle()
    free = any(fleet.room(name) > 0 for name in fleet.places)
    for job in fleet.jobs.values():
        row = fleet.sessions[job.session]
        assert not row.removed
        assert job.worker in fleet.places
        if free and not row.stays:
            assert not fleet.places[job.worker][1], "it is on a worker that drains"


def test_a_drain_ends_no_more_than_there_is_room_for() -> None:
    sessions = {name: SessionRow(name) for name in NAMES}
    jobs = {n: JobRow(n, name, "w1", True) for n, name in enumerate(NAMES)}
    fleet = Fleet(sessions, jobs, {"w1": (10, True), "w2": (4, False)})
    assert [type(each) for each in fleet.act()] == [End] * 4
    assert fleet.act() == []
    fleet.settle()
    assert Counter(job.worker for job in fleet.jobs.values()) == {"w1": 2, "w2": 4}


def test_a_session_goes_back_to_its_worker_unless_an_operator_has_ordered_otherwise() -> None:
    places = [Place("w1", 5, 0), Place("w2", 5, 3)]
    rows = [
        SessionRow("back", last="w2"),
        SessionRow("ordered", wanted="w1", last="w2"),
        SessionRow("orphan", last="dead"),
    ]
    assert set(decide(rows, [], places)) == {
        Give("back", "w2"),
        Give("ordered", "w1"),
        Give("orphan", "w1"),
    }
