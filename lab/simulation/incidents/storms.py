"""Reconnect storms: clients that dialled far too often, and what they got for it."""

from __future__ import annotations

from wa_supervisor.lifecycle import Conflict, Phase, Policy, Reason, facts

from ..checks import (
    changes,
    dead_logins,
    dials,
    dials_an_hour,
    dials_apart,
    ends,
    explains,
    gives_up,
    keeps_keys,
    online,
    tells,
    visits,
    windows,
)
from ..format_time import DAY, HOUR, MINUTE
from ..scenario import Scenario
from ..script import (
    aborts_at_dial,
    at,
    every,
    network_lost,
    operator,
    person_leaves,
    quiet,
    rival,
    server,
    server_drops,
    server_drops_each,
    server_well,
    supervisor_restarts,
    unlinked,
)
from ..server import GENERIC, OUTDATED, UNAVAILABLE, banned_for

SCENARIOS = (
    Scenario(
        name="openclaw-62258",
        reference="openclaw/openclaw#62258",
        happened="A watchdog took 30 quiet minutes for a dead connection and reconnected every "
        "minute: 202 times in a day.",
        promise="silence alone never reconnects",
        script=at(2 * MINUTE, quiet("nobody writes for a day")),
        checks=(dials(1, least=1), ends(Phase.ONLINE), changes(2, after=0, before=DAY)),
        lasts=DAY,
    ),
    Scenario(
        name="openclaw-25591",
        reference="openclaw/openclaw#25591",
        happened="Two programs with the same keys threw each other out (440) without end, as a "
        "health monitor kept resetting the counter.",
        promise="returns twice an hour, 30 s apart, then asks a person",
        script=at(HOUR, rival(5.0)) + at(3 * HOUR, supervisor_restarts()),
        checks=(
            dials(3),
            dials_apart(30.0, after=HOUR),
            gives_up(Reason.REPLACED, within=5 * MINUTE, of=HOUR),
            keeps_keys(),
        ),
        lasts=DAY,
    ),
    Scenario(
        name="wacli-266",
        reference="openclaw/wacli#266",
        happened="After StreamReplaced the client reconnected at once, and so did the other one.",
        promise="even `takeover` has a budget, then asks a person",
        script=at(HOUR, rival(0.5)),
        checks=(dials(3), gives_up(Reason.REPLACED, within=5 * MINUTE, of=HOUR), keeps_keys()),
        lasts=DAY,
        policy=Policy(conflict=Conflict.TAKEOVER),
    ),
    Scenario(
        name="whatsapp-mcp-27",
        reference="verygoodplugins/whatsapp-mcp#27",
        happened="StreamReplaced comes without a Disconnected, so the bridge idled until somebody "
        "restarted it.",
        promise="returns by itself once the other program is gone",
        script=at(HOUR, rival(None)),
        checks=(
            online(within=MINUTE, of=HOUR + 1),
            dials(1, least=1, after=HOUR),
            dials_apart(30.0, after=0),
            keeps_keys(),
        ),
        lasts=DAY,
    ),
    Scenario(
        name="baileys-2249",
        reference="WhiskeySockets/Baileys#2249",
        happened="After hours of normal work every connection was closed at once (428), and the "
        "bot restarted in a loop.",
        promise="eases off while it flaps, recovers with the server",
        script=at(5 * HOUR, server_drops_each(3.0)) + at(11 * HOUR, server_drops_each(None)),
        checks=(
            explains(Reason.FLAPPING),
            dials_an_hour(30),
            online(within=16 * MINUTE, of=11 * HOUR),
            ends(Phase.ONLINE),
            keeps_keys(),
        ),
        lasts=14 * HOUR,
    ),
    Scenario(
        name="evolution-api-765",
        reference="EvolutionAPI/evolution-api#765",
        happened="close, connecting, open in an endless loop: 2000 connection events in minutes.",
        promise="a storm of disconnects is one change of state",
        script=at(HOUR, server(UNAVAILABLE), server_drops()) + at(HOUR + 3 * MINUTE, server_well()),
        checks=(
            visits(Phase.RECONNECTING, within=1.0, of=HOUR),
            changes(1, after=HOUR, before=HOUR + 3 * MINUTE),
            dials(0, after=HOUR),
            online(within=MINUTE, of=HOUR + 3 * MINUTE),
        ),
        lasts=2 * HOUR,
    ),
    Scenario(
        name="waha-2198",
        reference="devlikeapro/waha#2198",
        happened="After a change of WhatsApp's protocol 57 sessions redialled every 2 to 5 s.",
        promise="slows to a dial in 13 minutes, and recovers by itself",
        script=at(HOUR, server(GENERIC), server_drops()) + at(13 * HOUR, server_well()),
        checks=(
            dials_an_hour(30),
            dials_apart(13 * MINUTE, after=3 * HOUR),
            explains(Reason.CONNECT_REFUSED),
            online(within=17 * MINUTE, of=13 * HOUR),
            keeps_keys(),
        ),
        lasts=DAY,
    ),
    Scenario(
        name="hermes-agent-80088",
        reference="NousResearch/hermes-agent#80088",
        happened="A gateway started its bridge over 300 times in 3 days on keys that were dead, "
        "and nobody was told.",
        promise="dead keys are tried twice, QRs rationed, a person told",
        script=at(0, person_leaves())
        + at(HOUR, supervisor_restarts(down=10 * MINUTE))
        + at(HOUR + MINUTE, unlinked())
        + every(2 * HOUR, 3 * DAY, supervisor_restarts(), first=2 * HOUR),
        checks=(
            dead_logins(2),
            windows(20, least=1),
            dials_an_hour(30),
            tells(Reason.PURGED, within=MINUTE, of=HOUR + 10 * MINUTE),
            gives_up(Reason.PAIRING_EXPIRED, within=DAY),
        ),
        lasts=3 * DAY,
    ),
    Scenario(
        name="zeroclaw-5542",
        reference="zeroclaw-labs/zeroclaw#5542",
        happened="A restart storm ate the machine's memory: each crash was followed by a start.",
        promise="crashes share one hourly budget, across restarts too",
        script=at(HOUR, aborts_at_dial(on=True), server_drops_each(10.0))
        + at(HOUR + 1, supervisor_restarts())
        + every(10 * MINUTE, 7 * HOUR, supervisor_restarts(), first=2 * HOUR)
        + at(13 * HOUR, aborts_at_dial(on=False), server_drops_each(None)),
        checks=(
            dials_an_hour(30),
            explains(Reason.CHILD_EXITED),
            online(within=17 * MINUTE, of=13 * HOUR),
            keeps_keys(),
        ),
        lasts=14 * HOUR,
    ),
    Scenario(
        name="baileys-152",
        reference="adiwajshing/Baileys#152",
        happened="The bot's reconnect loop fought the library's: two owners of one connection.",
        promise="while whatsmeow redials, nobody else does",
        script=every(30 * MINUTE, DAY, network_lost(20.0)),
        checks=(dials(1, least=1), online(within=MINUTE, of=20 * HOUR + 20), ends(Phase.ONLINE)),
        lasts=DAY,
    ),
    Scenario(
        name="baileys-1850",
        reference="WhiskeySockets/Baileys#1850",
        happened="Accounts were banned for a time soon after linking, and the bots went on trying.",
        promise="no dial before a ban ends; the third needs a person",
        script=at(HOUR, server(banned_for(6 * HOUR)), server_drops())
        + at(3 * HOUR, supervisor_restarts())
        + at(6.5 * HOUR, server_well())
        + at(DAY, server(banned_for(DAY)), server_drops())
        + at(1.9 * DAY, server_well())
        + at(3 * DAY, server(banned_for(None)), server_drops()),
        checks=(
            dials(0, after=HOUR, before=7 * HOUR),
            dials(0, after=DAY, before=2 * DAY),
            dials(0, after=3 * DAY),
            tells(Reason.BANNED_AGAIN),
            gives_up(Reason.BANNED_AGAIN, within=MINUTE, of=3 * DAY),
            keeps_keys(),
        ),
        lasts=7 * DAY,
    ),
    Scenario(
        name="nanoclaw-566",
        reference="nanocoai/nanoclaw#566",
        happened="WhatsApp called the client outdated (405): loops without a QR, then exit(1).",
        promise="one dial, then a person is told to upgrade",
        script=at(HOUR, server(OUTDATED), server_drops())
        + every(HOUR, 12 * HOUR, supervisor_restarts(), first=2 * HOUR)
        + at(12 * HOUR, server_well(), operator(facts.Resume())),
        checks=(
            dials(0, after=HOUR, before=12 * HOUR),
            tells(Reason.OUTDATED, within=MINUTE, of=HOUR),
            online(within=MINUTE, of=12 * HOUR),
            keeps_keys(),
        ),
        lasts=13 * HOUR,
    ),
)
