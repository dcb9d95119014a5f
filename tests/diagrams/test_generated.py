"""The committed pictures, tables and model are those of the chart as it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lab.generated.charts import PICTURES, TEXTS, write
from wa_supervisor.errors import ConfigError

ROOT = Path(__file__).parents[2]
COMMAND = "drawn from an older chart: run `uv run python -m lab generate`"


@pytest.mark.parametrize("name", TEXTS)
def test_a_committed_text_is_up_to_date(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == TEXTS[name](), f"{name} was {COMMAND}"


def _said(svg: str) -> tuple[list[str], list[str]]:
    """The nodes and edges of an SVG, and every word in it; no coordinates."""
    titles = re.findall(r"<title>(.*?)</title>", svg)
    return sorted(titles), sorted(re.findall(r"<text[^>]*>(.*?)</text>", svg))


@pytest.mark.parametrize("name", PICTURES)
def test_a_committed_picture_shows_the_chart_as_it_is(name: str) -> None:
    pytest.importorskip("pygraphviz", reason="SVG is drawn by the pygraphviz wheel")
    fresh, committed = PICTURES[name](), (ROOT / name).read_text(encoding="utf-8")
    titles, words = _said(fresh)
    assert len(titles) > 5
    assert len(words) > 5
    assert _said(committed) == (titles, words), f"{name} was {COMMAND}"


def test_nothing_else_lies_in_the_directory_of_pictures() -> None:
    known = {
        Path(name).name for name in (*TEXTS, *PICTURES) if name.startswith(("diagrams/", "docs/"))
    } | {"README.md"}
    assert {p.name for p in (ROOT / "diagrams").iterdir()} == known


def test_one_command_writes_them_all(tmp_path: Path) -> None:
    pytest.importorskip("pygraphviz", reason="SVG is drawn by the pygraphviz wheel")
    (tmp_path / "diagrams").mkdir()
    written = {str(p.relative_to(tmp_path)) for p in write(tmp_path)}
    assert written == {*TEXTS, *PICTURES}


def test_it_refuses_to_write_elsewhere_than_in_the_repository(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no directory") as refused:
        write(tmp_path)
    assert refused.value.hint
