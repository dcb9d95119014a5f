"""Dead keys and living ones: sessions wiped wrongly, or not wiped when they should have been."""

from __future__ import annotations

from wa_supervisor.lifecycle import Phase, Reason, facts

from ..checks import (
    dead_logins,
    dials,
    explains,
    gives_up,
    keeps_keys,
    never,
    online,
    purges,
    reaps_first,
    visits,
    windows,
)
from ..format_time import DAY, HOUR, MINUTE
from ..scenario import Scenario
from ..script import (
    at,
    child_dies,
    disk_full,
    every,
    operator,
    person_leaves,
    phone_may_link,
    server_drops,
    server_next,
    supervisor_restarts,
    unlinked,
)
from ..server import REJECTED

SCENARIOS = (
    Scenario(
        name="whatsmeow-779",
        reference="tulir/whatsmeow#779",
        happened="What to do on LoggedOut 401? (The library has deleted the device already.)",
        promise="one purge, a fresh QR, and back as soon as it is scanned",
        script=at(HOUR, unlinked()),
        checks=(
            purges(1),
            reaps_first(),
            windows(1, least=1),
            online(within=2 * MINUTE, of=HOUR + 1),
        ),
        lasts=2 * HOUR,
    ),
    Scenario(
        name="nanoclaw-2579",
        reference="nanocoai/nanoclaw#2579",
        happened="Dead keys were tried again at each restart, until the phone said \"can't link "
        'new devices now" for hours.',
        promise="dead keys are tried twice, whatever restarts",
        script=at(0, person_leaves())
        + at(HOUR, supervisor_restarts(down=MINUTE))
        + at(HOUR + 30, unlinked())
        + every(5 * MINUTE, 2 * HOUR, supervisor_restarts(), first=HOUR + 2 * MINUTE),
        checks=(dead_logins(2), purges(1), reaps_first()),
        lasts=3 * HOUR,
    ),
    Scenario(
        name="openclaw-92546",
        reference="openclaw/openclaw#92546",
        happened="An update wiped the credentials, and everybody had to scan again.",
        promise="neither crashes nor restarts ever cost the pairing",
        script=every(20 * MINUTE, 12 * HOUR, child_dies(9))
        + every(70 * MINUTE, 12 * HOUR, supervisor_restarts()),
        checks=(never(Phase.LOGGED_OUT, Phase.PURGING), windows(0), keeps_keys()),
        lasts=13 * HOUR,
    ),
    Scenario(
        name="openclaw-28309",
        reference="openclaw/openclaw#28309",
        happened="A login was answered with 401 although the phone still listed the device.",
        promise="a first 401 is doubted: the snapshot is tried first",
        script=at(HOUR, server_next(REJECTED), server_drops()),
        checks=(
            explains(Reason.LOGIN_REJECTED, Reason.RESTORED),
            windows(0),
            online(within=MINUTE, of=HOUR + 1),
            keeps_keys(),
        ),
        lasts=2 * HOUR,
    ),
    Scenario(
        name="waha-116",
        reference="devlikeapro/waha#116",
        happened="The disk was full, and the session FAILED without a reason.",
        promise="nothing is paired on top of a session not purged",
        script=at(HOUR, disk_full(on=True), unlinked())
        + at(4 * HOUR, supervisor_restarts())
        + at(6 * HOUR, disk_full(on=False), operator(facts.Resume())),
        checks=(
            explains(Reason.PURGE_FAILED),
            visits(Phase.GAVE_UP, within=MINUTE, of=HOUR),
            windows(0, before=6 * HOUR),
            dials(0, after=HOUR, before=6 * HOUR),
            online(within=2 * MINUTE, of=6 * HOUR),
        ),
        lasts=7 * HOUR,
    ),
    Scenario(
        name="whatsapp-web.js-1939",
        reference="wwebjs/whatsapp-web.js#1939",
        happened="After the session was ended on the phone there was no QR until files were "
        "removed by hand.",
        promise="a fresh QR within a minute, also hours later",
        script=at(0, person_leaves()) + at(HOUR, unlinked()),
        checks=(
            visits(Phase.PAIRING, within=MINUTE, of=HOUR),
            purges(1),
            windows(20, least=5),
        ),
        lasts=9 * HOUR,
    ),
    Scenario(
        name="openclaw-20281",
        reference="openclaw/openclaw#20281",
        happened='"Can\'t link new devices at this time": fresh codes were shown without end.',
        promise="the pauses between QRs grow, each day's QRs are counted",
        script=at(0, phone_may_link(on=False)) + at(5 * HOUR, phone_may_link(on=True)),
        checks=(
            windows(11, least=8, before=5 * HOUR),
            online(within=65 * MINUTE, of=5 * HOUR),
        ),
        lasts=8 * HOUR,
        paired=False,
    ),
    Scenario(
        name="openclaw-67746",
        reference="openclaw/openclaw#67746",
        happened="A logout left the bot answering.",
        promise="a relink ends the client before anything else",
        script=at(HOUR, operator(facts.Relink())),
        checks=(
            visits(Phase.LOGGED_OUT, within=1.0, of=HOUR),
            purges(1),
            reaps_first(),
            online(within=2 * MINUTE, of=HOUR + 1),
        ),
        lasts=2 * HOUR,
    ),
    Scenario(
        name="openwa-982",
        reference="rmyndharis/OpenWA#982",
        happened="LOGOUT was treated as something to reconnect from.",
        promise="keys that were disowned are not dialled with again",
        script=at(0, person_leaves()) + at(HOUR, unlinked()),
        checks=(dead_logins(0), purges(1), gives_up(Reason.PAIRING_EXPIRED, within=DAY)),
        lasts=2 * DAY,
    ),
)
