"""Every state the core and its world can reach together, breadth first.

A node is the core's model with time taken out: a clock is set or not, a wait is over or not, a
budget holds so many. From each node the walk takes every fact the world can produce (stale and
repeated ones too), rings every clock in every order, lets budgets and bans run out, and lets the
supervisor's process die and come back. Each step is checked against `Environment` and the
`invariants`; the first broken promise is raised with the shortest way to it.

Real time orders clocks; the walk does not, so it visits everything that can happen and more.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from wa_supervisor.lifecycle import (
    Backoff,
    Budget,
    Child,
    Clock,
    Limit,
    Phase,
    Policy,
    Reason,
    Session,
    SessionCore,
    facts,
)
from wa_supervisor.lifecycle.guards import OUTAGES
from wa_supervisor.testing.environment import Broken, Environment
from wa_supervisor.testing.invariants import INVARIANTS, OF_THE_IGNORED, Edge, check
from wa_supervisor.testing.story import line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wa_supervisor.lifecycle import Step
    from wa_supervisor.lifecycle.facts import Fact

NOW = 1_000_000.0
LATER = 10.0
"""How far ahead of NOW the clock rings that is chosen to."""
COUNTED = 3
"""Budgets up to this size are counted in a node; a larger one counts as never spent."""
RESTARTS = "the supervisor restarts"
"""The move on which the supervisor's process dies and comes back."""
TOLD = frozenset({"detail", "bot_busy", "events_left_out"})
"""Fields of the model that people read and nothing is decided by."""
DECISIVE = {
    **{
        reason: reason
        for reason in (
            Reason.RELINK,
            Reason.RESUMED,
            Reason.STOPPED,
            Reason.TEMPORARY_BAN,
            Reason.REPLACED,
            Reason.PURGED,
            Reason.INBOX_FULL,
            Reason.HELD,
        )
    },
    **dict.fromkeys(OUTAGES, Reason.DIAL_FAILED),
}
"""The reasons something is decided by, outages all alike; any other stands for all others."""
TIMED = frozenset({"generation", "clocks", "spent", "not_before", "ban_until", "code_until"})


@dataclass(frozen=True, slots=True)
class Node:
    """The core's model without its times, and the environment."""

    facts: tuple[object, ...]
    """The model's other fields, in their order."""
    clocks: frozenset[Clock]
    spent: tuple[tuple[Budget, int], ...]
    waiting: bool
    """`not_before` lies ahead."""
    banned: bool
    """`ban_until` lies ahead."""
    coded: bool
    """A code was shown to this child's phone."""
    environment: Environment

    @property
    def phase(self) -> Phase:
        """Where the session is."""
        phase = self.facts[0]
        assert isinstance(phase, Phase)
        return phase


@dataclass(frozen=True, slots=True)
class Move:
    """One way on from a node; `step` is None where only time passed or the process restarted."""

    step: Step | None
    to: Node
    time: str = ""
    """What happened where no step was taken."""

    @property
    def label(self) -> str:
        """The move in one line."""
        return line(self.step) if self.step else self.time


@dataclass
class Graph:
    """What a walk found."""

    start: Node
    edges: dict[Node, list[Move]] = field(default_factory=dict)
    seconds: float = 0.0
    parents: dict[Node, tuple[Node, Move]] = field(default_factory=dict)
    """The node before each on its shortest way, and the move from there."""

    @property
    def states(self) -> int:
        """How many nodes were visited."""
        return len(self.edges)

    @property
    def steps(self) -> int:
        """How many edges were taken."""
        return sum(map(len, self.edges.values()))

    def path_to(self, node: Node) -> list[str]:
        """The shortest way from the start, a line each."""
        way = []
        while node in self.parents:
            node, move = self.parents[node]
            way.append(move.label)
        return way[::-1]

    def reaching(self, goals: set[Node]) -> set[Node]:
        """Every node from which one of the goals can be reached."""
        back: dict[Node, set[Node]] = {}
        for here, moves in self.edges.items():
            for move in moves:
                back.setdefault(move.to, set()).add(here)
        seen, todo = set(goals), list(goals)
        while todo:
            for node in back.get(todo.pop(), set()) - seen:
                seen.add(node)
                todo.append(node)
        return seen


def explore(
    policy: Policy, *, inbox: bool = False, turns: bool = False, most: int = 50_000
) -> Graph:
    """Walk everything reachable under `policy`, whose retries must be few, or without end.

    With `inbox` it may fill up at any time and be read again, which doubles the states; so does
    `turns`, with which dials may be held at any time, and then are allowed one at a time.

    Raises Broken at the first promise not kept, or when there are more than `most` states: then
    something grows without a bound.
    """
    if (policy.backoff.max_retries or 0) > COUNTED:
        raise ValueError(f"to be walked, a policy must allow at most {COUNTED} retries, or any")
    return _Walk(policy, inbox=inbox, turns=turns).run(most)


class _Walk:
    def __init__(self, policy: Policy, *, inbox: bool, turns: bool) -> None:
        self.policy = policy
        self.left_out: tuple[type[Fact], ...] = (
            *(() if inbox else (facts.InboxFull, facts.InboxDrained)),
            *(() if turns else (facts.DialsHeld, facts.DialAllowed)),
        )
        self.core = SessionCore(Session(), policy, jitter=lambda: 0.5)
        # Where retries never run out, nothing is decided by their number.
        uncounted = {"retries"} if policy.backoff.max_retries is None else set()
        self.plain = [f for f in Session.__slots__ if f not in TOLD | TIMED | uncounted]
        self.counted = [b for b in Budget if policy.limit(b).count <= COUNTED]
        self.graph = Graph(self.node_of(self.core.session, NOW, Environment()))

    def run(self, most: int) -> Graph:
        graph, began = self.graph, time.perf_counter()
        todo = deque([graph.start])
        graph.edges[graph.start] = []
        while todo:
            here = todo.popleft()
            for move in self.moves(here):
                graph.edges[here].append(move)
                if move.to not in graph.edges:
                    graph.edges[move.to] = []
                    graph.parents[move.to] = here, move
                    todo.append(move.to)
            if len(graph.edges) > most:
                way = "\n  ".join(graph.path_to(todo[-1]))
                raise Broken(f"more than {most} states; one of the last:\n  {way}")
        graph.seconds = time.perf_counter() - began
        return graph

    def moves(self, here: Node) -> Iterator[Move]:
        for fact in here.environment.possible():
            if isinstance(fact, self.left_out):
                continue
            yield self.take(here, fact)
            if isinstance(fact, facts.PairingTimedOut) and here.coded:
                yield self.take(here, fact, code_died=True)
        for clock in here.clocks:
            yield self.take(here, clock)
        yield from self.time_passes(here)
        self.enter(here)
        environment = replace(here.environment.restarted())
        revived = self.core.session.revived()
        yield Move(None, self.node_of(revived, NOW, environment), RESTARTS)

    def time_passes(self, here: Node) -> Iterator[Move]:
        if here.spent:
            for budget, count in here.spent:
                others = tuple((b, n) for b, n in here.spent if b is not budget)
                left = ((budget, count - 1),) if count > 1 else ()
                spent = tuple(sorted((*others, *left), key=_by_name))
                past = f"{budget.value} are forgotten"
                yield Move(None, replace(here, spent=spent), past)
        if Clock.RETRY not in here.clocks:  # else the wait ends when that clock rings
            if here.banned:
                yield Move(None, replace(here, banned=False), "the ban ends")
            if here.waiting and not here.banned:
                yield Move(None, replace(here, waiting=False), "the wait ends")

    def take(self, here: Node, what: Fact | Clock, *, code_died: bool = False) -> Move:
        now = NOW + LATER if isinstance(what, Clock) else NOW
        session = self.enter(here, what if isinstance(what, Clock) else None)
        if code_died:
            session.code_until = NOW - 1000
        before = replace(session, clocks=dict(session.clocks), spent=dict(session.spent))
        step = self.core.tick(now) if isinstance(what, Clock) else self.core.handle(what, now)
        assert step is not None, f"{what} was to ring"
        try:
            environment = here.environment.after(step)
            edge = Edge(before, here.environment, step, session, environment, now, self.policy)
            # Where nothing changed, what holds of states was found to hold on arrival.
            check(edge, INVARIANTS if step.taken else OF_THE_IGNORED)
        except Broken as broken:
            way = "\n  ".join([*self.graph.path_to(here), line(step)])
            raise Broken(f"{broken}\n  {way}") from None
        if not step.taken and not isinstance(what, Clock):
            return Move(step, here)
        return Move(step, self.node_of(session, now, environment))

    def node_of(self, session: Session, now: float, environment: Environment) -> Node:
        counts = (
            (b, len(self.policy.limit(b).fresh(session.spent.get(b, ()), now)))
            for b in self.counted
        )
        return Node(
            tuple(_merged(f, session) for f in self.plain),
            frozenset() if session.phase is Phase.STOPPED else frozenset(session.clocks),
            tuple((b, n) for b, n in sorted(counts, key=_by_name) if n),
            (session.not_before or now) > now,
            (session.ban_until or now) > now,
            session.phase is Phase.PAIRING and session.code_until is not None,
            replace(environment, generation=min(environment.generation, 2)),
        )

    def enter(self, node: Node, ringing: Clock | None = None) -> Session:
        """Put the core into this node, such that `ringing` is due at NOW + LATER."""
        session = self.core.session
        for name, value in zip(self.plain, node.facts, strict=True):
            setattr(session, name, value)
        session.detail = ""
        session.retries = session.retries if "retries" in self.plain else 0
        session.generation = node.environment.generation
        session.code_until = NOW + LATER if node.coded else None
        soon, late = NOW + LATER, NOW + 2 * LATER
        session.clocks = {c: soon if c is ringing else late for c in node.clocks}
        waited = soon if ringing is Clock.RETRY else late
        session.not_before = waited if node.waiting else None
        session.ban_until = waited if node.banned else None
        session.spent = {b: (NOW - 1,) * n for b, n in node.spent}
        dials = session.spent.get(Budget.DIALS, ())
        if ringing is Clock.RETRY and len(dials) >= self.policy.dials.count:
            # The wait lasted until there was room for one more dial.
            session.spent[Budget.DIALS] = (soon - self.policy.dials.window, *dials[1:])
        return session


def _merged(name: str, session: Session) -> object:
    """A field of the model, up to what anything is decided by."""
    value = getattr(session, name)
    if name == "offering" and session.child is Child.NONE:
        return False
    if not isinstance(value, Reason):
        return value
    told = name == "cause" and session.phase not in {Phase.BACKOFF, Phase.GAVE_UP}
    return Reason.CHILD_EXITED if told else DECISIVE.get(value, Reason.CHILD_EXITED)


def _by_name(item: tuple[Budget, int]) -> str:
    return item[0].value


_PLENTY = Limit(count=1000, window=3600.0)
_ROOMY = Policy(
    backoff=Backoff(max_retries=0),
    dials=_PLENTY,
    flaps=_PLENTY,
    conflicts=_PLENTY,
    windows=_PLENTY,
    bans=_PLENTY,
    crashes=_PLENTY,
)


def _but(**changes: object) -> Policy:
    return _ROOMY.model_copy(update=changes)


POLICIES: dict[str, Policy] = {
    "no retries": _ROOMY,
    # A minute's wait is worth a watch of the network.
    "retries without end": _but(backoff=Backoff(base=60.0, max_retries=None)),
    "two retries": _but(backoff=Backoff(max_retries=2)),
    "forgiven at once": _but(backoff=Backoff(max_retries=1, stable_after=0)),
    **{
        f"{budget.value}: {count}": _but(**{budget.value: Limit(count=count, window=3600.0)})
        for budget in Budget
        for count in (1, 2)
    },
}
"""Small policies which together exercise every budget at its brink."""
