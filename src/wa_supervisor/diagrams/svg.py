"""A drawing as SVG that reads on light and on dark pages. Needs the pygraphviz wheel."""

from __future__ import annotations

from ..errors import ConfigError
from ..hints import Action, Hint
from .dot import to_dot
from .views import Drawing

STYLE = """\
<style>
@media (prefers-color-scheme: dark) {
  .page > polygon { fill: #0d1117; }
  .page > text, .box > text, .edge text { fill: #e6edf3; }
  .box > path, .box > polygon { fill: #161b22; stroke: #9198a1; }
  .edge path, .edge polygon { stroke: #9198a1; }
  .edge polygon, .node ellipse { fill: #9198a1; }
  .operator path, .operator polygon { stroke: #56b4e9; }
  .operator polygon { fill: #56b4e9; }
}
</style>
"""
"""The dark theme. The page colour is drawn, so each theme reads on whatever surrounds it."""


def to_svg(drawing: Drawing) -> str:
    """The drawing as SVG.

    Raises:
        ConfigError: pygraphviz, which brings Graphviz with it, is not installed.

    """
    try:
        import pygraphviz  # noqa: PLC0415 - wanted by this format alone
    except ImportError as missing:
        raise ConfigError(
            "SVG is drawn by Graphviz, which is not installed",
            hint=Hint(Action.INSTALL, "pygraphviz", note="it brings Graphviz; or choose Mermaid"),
        ) from missing
    drawn: bytes = pygraphviz.AGraph(string=to_dot(drawing)).draw(format="svg", prog="dot")
    head, opening, body = drawn.decode().partition("<g id=")
    return head + STYLE + opening + body
