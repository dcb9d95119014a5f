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

from .model import Phase, Session
from .rules import Decisions

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

        # Once the phone has paired, what is still said of codes is late.
        pair_succeeded = pairing.to(None, unless="linking", on="await_link") | (
            init.to(None, unless="linking", on="await_link")
        )
        scan_unusable = pairing.to(None, unless="linking", on="tell_scan_unusable")
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
        active.init.to(logged_out, cond="keys_dead", unless="child_alive", on="blame_death")
        | active.init.to(backoff, cond="too_early", unless="child_alive")
        | active.init.to(None, unless="child_alive", on="launch")
    )

    # The link is lost and waiting may mend it: retry while the budget lasts.
    link_failed = backoff.from_(active, cond="retries_left", on=["blame", "count_retry"]) | (
        gave_up.from_(active, on=["blame", "exhaust"])
    )
    child_exited = (
        gave_up.from_(active, cond="crash_loop", on=["blame", "blame_crashes"])
        | backoff.from_(active, cond="retries_left", on=["blame", "count_retry", "count_crash"])
        | gave_up.from_(active, on=["blame", "exhaust"])
        | backoff.to(None)
        | logged_out.to(None)
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

    # Codes to scan or type, a window of them at a time.
    pairing_offered = (
        active.init.to(
            active.pairing, cond="windows_left", unless="linking", on=["open_window", "show"]
        )
        | active.init.to(gave_up, unless="linking", on="blame")
        | active.pairing.to(None, unless="linking", on="show")
    )

    # Nobody scanned. neonize says `timeout` for a dropped socket too: that one is a failed attempt.
    pairing_timed_out = (
        backoff.from_(
            active.init,
            active.pairing,
            cond=["cut_short", "retries_left"],
            unless="linking",
            on=["blame_cut", "count_retry"],
        )
        | gave_up.from_(
            active.init,
            active.pairing,
            cond="cut_short",
            unless="linking",
            on=["blame_cut", "exhaust"],
        )
        | active.pairing.to(backoff, cond="windows_left", unless="linking", on="blame")
        | active.pairing.to(gave_up, unless="linking", on="blame")
    )
    pairing_window_closed = active.pairing.to(backoff, cond="windows_left", on="blame") | (
        active.pairing.to(gave_up, on="blame")
    )

    # WhatsApp's word. What it says again while its child is ending counts once.
    banned_for_now = (
        backoff.to(None, cond="known", on="extend_wait")
        | gave_up.from_(active, backoff, cond="bans_spent", on=["blame", "blame_bans"])
        | backoff.from_(active, on=["blame", "count_ban", "tell"])
        | backoff.to(None, on=["blame", "count_ban", "tell", "extend_wait"])
    )
    replaced = (
        backoff.to(None, cond="known")
        | backoff.from_(active, cond="may_return", on=["blame", "count_conflict"])
        | backoff.to(None, cond="may_return", on=["blame", "count_conflict", "extend_wait"])
        | gave_up.from_(active, backoff, on="blame")
    )
    refused = gave_up.from_(active, backoff, on="blame")

    # The keys are dead. Only LoggedOut leads to Purging, and only with the child reaped.
    unlinked = logged_out.from_(active, backoff, on="blame")
    logged_out.to(purging, cond="free_to_purge")
    logged_out.to(None, cond="free_to_restore", on="restore")
    logged_out.to(gave_up, cond="free_to_hold", on="blame_death")
    restore_done = (
        logged_out.to(None, cond="keys_dead")  # a relink came in between
        | logged_out.to(backoff, cond="asked", on="heed")
        | logged_out.to(backoff, cond="retries_left", on=["heed", "count_retry"])
        | logged_out.to(gave_up, on="exhaust")
    )
    nothing_restored = logged_out.to(None)
    restore_failed = (
        logged_out.to(None, cond="forsaken")  # as above
        | gave_up.from_(logged_out, on="blame")
        | gave_up.to(None, on=["blame", "call_for_help"])
    )
    purge_done = (
        backoff.from_(purging, logged_out, cond="asked", on="heed")
        | backoff.from_(
            purging, logged_out, cond="retries_left", on=["heed", "count_retry", "tell"]
        )
        | gave_up.from_(purging, logged_out, on="exhaust")
    )
    purge_failed = gave_up.from_(purging, logged_out, on="blame") | gave_up.to(
        None, on=["blame", "call_for_help"]
    )
    files_timed_out = gave_up.from_(purging, logged_out, on=["blame", "blame_files"])
    child_stuck = gave_up.from_(logged_out, backoff, on="blame")

    # The wait is over once the clock has rung and the old child was reaped.
    backoff_elapsed = backoff.to(None)
    network_back = backoff.to(None, cond="cut_off", on="hasten")
    backoff.to(active, cond="retry_due", on="launch")

    # The operator.
    stop = stopped.from_(active, logged_out, purging, backoff, gave_up, on="heed")
    resume = (
        gave_up.to(logged_out, cond="keys_dead", on=["heed", "pardon", "try_held"])
        | gave_up.to(backoff, on=["heed", "pardon"])
        | backoff.to(None, on=["heed", "pardon", "extend_wait"])
    )
    relink = (
        logged_out.from_(active, backoff, gave_up, on=["heed", "pardon", "forsake"])
        | logged_out.to(None, on=["heed", "pardon", "forsake"])
        | purging.to(None, on=["heed", "pardon"])
    )

    def __init__(self, session: Session, policy: Policy) -> None:
        self.policy = policy
        # Set by the core before each event: eventless transitions carry no arguments.
        self.now = 0.0
        self.sample = 0.0
        self.outbox: list[Effect] = []
        self.taken = False
        super().__init__(session, state_field="configuration")
