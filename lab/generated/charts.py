"""The files of the repository that are drawn from the chart: one list for writing and checking."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from wa_supervisor.diagrams.formats import Format, View, render
from wa_supervisor.diagrams.tables import reactions
from wa_supervisor.errors import ConfigError

TEXTS: Mapping[str, Callable[[], str]] = {
    "diagrams/overview.mmd": partial(render, Format.MERMAID),
    "diagrams/full.mmd": partial(render, Format.MERMAID, view=View.FULL),
    "diagrams/reactions.md": partial(render, Format.TABLE),
    "docs/reactions.md": reactions,
}
"""Files that must be equal to the letter."""

PICTURES: Mapping[str, Callable[[], str]] = {
    **{f"diagrams/{view.value}.svg": partial(render, Format.SVG, view=view) for view in View},
    "src/wa_supervisor/web/chart.svg": partial(render, Format.SVG),  # the page shows it
}
"""Files that may differ in their coordinates, which another Graphviz lays out otherwise."""


def write(root: Path) -> list[Path]:
    """Write all of them below the repository's root; returns what was written.

    Raises:
        ConfigError: `root` is not the repository, or pygraphviz is missing.

    """
    if not (root / "diagrams").is_dir():
        raise ConfigError(
            f"there is no directory {root / 'diagrams'}", hint="run it in the repository's root"
        )
    written = []
    for name, make in {**TEXTS, **PICTURES}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(make(), encoding="utf-8", newline="\n")
        written.append(path)
    return written
