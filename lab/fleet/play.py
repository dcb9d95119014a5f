"""Plays scenarios in one world, one after the other, and judges each by what the server saw."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Iterable
from typing import Final

from .outcome import TAKEOVER, Outcome
from .scenarios import Expect, Fault, Scenario
from .stays import Stay, busiest, logins, overlaps, takeovers, untouched
from .world import NotReached, World

_QUIET: Final = 3.0
"""Seconds for which all must be well at the end: what comes late is seen."""
_MAIL: Final = 60.0
"""Seconds for the last messages to be read."""


async def play(world: World, scenarios: Iterable[Scenario]) -> AsyncIterator[Outcome]:
    """Play each on whichever worker has most sessions then. Raises NotReached."""
    for scenario in scenarios:
        yield await _play_one(world, scenario)


async def _play_one(world: World, scenario: Scenario) -> Outcome:
    server, mail = world.server, world.mail
    await world.all_up()
    fault = Fault(world, world.fullest())
    before = world.where()
    paired, refused, said = server.registrations, world.refusals, set(mail.said)
    began = time.monotonic()
    await scenario.act(fault)
    await world.settled(_QUIET)
    written = set(mail.said) - said
    with contextlib.suppress(NotReached):  # those are counted
        await world.until(lambda: not written & mail.missing, "mail is read", within=_MAIL)
    now = time.monotonic()
    stays = [each for each in server.stays if each.ended is None or each.ended > began]
    frozen = {fault.victim.name: [fault.frozen]} if fault.frozen else {}
    outcome = Outcome(
        scenario=scenario.name,
        sessions=len(world.sessions),
        hit=len(world.sessions) - len(untouched(stays, fault.at)),
        moved=sum(world.where().get(name) != at for name, at in before.items()),
        gaps=[each.gap for each in takeovers(stays, fault.at)],
        since_fault=[each.since_fault for each in takeovers(stays, fault.at)],
        since_mend=_since(stays, fault.mended),
        overlap=sum(each.seconds for each in overlaps(stays, now, frozen)),
        new_pairings=server.registrations - paired,
        logins=max(logins(stays, fault.at).values()),
        busiest=busiest([each.began for each in stays if each.began > fault.at], 1.0),
        said=len(written),
        lost=len(written & mail.missing),
        twice=len(written & mail.twice),
        refused=world.refusals - refused,
    )
    outcome.problems = list(_problems(scenario, outcome, before, fault))
    return outcome


def _since(stays: Iterable[Stay], mended: float | None) -> list[float]:
    """Tell when each login came after what was done was undone."""
    if mended is None:
        return []
    return [each.began - mended for each in stays if each.began > mended]


def _problems(
    scenario: Scenario, outcome: Outcome, before: dict[str, str], fault: Fault
) -> Iterable[str]:
    """Say which promise was broken."""
    if outcome.overlap:
        yield f"two sockets of one device were there for {outcome.overlap:.2f} s"
    if outcome.new_pairings:
        yield f"{outcome.new_pairings} clients came without keys"
    if outcome.lost:
        yield f"{outcome.lost} messages were read by nobody"
    victims = sum(at == fault.victim.name for at in before.values())
    expected = {
        Expect.TAKEN_OVER: (victims, victims),
        Expect.UNTOUCHED: (0, 0),
        Expect.STAYING: (outcome.hit, 0),
        Expect.RETURNING: (outcome.hit, outcome.moved),
    }[scenario.expect]
    if (outcome.hit, outcome.moved) != expected:
        yield (
            f"{outcome.hit} sessions lost their connection and {outcome.moved} moved; expected "
            f"were {expected[0]} and {expected[1]}"
        )
    if scenario.expect is Expect.TAKEN_OVER and max(outcome.gaps, default=0.0) > TAKEOVER:
        yield f"a takeover took {max(outcome.gaps):.1f} s: more than {TAKEOVER:g}"
