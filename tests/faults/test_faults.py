"""Every fault kind once, on the real neonize in real processes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from _pytest.mark import ParameterSet

from lab.faults import FAULTS, play

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.long,
]


PATIENCE = 8.0
"""The promised times are for a machine that has nothing else to do."""


def _kinds() -> Iterator[ParameterSet]:
    """Two kinds of each group in every run; the whole matrix, some minutes of it, on demand."""
    met: Counter[str] = Counter()
    for name, fault in FAULTS.items():
        group = name.partition("/")[0]
        if not fault.slow:
            met[group] += 1
            yield pytest.param(name, marks=() if met[group] <= 2 else pytest.mark.matrix)


@pytest.mark.parametrize("name", list(_kinds()))
async def test_what_is_promised_for_a_fault_is_kept(name: str) -> None:
    verdict = await play(FAULTS[name], patience=PATIENCE)
    if verdict.impossible is not None:
        pytest.skip(verdict.impossible)
    assert verdict.kept, "\n".join([*verdict.complaints, *verdict.story])


async def test_a_bare_script_is_judged_by_the_same_server() -> None:
    recovers = await play(FAULTS["client/sigkill"], "bare", patience=PATIENCE)
    assert recovers.kept
    assert recovers.seconds is not None
    assert recovers.dials == 1
    stuck = await play(FAULTS["stream/unlinked"], "bare")
    assert stuck.complaints == ("a fresh code did not happen within 8.0 s",)
    assert stuck.dials == 0
