"""What the pure core costs."""

from __future__ import annotations

import time

from wa_supervisor.lifecycle import SessionCore, facts

from .figures import line


async def steps(runs: int) -> list[str]:
    """A taken step and an ignored fact."""
    taken: list[float] = []
    ignored: list[float] = []
    core = SessionCore(jitter=lambda: 0.5)
    core.handle(facts.Start(), 0.0)
    core.handle(facts.Connected(1), 1.0)
    for turn in range(max(runs, 20) * 50):
        now = 1000.0 * turn
        began = time.perf_counter()
        core.handle(facts.Disconnected(1), now)
        core.handle(facts.Connected(1), now + 1)
        middle = time.perf_counter()
        for _ in range(10):
            core.handle(facts.StreamError(1, "1"), now + 2)
        taken.append((middle - began) / 2 * 1e6)
        ignored.append((time.perf_counter() - middle) / 10 * 1e6)
    return [
        line("a taken step", "us", core=taken),
        line("an ignored fact", "us", core=ignored),
    ]
