"""Pairing: codes that nobody scanned, and pairings that never finished."""

from __future__ import annotations

from wa_supervisor.lifecycle import Phase, Reason, facts

from ..checks import (
    codes_end,
    dials,
    dials_an_hour,
    explains,
    gives_up,
    keeps_keys,
    online,
    purges,
    tells,
    visits,
    windows,
)
from ..format_time import DAY, HOUR, MINUTE
from ..scenario import Scenario
from ..script import (
    at,
    every,
    network_lost,
    operator,
    person_comes,
    person_leaves,
    server,
    server_well,
    supervisor_restarts,
    unlinked,
)
from ..server import OUTDATED, SILENT

SCENARIOS = (
    Scenario(
        name="hermes-agent-80089",
        reference="NousResearch/hermes-agent#80089",
        happened="QRs without lifetime or count; the wizard blocked for ever.",
        promise="each QR has a lifetime, a day 20 windows; then a person",
        script=at(0, person_leaves()) + every(3 * HOUR, DAY, supervisor_restarts()),
        checks=(
            codes_end(180.0),
            windows(20, least=15, before=DAY),
            gives_up(Reason.PAIRING_EXPIRED, within=DAY),
        ),
        lasts=2 * DAY,
        paired=False,
    ),
    Scenario(
        name="evolution-api-271",
        reference="EvolutionAPI/evolution-api#271",
        happened="After a disconnect there was no QR; only deleting the instance helped.",
        promise="whoever comes in the morning finds a QR within the hour",
        script=at(0, person_leaves()) + at(8 * HOUR, person_comes()),
        checks=(
            codes_end(180.0),
            windows(20, least=8, before=8 * HOUR),
            online(within=70 * MINUTE, of=8 * HOUR),
        ),
        lasts=12 * HOUR,
        paired=False,
    ),
    Scenario(
        name="openclaw-4686",
        reference="openclaw/openclaw#4686",
        happened='A pairing stood at "logging in" for ever after the scan.',
        promise="3 minutes, then a new client; the pairing is kept",
        script=at(0, server(SILENT)) + at(4 * MINUTE, server_well()),
        checks=(
            explains(Reason.LINK_TIMEOUT),
            windows(1, least=1),
            online(within=3 * MINUTE, of=4 * MINUTE),
            purges(0),
            keeps_keys(),
        ),
        lasts=HOUR,
        paired=False,
    ),
    Scenario(
        name="neonize-178",
        reference="krypton-byte/neonize#178",
        happened="Login event err-client-outdated (405) was printed, and then nothing, for ever.",
        promise="one dial, then a person is told to upgrade",
        script=at(0, server(OUTDATED))
        + every(HOUR, 8 * HOUR, supervisor_restarts())
        + at(8 * HOUR, server_well(), operator(facts.Resume())),
        checks=(
            dials(1, before=8 * HOUR),
            tells(Reason.OUTDATED, within=MINUTE),
            online(within=2 * MINUTE, of=8 * HOUR),
        ),
        lasts=9 * HOUR,
        paired=False,
    ),
    Scenario(
        name="nanobot-92",
        reference="HKUDS/nanobot#92",
        happened="The bridge was not running: a retry every 5 s for ever, without a hint.",
        promise="waits grow to 15 minutes; the QR comes with the network",
        script=at(0, network_lost(6 * HOUR)),
        checks=(
            explains(Reason.DIAL_FAILED),
            dials_an_hour(30),
            visits(Phase.PAIRING, within=17 * MINUTE, of=6 * HOUR),
            online(within=18 * MINUTE, of=6 * HOUR),
        ),
        lasts=8 * HOUR,
        paired=False,
    ),
    Scenario(
        name="mautrix-514",
        reference="mautrix/whatsapp#514",
        happened="After 14 days without the phone WhatsApp unlinked the device, unannounced.",
        promise="seen at once, QRs for a day, a person is told",
        script=at(0, person_leaves())
        + at(14 * DAY, unlinked())
        + at(16 * DAY, person_comes(), operator(facts.Resume())),
        checks=(
            visits(Phase.LOGGED_OUT, within=1.0, of=14 * DAY),
            tells(Reason.PAIRING_EXPIRED, within=DAY, of=14 * DAY),
            windows(20, least=5, before=16 * DAY),
            online(within=2 * MINUTE, of=16 * DAY),
        ),
        lasts=17 * DAY,
    ),
)
