"""Hypothesis strategies: what can happen to a session, with everything about it drawn.

The only module here that needs Hypothesis, which is not a dependency of the package.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hypothesis import strategies as st
from pydantic import SecretStr

from ..lifecycle import Backoff, Child, Conflict, Limit, Phase, Policy, Work, facts
from .clock import VirtualSession
from .environment import Environment
from .samples import every_fact

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..lifecycle.facts import Fact

SECONDS = st.one_of(
    st.sampled_from([0.0, 0.5, 10.0, 18.0, 30.0, 60.0, 90.0, 180.0, 300.0, 900.0, 3600.0, 86400.0]),
    st.floats(0, 4000),
)
"""Waits, the chart's own numbers among them."""


def policies() -> st.SearchStrategy[Policy]:
    """Policies with small budgets, so that a short life meets their ends."""

    def limits(least: int = 0) -> st.SearchStrategy[Limit]:
        return st.builds(
            Limit, count=st.integers(least, 3), window=st.sampled_from([60.0, 3600.0, 86400.0])
        )

    return st.builds(
        Policy,
        backoff=st.builds(
            Backoff,
            shape=st.sampled_from(["exponential", "fibonacci"]),
            base=st.sampled_from([1.0, 3.0]),
            cap=st.sampled_from([2.0, 300.0, 900.0]),
            jitter=st.sampled_from([0.0, 0.1, 0.5]),
            max_retries=st.none() | st.integers(0, 4),
            stable_after=st.sampled_from([0.0, 60.0]),
        ),
        conflict=st.sampled_from(Conflict),
        dials=limits(1) | st.just(Limit(count=1000, window=60.0)),
        flaps=limits(),
        conflicts=limits(),
        windows=limits(),
        bans=limits(),
        crashes=limits(),
    )


def facts_for(environment: Environment) -> st.SearchStrategy[Fact]:
    """One of the facts this world can produce now, with particulars drawn afresh."""
    return st.sampled_from(list(environment.possible())).flatmap(_particulars)


def _particulars(fact: Fact) -> st.SearchStrategy[Fact]:
    texts = st.text(min_size=1, max_size=8)
    lifetimes = st.sampled_from([20.0, 60.0, 160.0])
    drawn: dict[type[Fact], Callable[[], st.SearchStrategy[Fact]]] = {
        facts.QrOffered: lambda: st.builds(
            facts.QrOffered, st.just(_of(fact)), texts.map(SecretStr), lifetimes
        ),
        facts.PairCodeOffered: lambda: st.builds(
            facts.PairCodeOffered, st.just(_of(fact)), texts.map(SecretStr), lifetimes
        ),
        facts.TemporaryBan: lambda: st.builds(
            facts.TemporaryBan,
            st.just(_of(fact)),
            st.none() | st.integers(101, 106),
            st.none() | st.floats() | st.floats(-10, 1e6),
        ),
        facts.KeepAliveTimeout: lambda: st.builds(
            facts.KeepAliveTimeout, st.just(_of(fact)), st.integers(1, 9)
        ),
        facts.ConnectFailure: lambda: st.builds(
            facts.ConnectFailure, st.just(_of(fact)), st.none() | st.integers(400, 599)
        ),
    }
    return drawn[type(fact)]() if type(fact) in drawn else st.just(fact)


def _of(fact: Fact) -> int:
    assert isinstance(fact, facts.ChildFact)
    return fact.generation


def forged_facts(generation: int) -> st.SearchStrategy[Fact]:
    """Facts the shell promises never to send: alarms by hand, answers nobody asked for."""
    asked = (facts.Start, facts.Stop, facts.Resume, facts.Restart, facts.Relink)
    return st.sampled_from([f for f in every_fact(generation) if not isinstance(f, asked)])


@st.composite
def played_sessions(
    draw: st.DrawFn, policy: Policy | None = None, *, moves: int = 40
) -> VirtualSession:
    """A session that has lived: up to `moves` facts and waits, each possible when it came."""
    play = VirtualSession(policy or draw(policies()), seed=draw(st.integers(0, 99)))
    play.happen(facts.Start())
    kinds = st.sampled_from(["something", "time", *MOVES])
    for move in draw(st.lists(kinds, max_size=moves)):
        if move == "something":
            play.happen(draw(facts_for(play.environment)))
        elif move == "time":
            play.advance(draw(SECONDS))
        else:
            MOVES[move](play)
    return play


def come_up(play: VirtualSession) -> None:
    """The way to Connected as it goes when all is well."""
    if play.phase is Phase.GAVE_UP:
        play.happen(facts.Resume())
    settle(play)
    play.happen(facts.Start())
    if play.phase is Phase.BACKOFF and math.isfinite(play.deadline or math.inf):
        play.ring()
    if play.environment.child is Child.RUNNING:
        play.hear(facts.QrOffered, SecretStr("a code"), 60.0)
        play.hear(facts.PairSucceeded)
        play.hear(facts.Connected)


def settle(play: VirtualSession) -> None:
    """Give every answer that is owed, and a good one."""
    if play.environment.child is Child.STOPPING:
        play.hear(facts.ChildExited, 0, None)
    if play.environment.files is Work.RESTORING:
        play.happen(facts.RestoreDone())
    if play.environment.files is Work.PURGING:
        play.happen(facts.PurgeDone())


def ring(play: VirtualSession) -> None:
    """Let the next clock ring."""
    play.ring()


def restart(play: VirtualSession) -> None:
    """Replace the supervisor's process."""
    play.restart()
    play.happen(facts.Start())


MOVES: dict[str, Callable[[VirtualSession], None]] = {
    "come up": come_up,
    "settle": settle,
    "ring": ring,
    "restart": restart,
}
"""What a life is made of, besides facts and waits that are drawn."""
