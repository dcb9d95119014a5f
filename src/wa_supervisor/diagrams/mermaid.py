"""A drawing as Mermaid, which GitHub and many wikis render by themselves.

python-statemachine writes the diagram; the colours are ours. Black text on them is set by hand, as
Mermaid's dark theme would write white on bright colours.
"""

from __future__ import annotations

from statemachine.contrib.diagram.model import (
    DiagramGraph,
    DiagramState,
    DiagramTransition,
    StateType,
)
from statemachine.contrib.diagram.renderers.mermaid import MermaidRenderer, MermaidRendererConfig

from .chart import PLACES, landing
from .views import Drawing
from .words import MEANINGS, Group


def _states(drawing: Drawing, box: str | None) -> list[DiagramState]:
    return [
        DiagramState(
            p.id,
            p.name,
            StateType.REGULAR,
            children=_states(drawing, p.id),
            is_initial=p.initial and landing(p.id) in drawing.places,
        )
        for p in PLACES.values()
        if p.parent == box and p.id in drawing.places
    ]


def _classes(drawing: Drawing) -> str:
    leaves = [p for p in PLACES if p in drawing.places - drawing.compounds]
    lines = []
    for group in Group:
        members = [p for p in leaves if MEANINGS[p].group is group]
        if members:
            name = group.name.lower()
            lines.append(f"    classDef {name} fill:{group.value},color:#000,stroke:#333")
            lines.append(f"    class {','.join(members)} {name}")
    if lit := [p for p in leaves if p in drawing.lit]:
        lines.append("    classDef lit stroke-width:5px")
        lines.append(f"    class {','.join(lit)} lit")
    return "\n".join(lines) + "\n"


def to_mermaid(drawing: Drawing) -> str:
    """The drawing as a Mermaid `stateDiagram-v2`."""
    graph = DiagramGraph(
        drawing.title,
        _states(drawing, None),
        [DiagramTransition(a.source, [a.target], "<br/>".join(a.lines)) for a in drawing.arrows],
        set(drawing.compounds),
    )
    head = f"---\ntitle: {drawing.title}\n---\n"
    text = MermaidRenderer(MermaidRendererConfig(direction="TB")).render(graph)
    return head + text + _classes(drawing)
