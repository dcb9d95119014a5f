"""The seven defects of the channel this project grew from, each shown not to be here."""

from __future__ import annotations

from wa_supervisor.lifecycle import Backoff, Phase, Policy, Reason, facts

from ..checks import (
    dials,
    ends,
    explains,
    gives_up,
    keeps_keys,
    never,
    online,
    purges,
    reaps_first,
    truthful,
    visits,
    waits_differ,
    windows,
)
from ..format_time import DAY, HOUR, MINUTE
from ..scenario import Scenario
from ..script import (
    at,
    child_dies,
    disk_full,
    every,
    network_gone,
    network_lost,
    operator,
    operator_looks,
    person_leaves,
    rival,
    server,
    server_drops,
    server_drops_each,
    server_well,
    supervisor_restarts,
    unlinked,
)
from ..server import BAD_USER_AGENT, BANNED, GENERIC, LOCKED, OUTDATED, banned_for

TEN_TRIES = Policy(backoff=Backoff(shape="exponential", base=3.0, cap=300.0, max_retries=10))
"""zeroclaw's ladder, forgiven after 60 stable seconds instead of at once."""

SCENARIOS = (
    Scenario(
        name="zeroclaw-Z1",
        reference="zeroclaw-labs/zeroclaw whatsapp_web.rs:2872",
        happened="Every LoggedOut purged the session and offered a QR, bans (406) included.",
        promise="a ban is held: no purge, no QR, a person is told",
        script=at(HOUR, server(BANNED), server_drops()) + at(5 * HOUR, supervisor_restarts()),
        checks=(
            gives_up(Reason.BANNED, within=MINUTE, of=HOUR),
            purges(0),
            windows(0),
            dials(0, after=HOUR),
        ),
        lasts=7 * DAY,
    ),
    Scenario(
        name="zeroclaw-Z1-locked",
        reference="zeroclaw-labs/zeroclaw whatsapp_web.rs:2872",
        happened="A locked account (403) lost its session, too.",
        promise="a lock is held, and the same keys work once it is lifted",
        script=at(HOUR, server(LOCKED), server_drops())
        + at(5 * HOUR, server_well(), operator_looks()),
        checks=(
            visits(Phase.GAVE_UP, within=MINUTE, of=HOUR),
            explains(Reason.LOCKED),
            dials(0, after=HOUR, before=5 * HOUR),
            windows(0),
            online(within=MINUTE, of=5 * HOUR),
            keeps_keys(),
        ),
        lasts=6 * HOUR,
    ),
    Scenario(
        name="zeroclaw-Z2",
        reference="zeroclaw-labs/zeroclaw whatsapp_web.rs:1236",
        happened="Connected reset the counter, so a flapping link never reached the cap.",
        promise="only a stable minute forgives; flapping reaches the cap",
        script=at(HOUR, server_drops_each(5.0)),
        checks=(gives_up(Reason.RETRIES_EXHAUSTED, within=3 * HOUR, of=HOUR), keeps_keys()),
        lasts=DAY,
        policy=TEN_TRIES,
    ),
    Scenario(
        name="zeroclaw-Z3",
        reference="zeroclaw-labs/zeroclaw orchestrator/mod.rs:4673",
        happened="Giving up was undone: another loop started the listener again, counter at 0.",
        promise="GaveUp survives every restart",
        script=at(HOUR, server(BAD_USER_AGENT), server_drops())
        + every(10 * MINUTE, 6 * HOUR, supervisor_restarts(), first=HOUR + MINUTE),
        checks=(dials(0, after=HOUR), gives_up(Reason.BAD_USER_AGENT, within=MINUTE, of=HOUR)),
        lasts=12 * HOUR,
    ),
    Scenario(
        name="zeroclaw-Z4",
        reference="zeroclaw-labs/zeroclaw orchestrator/mod.rs:4719",
        happened="Health was ok as long as the listener ran: QR, backoff and zombies included.",
        promise="online is shown only while messages get through",
        script=at(HOUR, network_lost(2 * HOUR, silently=True))
        + at(5 * HOUR, network_lost(HOUR))
        + at(8 * HOUR, person_leaves(), unlinked()),
        checks=(
            truthful(45.0),
            never(Phase.STOPPED),
            visits(Phase.PAIRING, within=60, of=8 * HOUR),
        ),
        lasts=12 * HOUR,
    ),
    Scenario(
        name="zeroclaw-Z5",
        reference="zeroclaw-labs/zeroclaw whatsapp_web.rs:2924",
        happened="Bans, replacement, outdated and connect failures were ignored (`_ => {}`).",
        promise="each has its reason and its reaction",
        script=at(HOUR, server(GENERIC), server_drops())
        + at(HOUR + 30, server_well())
        + at(2 * HOUR, server(banned_for(HOUR)), server_drops())
        + at(2.9 * HOUR, server_well())
        + at(4 * HOUR, rival(None))
        + at(5 * HOUR, server(OUTDATED), server_drops()),
        checks=(
            explains(
                Reason.CONNECT_REFUSED, Reason.TEMPORARY_BAN, Reason.REPLACED, Reason.OUTDATED
            ),
            gives_up(Reason.OUTDATED, within=MINUTE, of=5 * HOUR),
            keeps_keys(),
        ),
        lasts=6 * HOUR,
    ),
    Scenario(
        name="zeroclaw-Z6",
        reference="oxidezap/whatsapp-rust bot.rs:122",
        happened="The bot's death was never noticed, and its database was open at the purge.",
        promise="a death is seen at once, a purge waits for the reaping",
        script=at(HOUR, child_dies()) + at(2 * HOUR, unlinked()),
        checks=(
            visits(Phase.BACKOFF, within=1.0, of=HOUR),
            explains(Reason.CHILD_EXITED),
            online(within=10.0, of=HOUR + 1),
            purges(1),
            reaps_first(),
        ),
        lasts=3 * HOUR,
    ),
    Scenario(
        name="zeroclaw-Z7-stop",
        reference="zeroclaw-labs/zeroclaw whatsapp_web.rs:2992",
        happened="Ctrl-C was not seen during a backoff sleep, and no wait had jitter.",
        promise="a stop ends any wait at once; no two waits are alike",
        script=at(HOUR, network_gone()) + at(4 * HOUR, operator(facts.Stop())),
        checks=(
            waits_differ(),
            visits(Phase.STOPPED, within=0.0, of=4 * HOUR),
            ends(Phase.STOPPED),
        ),
        lasts=5 * HOUR,
    ),
    Scenario(
        name="zeroclaw-Z7-purge",
        reference="zeroclaw-labs/zeroclaw whatsapp_web.rs:3020",
        happened="A failed delete was a warning, and pairing went on over the old database.",
        promise="a failed purge holds: no dial, no QR, a person is told",
        script=at(HOUR, disk_full(on=True), unlinked()),
        checks=(
            gives_up(Reason.PURGE_FAILED, within=MINUTE, of=HOUR),
            dials(0, after=HOUR),
            windows(0),
        ),
        lasts=DAY,
    ),
    Scenario(
        name="zeroclaw-Z7-exhausted",
        reference="zeroclaw-labs/zeroclaw whatsapp_web.rs:3044",
        happened="With the retries used up it returned before the purge: dead keys stayed.",
        promise="dead keys are purged even when no retry is left",
        script=at(HOUR, unlinked()),
        checks=(
            purges(1),
            reaps_first(),
            gives_up(Reason.RETRIES_EXHAUSTED, within=MINUTE, of=HOUR),
            dials(0, after=HOUR),
        ),
        lasts=2 * HOUR,
        policy=Policy(backoff=Backoff(max_retries=0)),
    ),
)
