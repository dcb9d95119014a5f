"""A drawing as Graphviz DOT. Node ids are `state-<name>`, so that a page can light one by CSS."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from textwrap import wrap

from .chart import PLACES, landing, lineage
from .views import Arrow, Drawing
from .words import MEANINGS

FONT = "Helvetica,Arial,sans-serif"
INK, EDGE, OPERATOR, PAGE, BOX = "#1f2328", "#57606a", "#0072B2", "#ffffff", "#f3f5f7"
"""The light theme; `svg.py` adds the dark one."""

WIDTH = 34
"""Letters in a line of an arrow's label; longer ones make a picture too wide for a page."""

_HEAD = f"""\
digraph session {{
  graph [rankdir=TB compound=true bgcolor="{PAGE}" pad=0.15 nodesep=0.35 ranksep=0.55 \
fontname="{FONT}" fontsize=15 fontcolor="{INK}" class="page"]
  node [shape=box style="rounded,filled" color="{INK}" fontcolor="#000000" fontname="{FONT}" \
fontsize=16 margin="0.16,0.09" penwidth=1]
  edge [color="{EDGE}" fontcolor="{INK}" fontname="{FONT}" fontsize=13 arrowsize=0.8 penwidth=1.4]
"""


def state_id(place: str) -> str:
    """The DOM id of a state in the SVG, such as `state-LoggedOut` or `state-Connected-online`."""
    phase = PLACES[place].phase
    return "state-" + (phase.value.replace(".", "-") if phase else PLACES[place].name)


def _node(place: str, *, lit: bool) -> str:
    meaning, name = MEANINGS[place], PLACES[place].name
    label = f'<b>{escape(name)}</b><br/><font point-size="12">{escape(meaning.about)}</font>'
    extra = " penwidth=5" if lit else ""
    return (
        f'{place} [label=<{label}> id="{state_id(place)}" class="state" '
        f'fillcolor="{meaning.group.value}"{extra}]'
    )


def _inside(drawing: Drawing, box: str | None, pad: str) -> Iterator[str]:
    for place in PLACES.values():
        if place.parent != box or place.id not in drawing.places:
            continue
        if place.id not in drawing.compounds:
            yield pad + _node(place.id, lit=place.id in drawing.lit)
            continue
        about = escape(MEANINGS[place.id].about)
        heavy = " penwidth=5" if place.id in drawing.lit else ""
        yield f"{pad}subgraph cluster_{place.id} {{"
        yield (
            f"{pad}  graph [label=<<b>{escape(place.name)}</b>: {about}> labeljust=l "
            f'style="rounded,filled,dashed" fillcolor="{BOX}" color="{EDGE}" class="box" '
            f'id="{state_id(place.id)}"{heavy}]'
        )
        if (first := landing(place.id)) in drawing.places and place.parent is None:
            yield f'{pad}  begin [shape=circle label="" width=0.16 fillcolor="{EDGE}"]'
            yield f"{pad}  begin -> {first}"
        yield from _inside(drawing, place.id, pad + "  ")
        yield f"{pad}}}"


def _end(drawing: Drawing, place: str) -> str:
    """The node by which an arrow holds a box."""
    if place not in drawing.compounds:
        return place
    leaves = [p for p in drawing.places if place in lineage(p) and p not in drawing.compounds]
    order = list(PLACES)
    return max(leaves, key=order.index)


def _wrapped(line: str) -> Iterator[str]:
    event, bracket, condition = line.partition(" [")
    first, *rest = wrap(event, WIDTH)
    if len(line) <= WIDTH:
        first, rest = line, []
    else:
        rest += wrap(bracket.strip() + condition, WIDTH)
    yield escape(first)
    for part in rest:
        yield "&#160;&#160;&#160;" + escape(part)


def _goes_in(arrow: Arrow) -> bool:
    return "active" in lineage(arrow.target) and "active" not in lineage(arrow.source)


def _arrow(drawing: Drawing, arrow: Arrow) -> str:
    tail = f" ltail=cluster_{arrow.source}" if arrow.source in drawing.compounds else ""
    kind = f' style=dashed color="{OPERATOR}" class="operator"' if arrow.operator else ""
    lines = [part for line in arrow.lines for part in _wrapped(line)]
    label = "".join(f'&#160;{line}&#160;<br align="left"/>' for line in lines)
    source, target = _end(drawing, arrow.source), _end(drawing, arrow.target)
    # The way back up must not pull the picture apart.
    back = " constraint=false" if _goes_in(arrow) else ""
    name = f"{arrow.source} to {arrow.target}"
    return f'  {source} -> {target} [label=<{label}> id="{name}"{tail}{kind}{back}]'


def to_dot(drawing: Drawing) -> str:
    """The drawing as DOT source."""
    lines = [*_inside(drawing, None, "  ")]
    if drawing.note:
        lines.append(f'  graph [label="{drawing.note}" labelloc=b]')
    lines.extend(_arrow(drawing, a) for a in drawing.arrows)
    return _HEAD + "\n".join(lines) + "\n}\n"
