"""What docs/clients.md says becomes of each client: right or wrong, not after how many seconds."""

from __future__ import annotations

import pytest

from interop.test_clients import have
from lab.clients.faults import FAULTS, Fault, play
from lab.clients.program import BESIDE, CLIENTS, Client
from lab.clients.report import PAGE
from lab.clients.steps import STEPS


def table(name: str) -> dict[str, list[str]]:
    """The rows of a table by their first cell."""
    text = PAGE.read_text(encoding="utf-8")
    inside = text.partition(f"<!-- {name}: begin -->")[2].partition(f"<!-- {name}: end -->")[0]
    lines = [line.strip("|").split("|") for line in inside.strip().splitlines()]
    return {line[0].strip(): [cell.strip() for cell in line[1:]] for line in lines}


def test_the_page_has_every_client_step_and_fault() -> None:
    names = [f"{each.name} {each.version}" for each in (*CLIENTS, *BESIDE)]
    steps, faults = table("steps"), table("faults")
    assert steps["step"] == names
    assert set(STEPS) <= set(steps)
    assert faults["when"][1:] == names
    assert {(fault.words, str(fault.wish)) for fault in FAULTS} <= {
        (words, cells[0]) for words, cells in faults.items()
    }


@pytest.mark.e2e
@pytest.mark.matrix
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
async def test_what_becomes_of_a_client_is_what_the_page_says(client: Client, fault: Fault) -> None:
    have(client.name)
    cell = table("faults")[fault.words][1 + CLIENTS.index(client)]
    outcome = await play(client, fault)
    assert outcome.right != cell.startswith("**"), f"{outcome.words}; the page says: {cell}"
