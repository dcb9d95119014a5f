"""How long a session stays down after an outage is over, with every clock at its default.

whatsmeow's waits between redials grow by 2 s each, so how long it sleeps on depends on where in
such a wait the outage ends. The outages therefore differ in length, evenly over about one wait.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from ..faults import FAULTS, Against, Fault, acts, play, waits
from ..faults.fault import Recovers
from .figures import line

_MINUTES = (8, 30)
_WIDEST = 5  # outages of each length: each is two programs for all its minutes
_LONGEST = 300.0  # seconds to be back in, for either


def _outage(seconds: float) -> Fault:
    usual = FAULTS["slow/gone-8-min"]
    cut = (acts.refuse, acts.drop, waits.wait(seconds), acts.accept)
    return replace(usual, acts=cut, promise=Recovers(_LONGEST), dials=100)


def _lengths(minutes: int, samples: int) -> list[float]:
    """Spread the lengths over one of whatsmeow's waits: after n of them, n(n+1) s have passed."""
    wait = 2 * (minutes * 60) ** 0.5
    return [minutes * 60 + wait * (number + 0.5) / samples for number in range(samples)]


async def outages(runs: int) -> list[str]:
    """Cut the network for minutes; time from its return to a finished login."""
    samples = min(runs, _WIDEST)
    starting = asyncio.Semaphore(2)

    async def down(seconds: float, who: Against) -> float:
        async with starting:
            await asyncio.sleep(2)  # pairing is what costs; the rest is sleep
        verdict = await play(_outage(seconds), who)
        if verdict.seconds is None:
            raise RuntimeError(f"{who}, {seconds:.0f} s: {verdict.complaints}")
        return verdict.seconds

    async def both(minutes: int) -> str:
        lengths = _lengths(minutes, samples)
        ours, bare = await asyncio.gather(
            asyncio.gather(*(down(seconds, "supervisor") for seconds in lengths)),
            asyncio.gather(*(down(seconds, "bare") for seconds in lengths)),
        )
        return line(f"{minutes} min outage over -> Connected", "s", supervised=ours, bare=bare)

    return list(await asyncio.gather(*map(both, _MINUTES)))
