"""The life of one WhatsApp session, as a chart.

Rules of this file: it is the whole lifecycle; callbacks are synchronous, change only the model and
append effects to the outbox; nothing here waits, reads a clock or does I/O.

A session starts in **Init** with a dial. Without keys WhatsApp answers with QR codes: **Pairing**,
until a phone scans one and the first login completes. With keys it answers with **Connected**,
which is `online`, `degraded` while keepalives go unanswered, or `reconnecting` while whatsmeow
redials by itself. Those three are `active`: a child process runs or is about to.

Whatever ends that without ending the keys leads to **Backoff**: the child is replaced after a wait
that grows with each retry and is forgiven only by a stable connection. A crash never costs keys.

If WhatsApp says the device is no longer linked, the keys are dead: **LoggedOut**. The child is torn
down, and only when it was reaped do the files go: **Purging**, then Backoff, Init and a fresh QR.
A first 401 at login is doubted: the snapshot is put back and tried once. A locked or banned account
is held with its files untouched.

What waiting cannot mend rests in **GaveUp** with a reason, and only an operator leads out of it:
`resume` with a fresh budget, `relink` with a fresh pairing. `stop` ends in **Stopped** from
everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from statemachine import State, StateChart

from .decisions import Decisions
from .model import Phase, Session

if TYPE_CHECKING:
    from .effects import Effect
    from .policy import Policy


class SessionChart(Decisions, StateChart[Session]):
    """States and transitions. The names in quotes are guards and actions of `Decisions`."""

    allow_event_without_transition = True  # late facts are normal; the core reports them
    catch_errors_as_events = False  # a bug in a callback must surface
    atomic_configuration_update = True  # no reader ever sees "no active state"
    enable_self_transition_entries = False  # a target-less transition enters nothing

    class active(State.Compound):  # noqa: N801 - a state, not a class to use
        """A child is wanted."""

        init = State("Init", value=Phase.INIT, initial=True)
        pairing = State("Pairing", value=Phase.PAIRING, exit="hide_pairing")

        class connected(State.Compound):  # noqa: N801
            """Logged in; whatsmeow owns the socket and its redials."""

            online = State("online", value=Phase.ONLINE, initial=True, enter="come_online")
            degraded = State("degraded", value=Phase.DEGRADED, enter="watch_keepalive")
            reconnecting = State("reconnecting", value=Phase.RECONNECTING, enter="watch_redials")

            keepalive_missed = online.to(degraded)
            keepalive_restored = degraded.to(online)
            stayed_up = online.to(None, on="forgive")

        pairing_offered = init.to(pairing, on=["open_window", "show"]) | pairing.to(None, on="show")
        pair_succeeded = pairing.to(None, on="await_link") | init.to(None, on="await_link")
        scan_unusable = pairing.to(None, on="tell_scan_unusable")
        link_established = connected.online.from_(
            init, pairing, connected.degraded, connected.reconnecting
        )

    logged_out = State("LoggedOut", value=Phase.LOGGED_OUT, enter="tear_down")
    purging = State("Purging", value=Phase.PURGING, enter="purge")
    backoff = State("Backoff", value=Phase.BACKOFF, enter="plan_retry")
    gave_up = State("GaveUp", value=Phase.GAVE_UP, enter="call_for_help")
    stopped = State("Stopped", value=Phase.STOPPED, final=True, enter="tear_down")

    # Beginning: dead keys are dealt with first, and no start overruns the dial budget.
    start = (
        active.init.to(logged_out, cond="keys_dead", unless="child_alive")
        | active.init.to(backoff, cond="too_early", unless="child_alive", on="await_turn")
        | active.init.to(None, unless="child_alive", on="launch")
    )

    # The link is lost and waiting may mend it: retry while the budget lasts.
    link_failed = backoff.from_(active, cond="retries_left", on=["blame", "count_retry"]) | (
        gave_up.from_(active, on=["blame", "exhaust"])
    )
    child_exited = (
        backoff.from_(active, cond="retries_left", on=["blame", "count_retry"])
        | gave_up.from_(active, on=["blame", "exhaust"])
        | backoff.to(None)
        | logged_out.to(None)
        | gave_up.to(None)
    )
    link_dropped = (
        backoff.from_(
            active.connected.online,
            active.connected.degraded,
            cond=["flapping", "retries_left"],
            on=["blame", "count_retry"],
        )
        | gave_up.from_(
            active.connected.online,
            active.connected.degraded,
            cond="flapping",
            on=["blame", "exhaust"],
        )
        | active.connected.reconnecting.from_(
            active.connected.online, active.connected.degraded, on="count_flap"
        )
    )
    pairing_failed = backoff.from_(
        active.init, active.pairing, cond="retries_left", on=["blame", "count_retry"]
    ) | gave_up.from_(active.init, active.pairing, on=["blame", "exhaust"])

    # Nobody scanned. neonize says `timeout` for a dropped socket too: that one is a failed attempt.
    pairing_timed_out = (
        backoff.from_(
            active.init,
            active.pairing,
            cond=["cut_short", "retries_left"],
            on=["blame_cut", "count_retry"],
        )
        | gave_up.from_(active.init, active.pairing, cond="cut_short", on=["blame_cut", "exhaust"])
        | active.pairing.to(backoff, cond="windows_left", on="blame")
        | active.pairing.to(gave_up, on="blame")
    )
    pairing_window_closed = active.pairing.to(backoff, cond="windows_left", on="blame") | (
        active.pairing.to(gave_up, on="blame")
    )

    # WhatsApp's word.
    banned_for_now = (
        gave_up.from_(active, backoff, cond="bans_spent", on=["blame_bans", "serve_ban"])
        | backoff.from_(active, on=["blame", "serve_ban", "count_ban"])
        | backoff.to(None, on=["blame", "serve_ban", "extend_wait"])
    )
    replaced = backoff.from_(active, cond="may_return", on=["blame", "count_conflict"]) | (
        gave_up.from_(active, on="blame")
    )
    refused = gave_up.from_(active, backoff, on="blame")

    # The keys are dead. Only LoggedOut leads to Purging, and only with the child reaped.
    unlinked = logged_out.from_(active, backoff, on=["blame", "condemn"]) | gave_up.to(
        None, on="condemn"
    )
    logged_out.to(purging, cond="free_to_purge")
    logged_out.to(None, cond="free_to_restore", on="restore")
    logged_out.to(gave_up, cond="free_to_hold")
    restore_done = (
        logged_out.to(
            backoff, cond=["restoring_keys", "retries_left"], on=["blame", "revive", "count_retry"]
        )
        | logged_out.to(gave_up, cond="restoring_keys", on=["blame", "revive", "exhaust"])
        | logged_out.to(None)
        | gave_up.to(None, on="revive")
    )
    restore_failed = logged_out.to(None, on="purge_instead") | gave_up.to(None, on="purge_instead")
    purge_done = (
        backoff.from_(
            purging, logged_out, cond="retries_left", on=["blame", "revive", "count_retry"]
        )
        | gave_up.from_(purging, logged_out, on=["blame", "revive", "exhaust"])
        | gave_up.to(None, on="revive")
    )
    purge_failed = gave_up.from_(purging, logged_out, on="blame") | gave_up.to(None, on="blame")
    files_timed_out = gave_up.from_(purging, logged_out, on="blame")
    child_stuck = gave_up.from_(logged_out, backoff, on="blame")

    # The wait is over once the clock has rung and the old child was reaped.
    backoff_elapsed = backoff.to(None)
    backoff.to(active, cond="retry_due", on="launch")

    # The operator.
    stop = stopped.from_(active, logged_out, purging, backoff, gave_up, on="blame")
    resume = (
        gave_up.to(logged_out, cond="keys_dead", on=["blame", "pardon", "try_restored"])
        | gave_up.to(backoff, on=["blame", "pardon"])
        | backoff.to(None, on=["pardon", "hurry"])
    )
    relink = logged_out.from_(active, backoff, gave_up, on=["blame", "pardon", "condemn"]) | (
        logged_out.to(None, on=["blame", "condemn"])
    )

    def __init__(self, session: Session, policy: Policy) -> None:
        self.policy = policy
        # Set by the core before each event: eventless transitions carry no arguments.
        self.now = 0.0
        self.sample = 0.0
        self.outbox: list[Effect] = []
        self.taken = False
        super().__init__(session, state_field="configuration")
