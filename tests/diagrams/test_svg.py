from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from wa_supervisor.diagrams.dot import state_id
from wa_supervisor.diagrams.svg import to_svg
from wa_supervisor.diagrams.views import VIEWS, draw
from wa_supervisor.diagrams.words import Group
from wa_supervisor.errors import ConfigError

ROOT = Path(__file__).parents[2]
README_WIDTH = 830  # CSS pixels a README has on GitHub
PT = 4 / 3  # CSS pixels in a point


def _svg(view: str) -> ET.Element:
    pytest.importorskip("pygraphviz", reason="SVG is drawn by the pygraphviz wheel")
    return ET.fromstring(to_svg(draw(view)))


def test_the_overview_is_legible_at_the_width_of_a_readme() -> None:
    # The committed picture is what a reader sees; another machine's fonts lay it out otherwise.
    svg = ET.parse(ROOT / "diagrams" / "overview.svg").getroot()
    width = float(svg.attrib["width"].removesuffix("pt")) * PT
    scale = min(1.0, README_WIDTH / width)
    sizes = [
        float(t.attrib["font-size"]) * PT * scale for t in svg.iter() if t.tag.endswith("text")
    ]
    assert min(sizes) >= 12


@pytest.mark.parametrize("view", VIEWS)
def test_a_page_can_find_each_state_it_shows_by_its_id(view: str) -> None:
    ids = {e.attrib.get("id") for e in _svg(view).iter()}
    assert {state_id(p) for p in draw(view).places} <= ids


def test_it_brings_its_own_page_and_a_dark_theme() -> None:
    svg = _svg("overview")
    style = next(e.text or "" for e in svg.iter() if e.tag.endswith("style"))
    assert "prefers-color-scheme: dark" in style
    page = next(e for e in svg.iter() if e.tag.endswith("polygon"))
    assert page.attrib["fill"] in {"white", "#ffffff"}


def _luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.1)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("group", Group)
def test_black_text_is_legible_on_each_colour(group: Group) -> None:
    assert (_luminance(group.value) + 0.05) / 0.05 >= 4.5  # WCAG 2.1 AA


def test_without_graphviz_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    with pytest.raises(ConfigError, match="Graphviz") as refused:
        to_svg(draw())
    assert "install pygraphviz" in str(refused.value.hint)
