"""Zombies and outages: sessions that were called connected, or given up, wrongly."""

from __future__ import annotations

from wa_supervisor.lifecycle import Phase, Reason

from ..checks import (
    changes,
    dials,
    dials_an_hour,
    ends,
    explains,
    keeps_keys,
    log_outs,
    never,
    online,
    truthful,
    visits,
)
from ..format_time import DAY, HOUR, MINUTE
from ..scenario import Scenario
from ..script import (
    at,
    network_gone,
    network_lost,
    server,
    server_drops,
    server_well,
    supervisor_restarts,
    unlinked,
    zombie,
)
from ..server import SILENT

SCENARIOS = (
    Scenario(
        name="openclaw-75915",
        reference="openclaw/openclaw#75915",
        happened='A watchdog found a zombie, logged "forcing reconnect", and did nothing.',
        promise="a zombie that was found is ended and replaced",
        script=at(HOUR, zombie()),
        checks=(
            visits(Phase.DEGRADED, within=MINUTE, of=HOUR),
            explains(Reason.KEEPALIVE_LOST),
            dials(1, least=1, after=HOUR),
            online(within=7 * MINUTE, of=HOUR + MINUTE),
            keeps_keys(),
        ),
        lasts=2 * HOUR,
    ),
    Scenario(
        name="waha-1931",
        reference="devlikeapro/waha#1931",
        happened="A session was shown as WORKING while nothing arrived any more.",
        promise="online is not claimed once pings go unanswered",
        script=at(HOUR, network_lost(2 * HOUR, silently=True)),
        checks=(
            truthful(45.0),
            visits(Phase.DEGRADED, within=45.0, of=HOUR),
            visits(Phase.BACKOFF, within=10 * MINUTE, of=HOUR),
            online(within=17 * MINUTE, of=3 * HOUR),
            keeps_keys(),
        ),
        lasts=5 * HOUR,
    ),
    Scenario(
        name="waha-137",
        reference="devlikeapro/waha#137",
        happened="A session stayed WORKING after it had been unlinked on the phone.",
        promise="an unlinking is seen at once, and a QR offered",
        script=at(HOUR, unlinked()),
        checks=(
            truthful(1.0),
            visits(Phase.LOGGED_OUT, within=1.0, of=HOUR),
            visits(Phase.PAIRING, within=MINUTE, of=HOUR),
        ),
        lasts=2 * HOUR,
    ),
    Scenario(
        name="openwa-1548",
        reference="rmyndharis/OpenWA#1548",
        happened="The library retried in silence, so the session stood at `initializing` for ever "
        "without an error.",
        promise="redials are a visible state, for 5 minutes at most",
        script=at(HOUR, network_lost(HOUR)),
        checks=(
            visits(Phase.RECONNECTING, within=1.0, of=HOUR),
            visits(Phase.BACKOFF, within=5 * MINUTE + 1, of=HOUR),
            explains(Reason.RECONNECT_TIMEOUT),
            online(within=17 * MINUTE, of=2 * HOUR),
            keeps_keys(),
        ),
        lasts=4 * HOUR,
    ),
    Scenario(
        name="whatsmeow-40",
        reference="tulir/whatsmeow#40",
        happened="Keepalives failed, but the application could not see it.",
        promise="missed pings show as `degraded`, and heal without a dial",
        script=at(HOUR, network_lost(70.0, silently=True)),
        checks=(
            visits(Phase.DEGRADED, within=45.0, of=HOUR),
            online(within=30.0, of=HOUR + 70),
            changes(2, after=HOUR, before=2 * HOUR),
            dials(1, least=1),
        ),
        lasts=2 * HOUR,
    ),
    Scenario(
        name="hermes-agent-27h",
        reference="NousResearch/hermes-agent bridge.reconnect.test.mjs",
        happened='"Reconnecting in 3s" was logged once; a wait without a deadline then hung for '
        "27 hours.",
        promise="a server that never answers costs 90 s a try",
        script=at(HOUR, server(SILENT), server_drops()) + at(28 * HOUR, server_well()),
        checks=(
            explains(Reason.RECONNECT_TIMEOUT, Reason.START_TIMEOUT),
            dials(200, least=80, after=HOUR, before=28 * HOUR),
            dials_an_hour(30),
            online(within=18 * MINUTE, of=28 * HOUR),
            keeps_keys(),
        ),
        lasts=30 * HOUR,
    ),
    Scenario(
        name="baileys-api-69",
        reference="fazer-ai/baileys-api#69",
        happened="After 100 failed reconnects the program logged the account out: an outage of "
        "the network cost the pairing.",
        promise="an outage of days never costs the pairing",
        script=at(HOUR, network_lost(2 * DAY)) + at(DAY, supervisor_restarts()),
        checks=(
            explains(Reason.RECONNECT_TIMEOUT, Reason.DIAL_FAILED),
            never(Phase.LOGGED_OUT, Phase.PURGING, Phase.GAVE_UP),
            log_outs(0),
            dials_an_hour(30),
            online(within=17 * MINUTE, of=2 * DAY + HOUR),
            keeps_keys(),
        ),
        lasts=3 * DAY,
    ),
    Scenario(
        name="nemoclaw-361",
        reference="NVIDIA/NemoClaw#361",
        happened="In a sandbox without network there was never a QR, and no word of why.",
        promise="says that WhatsApp cannot be reached, dial by dial",
        script=at(0, network_gone()),
        checks=(
            explains(Reason.DIAL_FAILED),
            never(Phase.PAIRING, Phase.LOGGED_OUT, Phase.PURGING),
            dials_an_hour(30),
            ends(Phase.BACKOFF, Phase.INIT, reason=Reason.DIAL_FAILED),
        ),
        lasts=DAY,
        paired=False,
    ),
)
