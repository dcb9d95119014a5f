"""The generated pages are those of the tables as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.generated.manual import PAGES, night_table, running
from wa_supervisor.cli.exits import GIVE_UP, Exit
from wa_supervisor.errors import ConfigError
from wa_supervisor.lifecycle import Reason

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_up_to_date(name: str) -> None:
    page = (ROOT / name).read_text(encoding="utf-8")
    assert page == PAGES[name](page), f"{name}: run `uv run python -m lab generate`"


def test_every_reason_is_in_the_table_of_the_night_once() -> None:
    table = night_table()
    for reason in Reason:
        assert table.count(f"| `{reason.value}` |") == 1


def test_every_exit_code_has_a_meaning() -> None:
    page = PAGES["docs/exit-codes.md"]("")
    for code in Exit:
        line = next(line for line in page.splitlines() if line.startswith(f"| {code.value} |"))
        assert len(line.split("|")[3].split()) > 3
    for reason in GIVE_UP:
        assert f"`{reason.value}`" in page


def test_a_page_without_its_marks_is_refused() -> None:
    with pytest.raises(ConfigError, match="lost its marks"):
        running("# Running it\n")
