"""The generated pages are those of the tables as they are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lab.generated.manual import PAGES, night_table, running
from lab.generated.reference import commands, settings
from wa_supervisor.cli.commands import HOMES
from wa_supervisor.cli.exits import GIVE_UP, Exit
from wa_supervisor.errors import ConfigError
from wa_supervisor.lifecycle import Reason
from wa_supervisor.setting_sources import leaves
from wa_supervisor.settings import Settings

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_up_to_date(name: str) -> None:
    page = (ROOT / name).read_text(encoding="utf-8")
    assert page == PAGES[name](page), f"{name}: run `uv run python -m lab generate`"


def test_every_reason_is_in_the_table_of_the_night_once() -> None:
    table = night_table()
    for reason in Reason:
        assert table.count(f"| `{reason.value}` |") == 1


def test_every_setting_says_what_it_means_once() -> None:
    rows = re.findall(r"^\| `\w+` \| .* \| (.*) \| `(WA_\w+)` \|$", settings(), re.MULTILINE)
    assert {variable for _, variable in rows} == {
        f"WA_SUPERVISOR_{'__'.join(key)}".upper() for key in leaves(Settings)
    }
    assert [variable for meaning, variable in rows if not meaning] == []


def test_every_command_is_in_the_reference() -> None:
    page = commands()
    for verb in HOMES:
        assert page.count(f"\n## {verb}\n") == 1


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
