/* The life of a session, for spin. Made by `wa-supervisor diagram --format promela`.
   spin -a session.pml && gcc -O2 -DSAFETY -DNOCLAIM -o pan pan.c && ./pan -m100000
   spin -a session.pml && gcc -O2 -DNFAIR=5 -DNOREDUCE -o pan pan.c
   ./pan -m100000 -a -f -N comes_up
   -DRETRIES=2 bounds the retries; without it there are always retries left. */

#define Init 0
#define Pairing 1
#define Connected_online 2
#define Connected_degraded 3
#define Connected_reconnecting 4
#define LoggedOut 5
#define Purging 6
#define Backoff 7
#define GaveUp 8
#define Stopped 9
#define NONE 0
#define RUNNING 1
#define STOPPING 2
#define NO_WORK 0
#define PURGING 1
#define RESTORING 2
#define NO_SEQUEL 0
#define PURGE 1
#define RESTORE 2
#define HOLD 3
#define TRY 4
#define START 0
#define PAIRING 1
#define LINK 2
#define STABLE 3
#define RECONNECT 4
#define KEEPALIVE 5
#define RETRY 6
#define STOP 7
#define FILES 8
#define CLOCKS 9
#define UNBOUNDED 255
#ifndef RETRIES
#define RETRIES UNBOUNDED
#endif

#define QrOffered 1
#define PairCodeOffered 2
#define PairSucceeded 3
#define PairingTimedOut 4
#define PairingFailed 5
#define PairCodeRefused 6
#define PasskeyRequested 7
#define ScannedWithoutMultidevice 8
#define Connected 9
#define Disconnected 10
#define KeepAliveTimeout 11
#define KeepAliveRestored 12
#define ProbeAnswered 13
#define ProbeFailed 14
#define StreamError 15
#define DialFailed 16
#define ConnectFailure 17
#define LoggedOut_removed 18
#define LoggedOut_rejected 19
#define LoggedOut_locked 20
#define LoggedOut_banned 21
#define TemporaryBan 22
#define StreamReplaced 23
#define ClientOutdated 24
#define BadUserAgent 25
#define ChildExited 26
#define ChildSilent 27
#define ClientUnusable 28
#define BotFailed 29
#define BotBusy 30
#define BotFree 31
#define StorageFailed 32
#define StorageUnavailable 33
#define PurgeDone 34
#define PurgeFailed 35
#define RestoreDone 36
#define NothingToRestore 37
#define RestoreFailed 38
#define NetworkBack 39
#define Start 40
#define Stop 41
#define Resume 42
#define Relink 43
#define StartTimedOut 44
#define PairingWindowClosed 45
#define LinkTimedOut 46
#define StayedUp 47
#define ReconnectTimedOut 48
#define KeepAliveGone 49
#define BackoffElapsed 50
#define StopTimedOut 51
#define FilesTimedOut 52
#define Rebooted 53

/* What the core knows. */
byte phase, child, work, sequel, retries, strikes;
bool clock[CLOCKS], given_up;
/* What is so. */
byte w_child, w_work;
bool w_dead, w_asked, healthy, by_operator, rebooted;
/* Within one step. */
byte fact, before, i; bool heard, taken, started, too_early, flapping, windows_left, bans_spent, crash_loop, cut_off, may_return, cut_short, asked, known;

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
  :: fact == LoggedOut_removed || fact == LoggedOut_rejected || fact == LoggedOut_locked || fact == LoggedOut_banned -> w_dead = true; if :: sequel == NO_SEQUEL -> condemn() :: else fi
  :: fact == StartTimedOut -> clock[START] = false
  :: fact == PairingWindowClosed -> clock[PAIRING] = false
  :: fact == LinkTimedOut -> clock[LINK] = false
  :: fact == StayedUp -> clock[STABLE] = false
  :: fact == ReconnectTimedOut -> clock[RECONNECT] = false
  :: fact == KeepAliveGone -> clock[KEEPALIVE] = false
  :: fact == BackoffElapsed -> clock[RETRY] = false
  :: fact == StopTimedOut -> clock[STOP] = false
  :: fact == FilesTimedOut -> clock[FILES] = false
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
  if :: phase == Pairing -> skip :: else fi;
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

/* What happens by itself, as long as anything does. */
inline settle() {
  do
  :: phase == LoggedOut && (SETTLED && sequel == PURGE) -> taken = true; leave(); phase = Purging; clock[FILES] = true; work = PURGING; purge_session()
  :: phase == LoggedOut && (SETTLED && (sequel == RESTORE || sequel == TRY)) -> taken = true; clock[FILES] = true; work = RESTORING; restore_session()
  :: phase == LoggedOut && (SETTLED && sequel == HOLD) -> taken = true; leave(); skip; phase = GaveUp; tear_down(); given_up = true
  :: phase == Backoff && (SETTLED && !clock[RETRY]) -> taken = true; leave(); child = RUNNING; clock[START] = true; start_child(); phase = Init
  :: else -> break
  od
}

inline pairing_offered() {
  if
  :: phase == Init ->
     if
     :: windows_left && !(clock[LINK]) -> taken = true; leave(); clock[PAIRING] = true; skip; phase = Pairing
     :: else ->
        if
        :: !(clock[LINK]) -> taken = true; leave(); skip; phase = GaveUp; tear_down(); given_up = true
        :: else ->
           skip
        fi
     fi
  :: phase == Pairing ->
     if
     :: !(clock[LINK]) -> taken = true; skip
     :: else ->
        skip
     fi
  :: else -> skip
  fi
}

inline pair_succeeded() {
  if
  :: phase == Init ->
     if
     :: !(clock[LINK]) -> taken = true; clock[START] = false; clock[PAIRING] = false; clock[LINK] = true
     :: else ->
        skip
     fi
  :: phase == Pairing ->
     if
     :: !(clock[LINK]) -> taken = true; clock[START] = false; clock[PAIRING] = false; clock[LINK] = true
     :: else ->
        skip
     fi
  :: else -> skip
  fi
}

inline pairing_timed_out() {
  if
  :: phase == Init ->
     if
     :: cut_short && (RETRIES == UNBOUNDED || retries < RETRIES) && !(clock[LINK]) -> taken = true; leave(); skip; count_retry(); phase = Backoff; tear_down(); clock[RETRY] = true
     :: else ->
        if
        :: cut_short && !(clock[LINK]) -> taken = true; leave(); skip; skip; phase = GaveUp; tear_down(); given_up = true
        :: else ->
           skip
        fi
     fi
  :: phase == Pairing ->
     if
     :: cut_short && (RETRIES == UNBOUNDED || retries < RETRIES) && !(clock[LINK]) -> taken = true; leave(); skip; count_retry(); phase = Backoff; tear_down(); clock[RETRY] = true
     :: else ->
        if
        :: cut_short && !(clock[LINK]) -> taken = true; leave(); skip; skip; phase = GaveUp; tear_down(); given_up = true
        :: else ->
           if
           :: windows_left && !(clock[LINK]) -> taken = true; leave(); skip; phase = Backoff; tear_down(); clock[RETRY] = true
           :: else ->
              if
              :: !(clock[LINK]) -> taken = true; leave(); skip; phase = GaveUp; tear_down(); given_up = true
              :: else ->
                 skip
              fi
           fi
        fi
     fi
  :: else -> skip
  fi
}

inline pairing_failed() {
  if
  :: phase == Init ->
     if
     :: (RETRIES == UNBOUNDED || retries < RETRIES) -> taken = true; leave(); skip; count_retry(); phase = Backoff; tear_down(); clock[RETRY] = true
     :: else ->
        taken = true; leave(); skip; skip; phase = GaveUp; tear_down(); given_up = true
     fi
  :: phase == Pairing ->
     if
     :: (RETRIES == UNBOUNDED || retries < RETRIES) -> taken = true; leave(); skip; count_retry(); phase = Backoff; tear_down(); clock[RETRY] = true
     :: else ->
        taken = true; leave(); skip; skip; phase = GaveUp; tear_down(); given_up = true
     fi
  :: else -> skip
  fi
}

inline refused() {
  if
  :: phase == Init || phase == Pairing || phase == Connected_online || phase == Connected_degraded || phase == Connected_reconnecting ->
     taken = true; leave(); skip; phase = GaveUp; tear_down(); given_up = true
  :: phase == Backoff ->
     taken = true; leave(); skip; phase = GaveUp; tear_down(); given_up = true
  :: else -> skip
  fi
}

inline scan_unusable() {
  if
  :: phase == Pairing ->
     if
     :: !(clock[LINK]) -> taken = true; skip
     :: else ->
        skip
     fi
  :: else -> skip
  fi
}

inline link_established() {
  if
  :: phase == Init ->
     taken = true; leave(); phase = Connected_online; strikes = 0; clock[STABLE] = true
  :: phase == Pairing ->
     taken = true; leave(); phase = Connected_online; strikes = 0; clock[STABLE] = true
  :: phase == Connected_degraded ->
     taken = true; leave(); phase = Connected_online; strikes = 0; clock[STABLE] = true
  :: phase == Connected_reconnecting ->
     taken = true; leave(); phase = Connected_online; strikes = 0; clock[STABLE] = true
  :: else -> skip
  fi
}

inline link_dropped() {
  if
  :: phase == Connected_online ->
     if
     :: flapping && (RETRIES == UNBOUNDED || retries < RETRIES) -> taken = true; leave(); skip; count_retry(); phase = Backoff; tear_down(); clock[RETRY] = true
     :: else ->
        if
        :: flapping -> taken = true; leave(); skip; skip; phase = GaveUp; tear_down(); given_up = true
        :: else ->
           taken = true; leave(); skip; phase = Connected_reconnecting; clock[RECONNECT] = true
        fi
     fi
  :: phase == Connected_degraded ->
     if
     :: flapping && (RETRIES == UNBOUNDED || retries < RETRIES) -> taken = true; leave(); skip; count_retry(); phase = Backoff; tear_down(); clock[RETRY] = true
     :: else ->
        if
        :: flapping -> taken = true; leave(); skip; skip; phase = GaveUp; tear_down(); given_up = true
        :: else ->
           taken = true; leave(); skip; phase = Connected_reconnecting; clock[RECONNECT] = true
        fi
     fi
  :: else -> skip
  fi
}

inline keepalive_missed() {
  if
  :: phase == Connected_online ->
     taken = true; leave(); phase = Connected_degraded; clock[KEEPALIVE] = true
  :: else -> skip
  fi
}

inline keepalive_restored() {
  if
  :: phase == Connected_degraded ->
     taken = true; leave(); phase = Connected_online; strikes = 0; clock[STABLE] = true
  :: else -> skip
  fi
}

inline link_failed() {
  if
  :: phase == Init || phase == Pairing || phase == Connected_online || phase == Connected_degraded || phase == Connected_reconnecting ->
     if
     :: (RETRIES == UNBOUNDED || retries < RETRIES) -> taken = true; leave(); skip; count_retry(); phase = Backoff; tear_down(); clock[RETRY] = true
     :: else ->
        taken = true; leave(); skip; skip; phase = GaveUp; tear_down(); given_up = true
     fi
  :: else -> skip
  fi
}

inline unlinked() {
  if
  :: phase == Init || phase == Pairing || phase == Connected_online || phase == Connected_degraded || phase == Connected_reconnecting ->
     taken = true; leave(); skip; phase = LoggedOut; tear_down()
  :: phase == Backoff ->
     taken = true; leave(); skip; phase = LoggedOut; tear_down()
  :: else -> skip
  fi
}

inline banned_for_now() {
  if
  :: phase == Init || phase == Pairing || phase == Connected_online || phase == Connected_degraded || phase == Connected_reconnecting ->
     if
     :: bans_spent -> taken = true; leave(); skip; skip; phase = GaveUp; tear_down(); given_up = true
     :: else ->
        taken = true; leave(); skip; skip; skip; phase = Backoff; tear_down(); clock[RETRY] = true
     fi
  :: phase == Backoff ->
     if
     :: known -> taken = true; clock[RETRY] = true
     :: else ->
        if
        :: bans_spent -> taken = true; leave(); skip; skip; phase = GaveUp; tear_down(); given_up = true
        :: else ->
           taken = true; skip; skip; skip; clock[RETRY] = true
        fi
     fi
  :: else -> skip
  fi
}

inline replaced() {
  if
  :: phase == Init || phase == Pairing || phase == Connected_online || phase == Connected_degraded || phase == Connected_reconnecting ->
     if
     :: may_return -> taken = true; leave(); skip; skip; phase = Backoff; tear_down(); clock[RETRY] = true
     :: else ->
        taken = true; leave(); skip; phase = GaveUp; tear_down(); given_up = true
     fi
  :: phase == Backoff ->
     if
     :: known -> taken = true
     :: else ->
        if
        :: may_return -> taken = true; skip; skip; clock[RETRY] = true
        :: else ->
           taken = true; leave(); skip; phase = GaveUp; tear_down(); given_up = true
        fi
     fi
  :: else -> skip
  fi
}

inline child_exited() {
  if
  :: phase == Init || phase == Pairing || phase == Connected_online || phase == Connected_degraded || phase == Connected_reconnecting ->
     if
     :: crash_loop -> taken = true; leave(); skip; skip; phase = GaveUp; tear_down(); given_up = true
     :: else ->
        if
        :: (RETRIES == UNBOUNDED || retries < RETRIES) -> taken = true; leave(); skip; count_retry(); skip; phase = Backoff; tear_down(); clock[RETRY] = true
        :: else ->
           taken = true; leave(); skip; skip; phase = GaveUp; tear_down(); given_up = true
        fi
     fi
  :: phase == LoggedOut ->
     taken = true
  :: phase == Backoff ->
     taken = true
  :: else -> skip
  fi
}

inline purge_done() {
  if
  :: phase == LoggedOut ->
     if
     :: asked -> taken = true; leave(); skip; phase = Backoff; tear_down(); clock[RETRY] = true
     :: else ->
        if
        :: (RETRIES == UNBOUNDED || retries < RETRIES) -> taken = true; leave(); skip; count_retry(); skip; phase = Backoff; tear_down(); clock[RETRY] = true
        :: else ->
           taken = true; leave(); skip; phase = GaveUp; tear_down(); given_up = true
        fi
     fi
  :: phase == Purging ->
     if
     :: asked -> taken = true; leave(); skip; phase = Backoff; tear_down(); clock[RETRY] = true
     :: else ->
        if
        :: (RETRIES == UNBOUNDED || retries < RETRIES) -> taken = true; leave(); skip; count_retry(); skip; phase = Backoff; tear_down(); clock[RETRY] = true
        :: else ->
           taken = true; leave(); skip; phase = GaveUp; tear_down(); given_up = true
        fi
     fi
  :: else -> skip
  fi
}

inline purge_failed() {
  if
  :: phase == LoggedOut ->
     taken = true; leave(); skip; phase = GaveUp; tear_down(); given_up = true
  :: phase == Purging ->
     taken = true; leave(); skip; phase = GaveUp; tear_down(); given_up = true
  :: phase == GaveUp ->
     taken = true; skip; tear_down(); given_up = true
  :: else -> skip
  fi
}

inline restore_done() {
  if
  :: phase == LoggedOut ->
     if
     :: sequel != NO_SEQUEL -> taken = true
     :: else ->
        if
        :: asked -> taken = true; leave(); skip; phase = Backoff; tear_down(); clock[RETRY] = true
        :: else ->
           if
           :: (RETRIES == UNBOUNDED || retries < RETRIES) -> taken = true; leave(); skip; count_retry(); phase = Backoff; tear_down(); clock[RETRY] = true
           :: else ->
              taken = true; leave(); skip; phase = GaveUp; tear_down(); given_up = true
           fi
        fi
     fi
  :: else -> skip
  fi
}

inline nothing_restored() {
  if
  :: phase == LoggedOut ->
     taken = true
  :: else -> skip
  fi
}

inline restore_failed() {
  if
  :: phase == LoggedOut ->
     if
     :: sequel == PURGE -> taken = true
     :: else ->
        taken = true; leave(); skip; phase = GaveUp; tear_down(); given_up = true
     fi
  :: phase == GaveUp ->
     taken = true; skip; tear_down(); given_up = true
  :: else -> skip
  fi
}

inline network_back() {
  if
  :: phase == Backoff ->
     if
     :: cut_off -> taken = true; clock[RETRY] = true
     :: else ->
        skip
     fi
  :: else -> skip
  fi
}

inline start() {
  if
  :: phase == Init ->
     if
     :: sequel != NO_SEQUEL && !(child != NONE) -> taken = true; leave(); skip; phase = LoggedOut; tear_down()
     :: else ->
        if
        :: too_early && !(child != NONE) -> taken = true; leave(); phase = Backoff; tear_down(); clock[RETRY] = true
        :: else ->
           if
           :: !(child != NONE) -> taken = true; child = RUNNING; clock[START] = true; start_child()
           :: else ->
              skip
           fi
        fi
     fi
  :: else -> skip
  fi
}

inline stop() {
  if
  :: phase == Init || phase == Pairing || phase == Connected_online || phase == Connected_degraded || phase == Connected_reconnecting ->
     taken = true; leave(); skip; phase = Stopped; tear_down()
  :: phase == LoggedOut ->
     taken = true; leave(); skip; phase = Stopped; tear_down()
  :: phase == Purging ->
     taken = true; leave(); skip; phase = Stopped; tear_down()
  :: phase == Backoff ->
     taken = true; leave(); skip; phase = Stopped; tear_down()
  :: phase == GaveUp ->
     taken = true; leave(); skip; phase = Stopped; tear_down()
  :: else -> skip
  fi
}

inline resume() {
  if
  :: phase == Backoff ->
     taken = true; skip; retries = 0; strikes = 0; given_up = false; clock[RETRY] = true
  :: phase == GaveUp ->
     if
     :: sequel != NO_SEQUEL -> taken = true; leave(); skip; retries = 0; strikes = 0; given_up = false; if :: sequel == HOLD -> sequel = TRY :: else fi; phase = LoggedOut; tear_down()
     :: else ->
        taken = true; leave(); skip; retries = 0; strikes = 0; given_up = false; phase = Backoff; tear_down(); clock[RETRY] = true
     fi
  :: else -> skip
  fi
}

inline relink() {
  if
  :: phase == Init || phase == Pairing || phase == Connected_online || phase == Connected_degraded || phase == Connected_reconnecting ->
     taken = true; leave(); skip; retries = 0; strikes = 0; given_up = false; sequel = PURGE; w_asked = true; phase = LoggedOut; tear_down()
  :: phase == LoggedOut ->
     taken = true; skip; retries = 0; strikes = 0; given_up = false; sequel = PURGE; w_asked = true
  :: phase == Purging ->
     taken = true; skip; retries = 0; strikes = 0; given_up = false
  :: phase == Backoff ->
     taken = true; leave(); skip; retries = 0; strikes = 0; given_up = false; sequel = PURGE; w_asked = true; phase = LoggedOut; tear_down()
  :: phase == GaveUp ->
     taken = true; leave(); skip; retries = 0; strikes = 0; given_up = false; sequel = PURGE; w_asked = true; phase = LoggedOut; tear_down()
  :: else -> skip
  fi
}

inline pairing_window_closed() {
  if
  :: phase == Pairing ->
     if
     :: windows_left -> taken = true; leave(); skip; phase = Backoff; tear_down(); clock[RETRY] = true
     :: else ->
        taken = true; leave(); skip; phase = GaveUp; tear_down(); given_up = true
     fi
  :: else -> skip
  fi
}

inline stayed_up() {
  if
  :: phase == Connected_online ->
     taken = true; retries = 0; strikes = 0
  :: else -> skip
  fi
}

inline backoff_elapsed() {
  if
  :: phase == Backoff ->
     taken = true
  :: else -> skip
  fi
}

inline child_stuck() {
  if
  :: phase == LoggedOut ->
     taken = true; leave(); skip; phase = GaveUp; tear_down(); given_up = true
  :: phase == Backoff ->
     taken = true; leave(); skip; phase = GaveUp; tear_down(); given_up = true
  :: else -> skip
  fi
}

inline files_timed_out() {
  if
  :: phase == LoggedOut ->
     taken = true; leave(); skip; skip; phase = GaveUp; tear_down(); given_up = true
  :: phase == Purging ->
     taken = true; leave(); skip; skip; phase = GaveUp; tear_down(); given_up = true
  :: else -> skip
  fi
}

#ifdef REPORT
c_decl { static unsigned char was[32]; }
inline remember() { before = phase; c_code { was[0] = now.phase; was[1] = now.child; was[2] = now.work; was[3] = now.sequel; was[4] = now.retries; was[5] = now.strikes; was[6] = now.given_up; was[7] = now.clock[0]; was[8] = now.clock[1]; was[9] = now.clock[2]; was[10] = now.clock[3]; was[11] = now.clock[4]; was[12] = now.clock[5]; was[13] = now.clock[6]; was[14] = now.clock[7]; was[15] = now.clock[8]; } }
inline report() { c_code { printf("EDGE %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d\n", now.fact, now.too_early, now.flapping, now.windows_left, now.bans_spent, now.crash_loop, now.cut_off, now.may_return, now.cut_short, now.asked, now.known, was[0], was[1], was[2], was[3], was[4], was[5], was[6], was[7], was[8], was[9], was[10], was[11], was[12], was[13], was[14], was[15], now.phase, now.child, now.work, now.sequel, now.retries, now.strikes, now.given_up, now.clock[0], now.clock[1], now.clock[2], now.clock[3], now.clock[4], now.clock[5], now.clock[6], now.clock[7], now.clock[8]); } }
#else
inline remember() { before = phase }
inline report() { skip }
#endif
inline forget() { fact = 0; before = 0; heard = false; taken = false; started = false; too_early = false; flapping = false; windows_left = false; bans_spent = false; crash_loop = false; cut_off = false; may_return = false; cut_short = false; asked = false; known = false }

chan inbox = [0] of { byte };

active proctype core() {
end: do
  :: atomic { inbox?fact;
    if :: fact == QrOffered || fact == PairCodeOffered ->
       if :: windows_left = true :: !healthy -> windows_left = false fi
    :: else fi;
    if :: fact == PairingTimedOut ->
       if :: windows_left = true :: !healthy -> windows_left = false fi
    :: else fi;
    if :: fact == PairingTimedOut ->
       if :: cut_short = true :: cut_short = false fi
    :: else fi;
    if :: fact == Disconnected ->
       if :: flapping = true :: flapping = false fi
    :: else fi;
    if :: fact == TemporaryBan ->
       if :: bans_spent = true :: bans_spent = false fi
    :: else fi;
    if :: fact == TemporaryBan ->
       if :: known = true :: known = false fi
    :: else fi;
    if :: fact == StreamReplaced ->
       if :: may_return = true :: may_return = false fi
    :: else fi;
    if :: fact == StreamReplaced ->
       if :: known = true :: known = false fi
    :: else fi;
    if :: fact == ChildExited || fact == BotFailed ->
       if :: crash_loop = true :: crash_loop = false fi
    :: else fi;
    if :: fact == PurgeDone ->
       if :: asked = true :: asked = false fi
    :: else fi;
    if :: fact == RestoreDone ->
       if :: asked = true :: asked = false fi
    :: else fi;
    if :: fact == NetworkBack ->
       if :: cut_off = true :: cut_off = false fi
    :: else fi;
    if :: fact == Start ->
       if :: too_early = true :: too_early = false fi
    :: else fi;
    if :: fact == PairingWindowClosed ->
       if :: windows_left = true :: !healthy -> windows_left = false fi
    :: else fi;
    d_step {
      remember();
      note();
      if
      :: fact == Rebooted -> reboot()
      :: fact == QrOffered || fact == PairCodeOffered -> heard = (phase == Init || phase == Pairing)
      :: fact == PairSucceeded -> heard = (phase == Init || phase == Pairing)
      :: fact == PairingTimedOut -> heard = (phase == Init || phase == Pairing)
      :: fact == PairingFailed || fact == PairCodeRefused -> heard = (phase == Init || phase == Pairing)
      :: fact == PasskeyRequested || fact == ClientOutdated || fact == BadUserAgent || fact == ClientUnusable || fact == StorageFailed -> heard = (phase == Init || phase == Pairing || phase == Connected_online || phase == Connected_degraded || phase == Connected_reconnecting || phase == Backoff)
      :: fact == ScannedWithoutMultidevice -> heard = (phase == Pairing)
      :: fact == Connected -> heard = (phase == Init || phase == Pairing || phase == Connected_degraded || phase == Connected_reconnecting)
      :: fact == Disconnected -> heard = (phase == Connected_online || phase == Connected_degraded)
      :: fact == KeepAliveTimeout -> heard = (phase == Connected_online)
      :: fact == KeepAliveRestored || fact == ProbeAnswered -> heard = (phase == Connected_degraded)
      :: fact == DialFailed || fact == ConnectFailure || fact == ChildSilent || fact == StorageUnavailable || fact == StartTimedOut || fact == LinkTimedOut || fact == ReconnectTimedOut || fact == KeepAliveGone -> heard = (phase == Init || phase == Pairing || phase == Connected_online || phase == Connected_degraded || phase == Connected_reconnecting)
      :: fact == LoggedOut_removed || fact == LoggedOut_rejected || fact == LoggedOut_locked || fact == LoggedOut_banned -> heard = (phase == Init || phase == Pairing || phase == Connected_online || phase == Connected_degraded || phase == Connected_reconnecting || phase == Backoff)
      :: fact == TemporaryBan -> heard = (phase == Init || phase == Pairing || phase == Connected_online || phase == Connected_degraded || phase == Connected_reconnecting || phase == Backoff)
      :: fact == StreamReplaced -> heard = (phase == Init || phase == Pairing || phase == Connected_online || phase == Connected_degraded || phase == Connected_reconnecting || phase == Backoff)
      :: fact == ChildExited || fact == BotFailed -> heard = (phase == Init || phase == Pairing || phase == Connected_online || phase == Connected_degraded || phase == Connected_reconnecting || phase == LoggedOut || phase == Backoff)
      :: fact == PurgeDone -> heard = (phase == LoggedOut || phase == Purging)
      :: fact == PurgeFailed -> heard = (phase == LoggedOut || phase == Purging || phase == GaveUp)
      :: fact == RestoreDone -> heard = (phase == LoggedOut)
      :: fact == NothingToRestore -> heard = (phase == LoggedOut)
      :: fact == RestoreFailed -> heard = (phase == LoggedOut || phase == GaveUp)
      :: fact == NetworkBack -> heard = (phase == Backoff)
      :: fact == Start -> heard = (phase == Init)
      :: fact == Stop -> heard = (phase == Init || phase == Pairing || phase == Connected_online || phase == Connected_degraded || phase == Connected_reconnecting || phase == LoggedOut || phase == Purging || phase == Backoff || phase == GaveUp)
      :: fact == Resume -> heard = (phase == Backoff || phase == GaveUp)
      :: fact == Relink -> heard = (phase == Init || phase == Pairing || phase == Connected_online || phase == Connected_degraded || phase == Connected_reconnecting || phase == LoggedOut || phase == Purging || phase == Backoff || phase == GaveUp)
      :: fact == PairingWindowClosed -> heard = (phase == Pairing)
      :: fact == StayedUp -> heard = (phase == Connected_online)
      :: fact == BackoffElapsed -> heard = (phase == Backoff)
      :: fact == StopTimedOut -> heard = (phase == LoggedOut || phase == Backoff)
      :: fact == FilesTimedOut -> heard = (phase == LoggedOut || phase == Purging)
      :: else
      fi
    };
    if :: heard -> d_step { settle(); skip } :: else fi;
    if
    :: heard && (fact == QrOffered || fact == PairCodeOffered) -> d_step { pairing_offered() }
    :: heard && (fact == PairSucceeded) -> d_step { pair_succeeded() }
    :: heard && (fact == PairingTimedOut) -> d_step { pairing_timed_out() }
    :: heard && (fact == PairingFailed || fact == PairCodeRefused) -> d_step { pairing_failed() }
    :: heard && (fact == PasskeyRequested || fact == ClientOutdated || fact == BadUserAgent || fact == ClientUnusable || fact == StorageFailed) -> d_step { refused() }
    :: heard && (fact == ScannedWithoutMultidevice) -> d_step { scan_unusable() }
    :: heard && (fact == Connected) -> d_step { link_established() }
    :: heard && (fact == Disconnected) -> d_step { link_dropped() }
    :: heard && (fact == KeepAliveTimeout) -> d_step { keepalive_missed() }
    :: heard && (fact == KeepAliveRestored || fact == ProbeAnswered) -> d_step { keepalive_restored() }
    :: heard && (fact == DialFailed || fact == ConnectFailure || fact == ChildSilent || fact == StorageUnavailable || fact == StartTimedOut || fact == LinkTimedOut || fact == ReconnectTimedOut || fact == KeepAliveGone) -> d_step { link_failed() }
    :: heard && (fact == LoggedOut_removed || fact == LoggedOut_rejected || fact == LoggedOut_locked || fact == LoggedOut_banned) -> d_step { unlinked() }
    :: heard && (fact == TemporaryBan) -> d_step { banned_for_now() }
    :: heard && (fact == StreamReplaced) -> d_step { replaced() }
    :: heard && (fact == ChildExited || fact == BotFailed) -> d_step { child_exited() }
    :: heard && (fact == PurgeDone) -> d_step { purge_done() }
    :: heard && (fact == PurgeFailed) -> d_step { purge_failed() }
    :: heard && (fact == RestoreDone) -> d_step { restore_done() }
    :: heard && (fact == NothingToRestore) -> d_step { nothing_restored() }
    :: heard && (fact == RestoreFailed) -> d_step { restore_failed() }
    :: heard && (fact == NetworkBack) -> d_step { network_back() }
    :: heard && (fact == Start) -> d_step { start() }
    :: heard && (fact == Stop) -> d_step { stop() }
    :: heard && (fact == Resume) -> d_step { resume() }
    :: heard && (fact == Relink) -> d_step { relink() }
    :: heard && (fact == PairingWindowClosed) -> d_step { pairing_window_closed() }
    :: heard && (fact == StayedUp) -> d_step { stayed_up() }
    :: heard && (fact == BackoffElapsed) -> d_step { backoff_elapsed() }
    :: heard && (fact == StopTimedOut) -> d_step { child_stuck() }
    :: heard && (fact == FilesTimedOut) -> d_step { files_timed_out() }
    :: else
    fi;
    if :: heard -> d_step { settle(); skip } :: else fi;
    d_step {
      judge();
      report();
      forget()
    } }
  od
}

/* The world: what the shell, the client, WhatsApp and the operator may do, and when. */

/* Whatever can happen, in any order, until (perhaps) the weather clears for good. */
active proctype chaos() {
end: do
  :: atomic { !healthy && w_child != NONE ->
       if
       :: inbox!QrOffered
       :: inbox!PairCodeOffered
       :: inbox!PairSucceeded
       :: inbox!PairingTimedOut
       :: inbox!PairingFailed
       :: inbox!PairCodeRefused
       :: inbox!PasskeyRequested
       :: inbox!ScannedWithoutMultidevice
       :: inbox!Connected
       :: inbox!Disconnected
       :: inbox!KeepAliveTimeout
       :: inbox!KeepAliveRestored
       :: inbox!ProbeAnswered
       :: inbox!ProbeFailed
       :: inbox!StreamError
       :: inbox!DialFailed
       :: inbox!ConnectFailure
       :: inbox!LoggedOut_removed
       :: inbox!LoggedOut_rejected
       :: inbox!LoggedOut_locked
       :: inbox!LoggedOut_banned
       :: inbox!TemporaryBan
       :: inbox!StreamReplaced
       :: inbox!ClientOutdated
       :: inbox!BadUserAgent
       :: inbox!ChildExited
       :: inbox!ChildSilent
       :: inbox!ClientUnusable
       :: inbox!BotFailed
       :: inbox!BotBusy
       :: inbox!BotFree
       :: inbox!StorageFailed
       :: inbox!StorageUnavailable
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
active proctype start_clock() { end: do :: atomic { !healthy && clock[START] -> inbox!StartTimedOut } od }
active proctype pairing_clock() { end: do :: atomic { clock[PAIRING] -> inbox!PairingWindowClosed } od }
active proctype link_clock() { end: do :: atomic { !healthy && clock[LINK] -> inbox!LinkTimedOut } od }
active proctype stable_clock() { end: do :: atomic { clock[STABLE] -> inbox!StayedUp } od }
active proctype reconnect_clock() { end: do :: atomic { !healthy && clock[RECONNECT] -> inbox!ReconnectTimedOut } od }
active proctype keepalive_clock() { end: do :: atomic { !healthy && clock[KEEPALIVE] -> inbox!KeepAliveGone } od }
active proctype retry_clock() { end: do :: atomic { clock[RETRY] -> inbox!BackoffElapsed } od }
active proctype stop_clock() { end: do :: atomic { !healthy && clock[STOP] -> inbox!StopTimedOut } od }
active proctype files_clock() { end: do :: atomic { !healthy && clock[FILES] -> inbox!FilesTimedOut } od }

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

/* What must hold. Run `pan -a -f -N <name>`: under weak fairness what stays possible happens. */

#define UP (phase == Pairing || CONNECTED)
#define CONNECTED (phase == Connected_online || phase == Connected_degraded \
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
ltl init_ends { [] ((phase == Init) -> <> (phase != Init || rebooted)) }
ltl pairing_ends { [] ((phase == Pairing) -> <> (phase != Pairing || rebooted)) }
ltl degraded_ends { [] ((phase == Connected_degraded) -> <> (phase != Connected_degraded || rebooted)) }
ltl reconnecting_ends { [] ((phase == Connected_reconnecting) -> <> (phase != Connected_reconnecting || rebooted)) }
ltl logged_out_ends { [] ((phase == LoggedOut) -> <> (phase != LoggedOut || rebooted)) }
ltl purging_ends { [] ((phase == Purging) -> <> (phase != Purging || rebooted)) }
ltl backoff_ends { [] ((phase == Backoff) -> <> (phase != Backoff || rebooted)) }
/* GaveUp is left only by an operator, also across restarts of the supervisor. */
ltl gave_up_rests { [] ((phase == GaveUp) -> ((phase == GaveUp) W by_operator)) }

/* Wrong on purpose, so that it is known that the check can fail. */
ltl wrong_comes_up_though_held {
  [] ((healthy && phase == LoggedOut && sequel == HOLD) -> <> UP)
}
ltl wrong_always_connected { [] <> CONNECTED }
ltl wrong_never_gives_up { [] (phase != GaveUp) }
