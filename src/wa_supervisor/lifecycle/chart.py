"""The life of one WhatsApp session, as a chart.

Rules of this file: it is the whole lifecycle, and `guards.py` and `actions.py` say what its names
mean; callbacks are synchronous, change only the session and append effects to the outbox; nothing
here waits, reads a clock or does I/O. What a fact does is said in three places, in the order in
which they are asked: whether it is believed (`BELIEVED`), what is remembered of it wherever the
session is (`NOTED`), and where it leads (`SessionChart`).

A session starts in **Init** with a dial. Without keys WhatsApp answers with QR codes: **Pairing**,
until a phone scans one; then it is `linking`, until the first login completes. With keys WhatsApp
answers with **Connected**, which is `online`, `degraded` while keepalives go unanswered, or
`reconnecting` while whatsmeow redials by itself. These three states are `active`: a session process
runs or is about to.

Whatever ends that without ending the keys leads to **Backoff**: the process is replaced after a
wait that grows with each retry and is reset only by a stable connection. A crash never costs keys.

If WhatsApp says the device is no longer linked, the keys are dead: **LoggedOut**. The process is
ended, and only when it was reaped do the files go: **Purging**, then Backoff, Init and a fresh QR.
A first 401 at login is doubted: the snapshot is put back and tried once. A locked or banned account
is held with its files untouched.

What waiting cannot mend rests in **GaveUp** with a reason, and only an operator leads out of it:
`resume` with a fresh budget, `relink` with a fresh pairing. `restart` replaces a process that runs,
by way of Backoff, and forgives nothing: so it does nothing where none runs. `stop` ends in
**Stopped** from everywhere.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from statemachine import State, StateChart

from . import facts
from .actions import Actions
from .facts import FACTS, Alarm, ChildFact, Fact
from .model import ACTIVE, CONNECTED, Phase, Session
from .policy import Policy

if TYPE_CHECKING:
    from statemachine.transition_list import TransitionList


def _for_each_kind(rules: Mapping[type[Fact], str]) -> Mapping[type[Fact], str]:
    """Spell out for every fact what is said of its base class."""
    return {
        kind: rules[base]
        for kind in FACTS.values()
        if (base := next((each for each in kind.__mro__ if each in rules), None))
    }


BELIEVED: Mapping[type[Fact], str] = _for_each_kind(
    {
        ChildFact: "of_the_living_child",
        Alarm: "due",
        facts.PurgeDone: "being_purged",
        facts.PurgeFailed: "being_purged",
        facts.RestoreDone: "being_restored",
        facts.NothingToRestore: "being_restored",
        facts.RestoreFailed: "being_restored",
    }
)
"""On which condition a fact is believed; if it fails, the fact is stale and ignored.

What is not named here is believed always.
"""

NOTED: Mapping[type[Fact], str] = _for_each_kind(
    {
        Alarm: "note_rung",
        facts.ChildExited: "note_child_gone",
        facts.StartRefused: "note_child_gone",
        facts.BotFailed: "note_bot_failed",
        facts.BotEventUnusable: "note_event_unusable",
        facts.BotBusy: "note_bot_busy",
        facts.BotFree: "note_bot_free",
        facts.InboxFull: "note_inbox_full",
        facts.InboxDrained: "note_inbox_drained",
        facts.DialsHeld: "note_dials_held",
        facts.LoggedOut: "note_dead_keys",
        facts.TemporaryBan: "note_ban",
        facts.PurgeDone: "note_purged",
        facts.RestoreDone: "note_restored",
        facts.NothingToRestore: "note_no_snapshot",
        facts.PurgeFailed: "note_files_idle",
        facts.RestoreFailed: "note_files_idle",
    }
)
"""What a believed fact leaves to be remembered in every state, in Stopped too.

It is noted before the transition is chosen, so guards know of it.
"""


def _retry(
    waits: State,
    ends: State,
    *sources: State | type[State.Compound],
    cond: Sequence[str] = (),
    on: Sequence[str] = (),
    waiting: Sequence[str] = (),
) -> TransitionList:
    """While retries are left, wait and try again; else give up."""
    again = waits.from_(*sources, cond=[*cond, "retries_left"], on=[*on, "count_retry", *waiting])
    chosen: TransitionList = again | ends.from_(*sources, cond=[*cond], on=[*on, "set_exhausted"])
    return chosen


_LINEAGE: Mapping[Phase, frozenset[Phase | str]] = {
    **{phase: frozenset({phase}) for phase in Phase},
    **{phase: frozenset({phase, "active"}) for phase in ACTIVE},
    **{phase: frozenset({phase, "active", "pairing"}) for phase in (Phase.PAIRING, Phase.LINKING)},
    **{phase: frozenset({phase, "active", "connected"}) for phase in CONNECTED},
}
"""Each innermost state with those it lies in, as the library wants to be told."""


class Slot:
    """What the library takes for its model: it reads and writes the phase of the session in it.

    So one chart serves every session. A chart costs 7 ms and 458 KB to build, a session 2 KB.
    """

    def __init__(self) -> None:
        self.session = Session()

    @property
    def configuration(self) -> Collection[Phase | str]:
        """The phase and the states around it."""
        return set(_LINEAGE[self.session.phase])

    @configuration.setter
    def configuration(self, states: Collection[Phase | str] | Phase) -> None:
        found = [states] if isinstance(states, Phase) else states
        (self.session.phase,) = (state for state in found if isinstance(state, Phase))


class SessionChart(Actions, StateChart[Slot]):
    """States and transitions. The names in quotes are those of `Guards` and `Actions`."""

    allow_event_without_transition = True  # late facts are normal; the core reports them
    catch_errors_as_events = False  # a bug in a callback must surface
    atomic_configuration_update = True  # no reader ever sees "no active state"
    enable_self_transition_entries = False  # a target-less transition enters nothing

    class active(State.Compound):  # noqa: N801 - a state, not a class to use
        """A child is wanted."""

        init = State("Init", value=Phase.INIT, initial=True)

        class pairing(State.Compound):  # noqa: N801
            """A phone is to be linked."""

            offering = State("code shown", value=Phase.PAIRING, initial=True, exit="hide_code")
            linking = State("linking", value=Phase.LINKING, enter="await_login")

            scan_unusable = offering.to(None, on="notify_scan_unusable")

        class connected(State.Compound):  # noqa: N801
            """Logged in; whatsmeow owns the socket and its redials."""

            online = State("online", value=Phase.ONLINE, initial=True, enter="come_online")
            degraded = State("degraded", value=Phase.DEGRADED, enter="probe")
            reconnecting = State("reconnecting", value=Phase.RECONNECTING, enter="await_redial")

            keepalive_missed = online.to(degraded)
            keepalive_restored = degraded.to(online)
            stayed_up = online.to(None, on=["reset_retries", "take_snapshot"])

        pair_succeeded = pairing.linking.from_(init, pairing.offering)
        link_established = connected.online.from_(
            init, pairing, connected.degraded, connected.reconnecting, on="take_first_snapshot"
        )

    logged_out = State("LoggedOut", value=Phase.LOGGED_OUT, enter="stop_child")
    purging = State("Purging", value=Phase.PURGING, enter="purge_files")
    backoff = State("Backoff", value=Phase.BACKOFF, enter="begin_wait", exit="end_network_watch")
    gave_up = State("GaveUp", value=Phase.GAVE_UP, enter="give_up")
    stopped = State("Stopped", value=Phase.STOPPED, final=True, enter="stop_child")

    # Beginning: dead keys are dealt with first, and no start overruns a wait.
    start = (
        active.init.to(logged_out, cond="keys_dead", unless="child_alive", on="set_dead_keys")
        | active.init.to(backoff, cond="inbox_is_full", unless="child_alive", on="set_inbox_full")
        | active.init.to(backoff, cond="dial_too_early", unless="child_alive")
        | active.init.to(backoff, cond="dials_are_held", unless="child_alive", on="set_held")
        | active.init.to(None, unless="child_alive", on="start_child")
    )

    # The link is lost and waiting may mend it.
    link_failed = _retry(backoff, gave_up, active, on=["set_cause"])
    child_exited = (
        gave_up.from_(active, cond="crashes_spent", on=["set_cause", "set_crash_loop"])
        | _retry(backoff, gave_up, active, on=["set_cause"], waiting=["count_crash"])
        | backoff.to(None)
        | logged_out.to(None)
    )
    link_dropped = _retry(
        backoff,
        gave_up,
        active.connected.online,
        active.connected.degraded,
        cond=["flaps_spent"],
        on=["set_cause"],
    ) | active.connected.reconnecting.from_(
        active.connected.online, active.connected.degraded, on="count_flap"
    )
    pairing_failed = _retry(backoff, gave_up, active.init, active.pairing, on=["set_cause"])

    # Codes to scan or type, a window of them at a time.
    pairing_offered = (
        active.init.to(active.pairing, cond="windows_left", on=["open_window", "show_code"])
        | active.init.to(gave_up, on="set_cause")
        | active.pairing.offering.to(None, on="show_code")
    )

    # Nobody scanned. neonize says `timeout` for a dropped socket too: that one is a failed attempt.
    pairing_timed_out = (
        _retry(
            backoff,
            gave_up,
            active.init,
            active.pairing.offering,
            cond=["code_still_good"],
            on=["set_code_cut_off"],
        )
        | active.pairing.offering.to(backoff, cond="windows_left", on="set_cause")
        | active.pairing.offering.to(gave_up, on="set_cause")
    )
    pairing_window_closed = active.pairing.offering.to(
        backoff, cond="windows_left", on="set_cause"
    ) | active.pairing.offering.to(gave_up, on="set_cause")

    # WhatsApp's word. What it says again while its child is ending counts once.
    banned_for_now = (
        backoff.to(None, cond="already_known", on="plan_wait")
        | gave_up.from_(active, backoff, cond="bans_spent", on=["set_cause", "set_banned_again"])
        | backoff.from_(active, on=["set_cause", "count_ban", "notify"])
        | backoff.to(None, on=["set_cause", "count_ban", "notify", "plan_wait"])
    )
    replaced = (
        backoff.to(None, cond="already_known")
        | backoff.from_(active, cond="may_return", on=["set_cause", "count_conflict"])
        | backoff.to(None, cond="may_return", on=["set_cause", "count_conflict", "plan_wait"])
        | gave_up.from_(active, backoff, on="set_cause")
    )
    refused = gave_up.from_(active, backoff, on="set_cause")

    # The keys are dead. Only LoggedOut leads to Purging, and only with the child reaped.
    unlinked = logged_out.from_(active, backoff, on="set_cause")
    logged_out.to(purging, cond="free_to_purge")
    logged_out.to(None, cond="free_to_restore", on="restore_snapshot")
    logged_out.to(gave_up, cond="free_to_hold", on="set_dead_keys")
    restore_done = (
        logged_out.to(None, cond="keys_dead")  # a relink came in between
        | logged_out.to(backoff, cond="operator_asked", on="set_reason")
        | _retry(backoff, gave_up, logged_out, waiting=["set_reason"])
    )
    nothing_restored = logged_out.to(None)
    restore_failed = (
        logged_out.to(None, cond="keys_to_purge")  # as above
        | gave_up.from_(logged_out, on="set_cause")
        | gave_up.to(None, on=["set_cause", "give_up"])
    )
    purge_done = backoff.from_(
        purging, logged_out, cond="operator_asked", on="set_reason"
    ) | _retry(backoff, gave_up, purging, logged_out, waiting=["set_reason", "notify"])
    purge_failed = gave_up.from_(purging, logged_out, on="set_cause") | gave_up.to(
        None, on=["set_cause", "give_up"]
    )
    files_timed_out = gave_up.from_(purging, logged_out, on=["set_cause", "set_files_silent"])
    child_stuck = gave_up.from_(logged_out, backoff, on="set_cause")

    # The wait is over once the clock has rung and the old child was reaped.
    backoff_elapsed = backoff.to(None)
    network_back = backoff.to(None, cond="unreachable", on="dial_soon")
    backoff.to(active, cond="retry_due", on="start_child")
    backoff.to(None, cond="inbox_still_full", on=["set_inbox_full", "plan_wait"])

    # One of many: each dial waits until whoever runs them all allows it.
    backoff.to(None, cond="due_but_held", on=["set_held", "look_again"])
    dials_held = backoff.to(None, cond="waiting_for_turn", on="set_held")
    dial_allowed = backoff.to(active, cond="waiting_for_turn", on=["set_turn_come", "start_child"])

    # The inbox is full: what comes now is better kept by WhatsApp.
    inbox_filled = backoff.from_(active, cond="child_alive", on="set_cause")
    inbox_drained = backoff.to(None, cond="waiting_for_inbox", on="dial_soon")

    # The operator.
    stop = stopped.from_(active, logged_out, purging, backoff, gave_up, on="set_reason")
    resume = (
        gave_up.to(logged_out, cond="keys_dead", on=["set_reason", "reset_budgets", "plan_try"])
        | gave_up.to(backoff, on=["set_reason", "reset_budgets"])
        | backoff.to(None, on=["set_reason", "reset_budgets", "plan_wait"])
    )
    restart = backoff.from_(active, cond="child_alive", on=["set_reason", "offer_all_events"])
    relink = (
        logged_out.from_(active, backoff, gave_up, on=["set_reason", "reset_budgets", "plan_purge"])
        | logged_out.to(None, on=["set_reason", "reset_budgets", "plan_purge"])
        | purging.to(None, on=["set_reason", "reset_budgets"])
    )

    def __init__(self) -> None:
        # Set by `take` for each fact: eventless transitions carry no arguments.
        self.outbox = []
        self.taken = False
        self.now = self.sample = 0.0
        self.policy = Policy()
        slot = Slot()
        self.session = slot.session
        super().__init__(slot, state_field="configuration")

    def take(self, fact: Fact, session: Session, policy: Policy, now: float, sample: float) -> bool:
        """Let one session take one fact; whether that meant anything. Effects are in `outbox`."""
        self.session = self.model.session = session
        self.policy, self.now, self.sample = policy, now, sample
        self.outbox, self.taken = [], False
        self._engine.running = True  # the library halts it in Stopped, and this session is another
        kind = type(fact)
        if kind in BELIEVED and not getattr(self, BELIEVED[kind])(fact):
            return False
        noted = kind in NOTED and getattr(self, NOTED[kind])(fact)
        if fact.trigger in TRIGGERS[session.phase]:
            self.send(fact.trigger, fact=fact)
        return noted or self.taken


def _triggers_of(state: State) -> frozenset[str]:
    own = {event.id for move in state.transitions for event in move.events if event.id}
    return frozenset(own) | (_triggers_of(state.parent) if state.parent else frozenset())


TRIGGERS: Mapping[Phase, frozenset[str]] = {
    phase: _triggers_of(SessionChart.states_map[phase]) for phase in Phase
}
"""What each phase can answer, read off the chart.

The core asks it first: in a storm of facts that mean nothing here, asking the chart would cost
0.2 ms each, and its answer would be the same.
"""
