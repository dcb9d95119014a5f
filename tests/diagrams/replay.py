"""One edge that spin explored, taken by the real core."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from lab.spin.bodies import ORACLES
from lab.spin.promela import FACT_NAMES
from wa_supervisor.lifecycle import (
    Backoff,
    Budget,
    Child,
    Clock,
    DeadKeysPlan,
    Logout,
    Phase,
    Policy,
    Reason,
    Session,
    SessionCore,
    Work,
    facts,
)
from wa_supervisor.lifecycle.core import ALARMS
from wa_supervisor.lifecycle.facts import Fact, reason_of

NOW = 1_000_000.0
PHASES, CLOCKS = list(Phase), list(Clock)
CHILDREN, WORKS = list(Child), list(Work)
SEQUELS: list[DeadKeysPlan | None] = [
    None,
    DeadKeysPlan.PURGE,
    DeadKeysPlan.RESTORE,
    DeadKeysPlan.HOLD,
    DeadKeysPlan.TRY,
]

_PAYLOADS: dict[str, dict[str, Any]] = {
    "QrOffered": {"payload": SecretStr("qr"), "lifetime": 20.0},
    "PairCodeOffered": {"code": SecretStr("code"), "lifetime": 160.0},
    "PairingFailed": {"status": "error"},
    "PairCodeRefused": {"limited": True},
    "KeepAliveTimeout": {"errors": 1},
    "StreamError": {"code": "500"},
    "DialFailed": {"detail": ""},
    "ConnectFailure": {"code": 500},
    "StorageFailed": {"detail": ""},
    "TemporaryBan": {"code": 101, "expires_in": 60.0},
    "ChildExited": {"returncode": 0, "signal": None},
    "BotBusy": {"seconds": 31.0},
    "ProbeFailed": {"detail": ""},
    "PurgeFailed": {"detail": ""},
    "RestoreFailed": {"detail": ""},
    "StorageUnavailable": {"detail": ""},
    "ClientUnusable": {"detail": ""},
    "BotFailed": {"detail": ""},
}


def fact_called(name: str) -> Fact:
    """An instance of the fact the model calls so."""
    kind, _, how = name.partition("_")
    made: type[Fact] = getattr(facts, kind)
    payload = dict(_PAYLOADS.get(kind, {}))
    if issubclass(made, facts.ChildFact):
        payload["generation"] = 1
    if how:
        payload["how"] = Logout[how.upper()]
    return made(**payload)


@dataclass(frozen=True)
class State:
    """The core's half of the model."""

    phase: int
    child: int
    work: int
    sequel: int
    retries: int
    strikes: int
    given_up: int
    clocks: tuple[int, ...]

    @classmethod
    def read(cls, numbers: list[int]) -> State:
        phase, child, work, sequel, retries, strikes, given_up, *clocks = numbers
        return cls(phase, child, work, sequel, retries, strikes, given_up, tuple(clocks))

    @classmethod
    def of(cls, session: Session, *, counted: bool) -> State:
        return cls(
            PHASES.index(session.phase),
            CHILDREN.index(session.child),
            WORKS.index(session.work),
            SEQUELS.index(session.dead_keys_plan),
            session.retries if counted else 0,
            min(session.strikes, 2),
            int(session.given_up is not None),
            tuple(int(c in session.clocks) for c in CLOCKS),
        )

    def session(self) -> Session:
        return Session(
            phase=PHASES[self.phase],
            reason=Reason.LOGGED_OUT,
            generation=1,
            child=CHILDREN[self.child],
            retries=self.retries,
            strikes=self.strikes,
            dead_keys_plan=SEQUELS[self.sequel],
            dead_keys_reason=Reason.LOGGED_OUT if SEQUELS[self.sequel] else None,
            given_up=Reason.RETRIES_EXHAUSTED if self.given_up else None,
            work=WORKS[self.work],
            clocks={c: NOW + 100 for c, is_set in zip(CLOCKS, self.clocks, strict=True) if is_set},
        )


class Player:
    """One core for many edges: a chart is slow to build. One that has stopped is spent."""

    def __init__(self, max_retries: int | None) -> None:
        self.policy = Policy(backoff=Backoff(max_retries=max_retries))
        self.counted = max_retries is not None
        self._core: SessionCore | None = None

    def play(self, session: Session, fact: Fact) -> Session:
        """The session after the fact."""
        core = self._core = self._core or SessionCore(Session(), self.policy, jitter=lambda: 0.5)
        for name in Session.__slots__:
            setattr(core.session, name, getattr(session, name))
        if (
            core.handle(fact, NOW).phase_after is Phase.STOPPED
            and session.phase is not Phase.STOPPED
        ):
            self._core = None
        return core.session


@dataclass(frozen=True)
class Explored:
    """An edge as pan reports it: the fact, what the oracles said, before and after."""

    fact: str
    said: frozenset[str]
    before: State
    after: State

    @classmethod
    def read(cls, line: str) -> Explored:
        _, fact, *rest = line.split()
        numbers = [int(n) for n in rest]
        said, states = numbers[: len(ORACLES)], numbers[len(ORACLES) :]
        half = len(states) // 2
        return cls(
            FACT_NAMES[int(fact) - 1],
            frozenset(o for o, yes in zip(ORACLES, said, strict=True) if yes),
            State.read(states[:half]),
            State.read(states[half:]),
        )

    def replayed(self, player: Player) -> State:
        """Where the core gets from the same state, by the same fact and the same luck."""
        session, counted = self.before.session(), player.counted
        if self.fact == "Rebooted":
            return State.of(session.revived(), counted=counted)
        fact = fact_called(self.fact)
        self._arrange(session, fact, player.policy)
        return State.of(player.play(session, fact), counted=counted)

    def _arrange(self, session: Session, fact: Fact, policy: Policy) -> None:
        for clock, alarm in ALARMS.items():
            if alarm == fact:
                session.clocks[clock] = NOW
        spent = {
            Budget.FLAPS: "flapping" in self.said,
            Budget.WINDOWS: "windows_left" not in self.said,
            Budget.BANS: "bans_spent" in self.said,
            Budget.CRASHES: "crash_loop" in self.said,
            Budget.CONFLICTS: "may_return" not in self.said,
        }
        session.spent = {b: (NOW,) * policy.limit(b).count for b, yes in spent.items() if yes}
        session.not_before = NOW + 5 if "too_early" in self.said else None
        session.code_until = None if "cut_short" in self.said else NOW - 1
        session.reason = Reason.RESUMED if "asked" in self.said else Reason.LOGGED_OUT
        if "cut_off" in self.said:
            session.reason = Reason.DIAL_FAILED
        session.cause = reason_of(fact) if "known" in self.said else None
