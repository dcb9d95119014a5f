"""What the chart's guards and actions mean to a model checker: the hand-written half of the model.

Time, money and words are left out: a clock is set or not, a budget is spent or not as the checker
likes, a retry is counted up to RETRIES. A test takes every edge that spin explores and has the
core take it too, so these bodies cannot say something else than `Decisions`.
"""

from __future__ import annotations

from collections.abc import Mapping

NOTHING = "skip"

GUARDS: Mapping[str, str] = {
    "child_alive": "child != NONE",
    "keys_dead": "sequel != NO_SEQUEL",
    "forsaken": "sequel == PURGE",
    "retries_left": "(RETRIES == UNBOUNDED || retries < RETRIES)",
    "retry_due": "(SETTLED && !clock[RETRY])",
    "linking": "clock[LINK]",
    "free_to_purge": "(SETTLED && sequel == PURGE)",
    "free_to_restore": "(SETTLED && (sequel == RESTORE || sequel == TRY))",
    "free_to_hold": "(SETTLED && sequel == HOLD)",
}
"""Guards of the model's own state."""

ORACLES: tuple[str, ...] = (
    "too_early",
    "flapping",
    "windows_left",
    "bans_spent",
    "crash_loop",
    "cut_off",
    "may_return",
    "cut_short",
    "asked",
    "known",
)
"""Guards on times, budgets and past reasons: the checker tries both answers, whenever asked."""

FORTUNATE = "windows_left"
"""The one oracle that good weather answers: whoever wants to pair has a window left."""

ACTIONS: Mapping[str, str] = {
    # entering and leaving a state
    "come_online": "strikes = 0; clock[STABLE] = true",
    "watch_keepalive": "clock[KEEPALIVE] = true",
    "watch_redials": "clock[RECONNECT] = true",
    "hide_pairing": NOTHING,
    "tear_down": "tear_down()",
    "plan_retry": "tear_down(); clock[RETRY] = true",
    "purge": "clock[FILES] = true; work = PURGING; purge_session()",
    "call_for_help": "tear_down(); given_up = true",
    # on a transition
    "launch": "child = RUNNING; clock[START] = true; start_child()",
    "open_window": "clock[PAIRING] = true",
    "show": NOTHING,
    "await_link": "clock[START] = false; clock[PAIRING] = false; clock[LINK] = true",
    "tell": NOTHING,
    "tell_scan_unusable": NOTHING,
    "blame": NOTHING,
    "blame_cut": NOTHING,
    "blame_bans": NOTHING,
    "blame_crashes": NOTHING,
    "blame_death": NOTHING,
    "blame_files": NOTHING,
    "heed": NOTHING,
    "exhaust": NOTHING,
    "count_retry": "count_retry()",
    "count_flap": NOTHING,
    "count_crash": NOTHING,
    "count_conflict": NOTHING,
    "hasten": "clock[RETRY] = true",
    "count_ban": NOTHING,
    "extend_wait": "clock[RETRY] = true",
    "forgive": "retries = 0; strikes = 0",
    "pardon": "retries = 0; strikes = 0; given_up = false",
    "forsake": "sequel = PURGE; w_asked = true",
    "restore": "clock[FILES] = true; work = RESTORING; restore_session()",
    "try_held": "if :: sequel == HOLD -> sequel = TRY :: else fi",
}

NOTES = """\
/* What a fact tells wherever the session is; first the truth, then what the core makes of it. */
inline note() {
  if
  :: fact == ChildExited -> w_child = NONE; child = NONE; clock[STOP] = false
  :: fact == PurgeDone ->
     w_work = NO_WORK; w_dead = false; w_asked = false;
     work = NO_WORK; clock[FILES] = false; sequel = NO_SEQUEL; strikes = 0
  :: fact == PurgeFailed || fact == RestoreFailed ->
     w_work = NO_WORK; work = NO_WORK; clock[FILES] = false
  :: fact == RestoreDone ->
     w_work = NO_WORK; w_dead = false;
     work = NO_WORK; clock[FILES] = false;
     if :: sequel == RESTORE || sequel == TRY -> sequel = NO_SEQUEL :: else fi
  :: fact == NothingToRestore ->
     w_work = NO_WORK; work = NO_WORK; clock[FILES] = false;
     if
     :: sequel == RESTORE -> sequel = PURGE
     :: sequel == TRY -> sequel = HOLD
     :: else
     fi
  :: @LOGGED_OUT@ -> w_dead = true; if :: sequel == NO_SEQUEL -> condemn() :: else fi
  @RUNG@
  :: else
  fi
}

inline condemn() {
  sequel = PURGE;
  if
  :: fact == LoggedOut_rejected ->
     if :: strikes < 2 -> strikes++ :: else fi;
     if :: strikes == 1 -> sequel = RESTORE :: else fi
  :: fact == LoggedOut_locked || fact == LoggedOut_banned -> sequel = HOLD
  :: else
  fi
}

/* The supervisor's process died, and its child with it; what was learnt is kept. */
inline reboot() {
  child = NONE; w_child = NONE; work = NO_WORK; w_work = NO_WORK;
  i = 0; do :: i < CLOCKS -> clock[i] = false; i++ :: else -> break od; i = 0;
  if :: given_up -> phase = GaveUp :: else -> phase = Init fi
}

inline leave() {
  @EXITS@
  i = 0;
  do
  :: i < CLOCKS -> if :: i != STOP -> clock[i] = false :: else fi; i++
  :: else -> break
  od;
  i = 0
}

inline judge() {
  by_operator = (fact == Stop || fact == Resume || fact == Relink);
  rebooted = (fact == Rebooted);
  assert(child == w_child);     /* the core knows its child */
  assert(work == w_work);       /* and what is done to the files */
  assert(!started || phase == Init);  /* what is started is not stopped in the same breath */
  assert(before != GaveUp || phase == GaveUp || by_operator)
}
"""

HELPERS = """\
#define SETTLED (taken && child == NONE && work == NO_WORK)

inline start_child() {
  assert(w_child == NONE);      /* never two children */
  assert(w_work == NO_WORK);    /* no dial while the files are being worked on */
  assert(!w_dead);              /* no dial while the keys are dead */
  w_child = RUNNING;
  started = true
}

inline purge_session() {
  assert(w_child == NONE);      /* never under a living client */
  assert(w_work == NO_WORK);    /* never twice */
  assert(w_dead || w_asked);    /* only what WhatsApp or the operator ended: a crash never purges */
  w_work = PURGING
}

inline restore_session() {
  assert(w_child == NONE);
  assert(w_work == NO_WORK);
  assert(w_dead);
  w_work = RESTORING
}

inline tear_down() {
  if :: work != NO_WORK -> clock[FILES] = true :: else fi;
  if
  :: child != NONE && !clock[STOP] ->
     child = STOPPING;
     clock[STOP] = true;
     assert(w_child != NONE);
     w_child = STOPPING
  :: else
  fi
}

inline count_retry() {
  if
  :: RETRIES != UNBOUNDED -> retries++; assert(retries <= RETRIES)  /* never beyond the budget */
  :: else
  fi
}
"""

WORLD = """\
/* The world: what the shell, the client, WhatsApp and the operator may do, and when. */

/* Whatever can happen, in any order, until (perhaps) the weather clears for good. */
active proctype chaos() {
end: do
  :: atomic { !healthy && w_child != NONE ->
       if
@CHILD_FACTS@
       fi }
  :: atomic { !healthy && w_work == PURGING -> if :: inbox!PurgeDone :: inbox!PurgeFailed fi }
  :: atomic { !healthy && w_work == RESTORING ->
       if :: inbox!RestoreDone :: inbox!NothingToRestore :: inbox!RestoreFailed fi }
  :: atomic { !healthy ->
       if :: inbox!Stop :: inbox!Resume :: inbox!Relink :: inbox!Start :: inbox!NetworkBack fi }
  :: atomic { !healthy -> inbox!Rebooted }  /* the supervisor's process dies and comes back */
  :: atomic { !healthy -> healthy = true }
  od
}

/* Time: a clock that stays set rings. In good weather the answer comes before the alarm. */
@CLOCKS@

/* The supervisor's own beginning. */
active proctype beginning() {
end: do :: atomic { phase == Init && child == NONE -> inbox!Start } od
}

/* Good weather: the server lets the client in, processes end when told, files obey. */
active proctype server() {
end: do
  :: atomic { healthy && w_child == RUNNING && phase == Init && !clock[LINK] ->
       if :: inbox!QrOffered :: inbox!Connected fi }
  :: atomic { healthy && w_child == RUNNING && clock[LINK] -> inbox!Connected }
  :: atomic { healthy && w_child == RUNNING && phase == Connected_reconnecting -> inbox!Connected }
  :: atomic { healthy && w_child == RUNNING && phase == Connected_degraded ->
       inbox!KeepAliveRestored }
  od
}

active proctype reaper() {
end: do :: atomic { healthy && w_child == STOPPING -> inbox!ChildExited } od
}

active proctype files() {
end: do
  :: atomic { healthy && w_work == PURGING -> inbox!PurgeDone }
  :: atomic { healthy && w_work == RESTORING ->
       if :: inbox!RestoreDone :: inbox!NothingToRestore fi }
  od
}
"""

PROPERTIES = """\
/* What must hold. Run `pan -a -f -N <name>`: under weak fairness what stays possible happens. */

#define UP (phase == Pairing || CONNECTED)
#define CONNECTED (phase == Connected_online || phase == Connected_degraded \\
                   || phase == Connected_reconnecting)

/* Given time and a healthy server, a session comes up from everywhere but the two places of rest.
   An account WhatsApp locked or banned goes to GaveUp instead, and so do spent retries. */
ltl comes_up {
  [] ((healthy && phase != GaveUp && phase != Stopped && sequel != HOLD && sequel != TRY)
      -> <> (UP || (RETRIES != UNBOUNDED && phase == GaveUp)))
}
ltl held_is_told { [] ((healthy && phase == LoggedOut && sequel == HOLD) -> <> (phase == GaveUp)) }

/* Time alone leads out of every state that is not a place of rest, whatever the weather,
   unless the supervisor itself keeps dying. */
@ENDS@
/* GaveUp is left only by an operator, also across restarts of the supervisor. */
ltl gave_up_rests { [] ((phase == GaveUp) -> ((phase == GaveUp) W by_operator)) }

/* Wrong on purpose, so that it is known that the check can fail. */
ltl wrong_comes_up_though_held {
  [] ((healthy && phase == LoggedOut && sequel == HOLD) -> <> UP)
}
ltl wrong_always_connected { [] <> CONNECTED }
ltl wrong_never_gives_up { [] (phase != GaveUp) }
"""
