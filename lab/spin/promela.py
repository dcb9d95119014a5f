"""The chart as a Promela model, to be checked by spin as a second opinion.

States, transitions, their order and their guards come from the chart; what a guard or an action
means comes from `bodies.py`. The core is one process, the world several; python-statemachine's
order of things is kept: what happens by itself comes first, then the fact, then again what happens
by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from wa_supervisor.diagrams.chart import (
    EDGES,
    LEAVES,
    PLACES,
    Edge,
    Guard,
    answers,
    landing,
    lineage,
)
from wa_supervisor.diagrams.tables import FACTS
from wa_supervisor.lifecycle import Clock, Logout, Phase, facts
from wa_supervisor.lifecycle.core import ALARMS
from wa_supervisor.lifecycle.facts import ChildFact, Fact

from .bodies import ACTIONS, FORTUNATE, GUARDS, HELPERS, NOTES, ORACLES, PROPERTIES, WORLD

NUMBERS: Mapping[str, int] = {
    name: number
    for names in (
        [p.value.replace(".", "_") for p in Phase],
        ["NONE", "RUNNING", "STOPPING"],
        ["NO_WORK", "PURGING", "RESTORING"],
        ["NO_SEQUEL", "PURGE", "RESTORE", "HOLD", "TRY"],
        [c.name for c in Clock],
    )
    for number, name in enumerate(names)
}
UNBOUNDED = 255


def variants(fact: type[Fact]) -> list[str]:
    """The model's names of a fact: one, but for LoggedOut, which decides by how it came."""
    if fact is facts.LoggedOut:
        return [f"{fact.name}_{how.name.lower()}" for how in Logout]
    return [fact.name]


FACT_NAMES: tuple[str, ...] = (*(v for f in FACTS for v in variants(f)), "Rebooted")


def _test(guard: Guard) -> str:
    text = guard.name if guard.name in ORACLES else GUARDS[guard.name]
    return text if guard.wanted else f"!({text})"


def _phase(place: str) -> str:
    phase = PLACES[landing(place)].phase
    assert phase is not None  # a landing is a leaf
    return phase.value.replace(".", "_")


def _deeds(edge: Edge) -> str:
    """Leave, act, enter: in the order in which the library does."""
    acts = [ACTIONS[a] for a in edge.actions]
    if edge.target is None:
        return "; ".join(["taken = true", *acts])
    entered = [p for p in reversed(lineage(landing(edge.target))) if p not in lineage(edge.source)]
    enters = [ACTIONS[a] for p in entered for a in PLACES[p].enter]
    enters = enters or [ACTIONS[a] for a in PLACES[landing(edge.target)].enter]
    return "; ".join(["taken = true", "leave()", *acts, f"phase = {_phase(edge.target)}", *enters])


def _first_of(edges: tuple[Edge, ...], pad: str, otherwise: str = "skip") -> Iterator[str]:
    """The first edge whose guards pass, as nested choices."""
    if not edges:
        yield pad + otherwise
        return
    edge, *rest = edges
    if not edge.guards:
        yield pad + _deeds(edge)
        return
    yield f"{pad}if"
    yield f"{pad}:: {' && '.join(map(_test, edge.guards))} -> {_deeds(edge)}"
    yield f"{pad}:: else ->"
    yield from _first_of(tuple(rest), pad + "   ", otherwise)
    yield f"{pad}fi"


def _inline(name: str, trigger: str, otherwise: str = "skip") -> Iterator[str]:
    alike: dict[tuple[Edge, ...], list[str]] = {}
    for phase in Phase:
        if edges := answers(phase, trigger):
            alike.setdefault(edges, []).append(_phase(LEAVES[phase].id))
    yield f"inline {name}() {{"
    yield "  if"
    for edges, phases in alike.items():
        yield f"  :: {' || '.join(f'phase == {p}' for p in phases)} ->"
        yield from _first_of(edges, "     ", otherwise)
    yield f"  :: else -> {otherwise}"
    yield "  fi"
    yield "}"
    yield ""


def _triggers() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for fact in FACTS:
        if fact.trigger:
            found.setdefault(fact.trigger, []).extend(variants(fact))
    return found


def _is(names: list[str]) -> str:
    return " || ".join(f"fact == {n}" for n in names)


def _draws() -> Iterator[str]:
    """Both answers to each question on time or budget that a fact raises."""
    for trigger, names in _triggers().items():
        asked = {g.name for e in EDGES if e.trigger == trigger for g in e.guards}
        for oracle in ORACLES:
            if oracle in asked:
                unless = "!healthy -> " if oracle == FORTUNATE else ""
                yield f"    if :: {_is(names)} ->"
                yield f"       if :: {oracle} = true :: {unless}{oracle} = false fi"
                yield "    :: else fi;"


def _can_answer(trigger: str) -> str:
    return " || ".join(f"phase == {_phase(LEAVES[p].id)}" for p in Phase if answers(p, trigger))


def _core() -> Iterator[str]:
    yield "chan inbox = [0] of { byte };"
    yield ""
    yield "active proctype core() {"
    yield "end: do"
    yield "  :: atomic { inbox?fact;"
    yield from _draws()
    yield "    d_step {"  # one step would be longer than spin allows
    yield "      remember();"
    yield "      note();"
    yield "      if"
    yield "      :: fact == Rebooted -> reboot()"
    for trigger, names in _triggers().items():
        yield f"      :: {_is(names)} -> heard = ({_can_answer(trigger)})"
    yield "      :: else"
    yield "      fi"
    yield "    };"
    yield "    if :: heard -> d_step { settle(); skip } :: else fi;"
    yield "    if"
    for trigger, names in _triggers().items():
        yield f"    :: heard && ({_is(names)}) -> d_step {{ {trigger}() }}"
    yield "    :: else"
    yield "    fi;"
    yield "    if :: heard -> d_step { settle(); skip } :: else fi;"
    yield "    d_step {"
    yield "      judge();"
    yield "      report();"
    yield "      forget()"
    yield "    } }"
    yield "  od"
    yield "}"
    yield ""


def _settle() -> Iterator[str]:
    yield "/* What happens by itself, as long as anything does. */"
    yield "inline settle() {"
    yield "  do"
    for edge in EDGES:
        if not edge.trigger:
            tests = [f"phase == {_phase(edge.source)}", *map(_test, edge.guards)]
            yield f"  :: {' && '.join(tests)} -> {_deeds(edge)}"
    yield "  :: else -> break"
    yield "  od"
    yield "}"
    yield ""


def _notes() -> str:
    exits = [
        f"if :: phase == {_phase(p.id)} -> {'; '.join(ACTIONS[a] for a in p.exit)} :: else fi;"
        for p in PLACES.values()
        if p.exit
    ]
    rung = [f":: fact == {f.name} -> clock[{c.name}] = false" for c, f in ALARMS.items()]
    fillings = {
        "@EXITS@": "\n  ".join(exits),
        "@RUNG@": "\n  ".join(rung),
        "@LOGGED_OUT@": _is(variants(facts.LoggedOut)),
    }
    return _filled(NOTES, fillings)


def _world() -> str:
    said = [v for f in FACTS if issubclass(f, ChildFact) for v in variants(f)]
    clocks = [
        f"active proctype {clock.value}_clock() {{ end: do :: atomic {{ "
        f"{'' if clock in _ALWAYS else '!healthy && '}clock[{clock.name}] -> "
        f"inbox!{alarm.name} }} od }}"
        for clock, alarm in ALARMS.items()
    ]
    fillings = {
        "@CHILD_FACTS@": "\n".join(f"       :: inbox!{v}" for v in said),
        "@CLOCKS@": "\n".join(clocks),
    }
    return _filled(WORLD, fillings)


def _filled(text: str, fillings: Mapping[str, str]) -> str:
    for hole, filling in fillings.items():
        text = text.replace(hole, filling)
    return text


_ALWAYS = frozenset({Clock.PAIRING, Clock.STABLE, Clock.RETRY})
"""Clocks that ring in good weather too: nobody scans, a link holds, a wait ends."""

STATE = (
    "phase",
    "child",
    "work",
    "sequel",
    "retries",
    "strikes",
    "given_up",
    *(f"clock[{i}]" for i in range(9)),
)
"""The core's half of the model, as `report` prints it."""


def _report() -> Iterator[str]:
    """With -DREPORT each explored edge is printed, so that the core can be asked about it."""
    cells = [f"now.{s}" for s in STATE]
    form = " ".join("%d" for _ in STATE)
    yield "#ifdef REPORT"
    yield "c_decl { static unsigned char was[32]; }"
    saved = " ".join(f"was[{i}] = {cell};" for i, cell in enumerate(cells))
    yield f"inline remember() {{ before = phase; c_code {{ {saved} }} }}"
    asked = ", ".join(f"now.{o}" for o in ORACLES)
    held = ", ".join(f"was[{i}]" for i in range(len(STATE)))
    bits = " ".join("%d" for _ in ORACLES)
    yield (
        f'inline report() {{ c_code {{ printf("EDGE %d {bits} {form} {form}\\n", now.fact, '
        f"{asked}, {held}, {', '.join(cells)}); }} }}"
    )
    yield "#else"
    yield "inline remember() { before = phase }"
    yield "inline report() { skip }"
    yield "#endif"
    transient = ("heard", "taken", "started", *ORACLES)
    cleared = "; ".join(f"{name} = false" for name in transient)
    yield f"inline forget() {{ fact = 0; before = 0; {cleared} }}"
    yield ""


RESTS = frozenset({Phase.ONLINE, Phase.GAVE_UP, Phase.STOPPED})
"""Where a session may stay for ever."""


def ending(phase: Phase) -> str:
    """The name of the property that time alone leads out of a phase."""
    return f"{LEAVES[phase].id}_ends"


def _endings() -> Iterator[str]:
    for phase in Phase:
        if phase not in RESTS:
            name = _phase(LEAVES[phase].id)
            goal = f"<> (phase != {name} || rebooted)"
            yield f"ltl {ending(phase)} {{ [] ((phase == {name}) -> {goal}) }}"


def to_promela() -> str:
    """The whole chart, its world and what must hold, as Promela."""
    lines = [
        "/* The life of a session, for spin. Made by `wa-supervisor diagram --format promela`.",
        "   spin -a session.pml && gcc -O2 -DSAFETY -DNOCLAIM -o pan pan.c && ./pan -m100000",
        "   spin -a session.pml && gcc -O2 -DNFAIR=5 -DNOREDUCE -o pan pan.c",
        "   ./pan -m100000 -a -f -N comes_up",
        "   -DRETRIES=2 bounds the retries; without it there are always retries left. */",
        "",
        *(f"#define {name} {number}" for name, number in NUMBERS.items()),
        f"#define CLOCKS {len(Clock)}",
        f"#define UNBOUNDED {UNBOUNDED}",
        "#ifndef RETRIES",
        "#define RETRIES UNBOUNDED",
        "#endif",
        "",
        *(f"#define {name} {number}" for number, name in enumerate(FACT_NAMES, 1)),
        "",
        "/* What the core knows. */",
        "byte phase, child, work, sequel, retries, strikes;",
        "bool clock[CLOCKS], given_up;",
        "/* What is so. */",
        "byte w_child, w_work;",
        "bool w_dead, w_asked, healthy, by_operator, rebooted;",
        "/* Within one step. */",
        f"byte fact, before, i; bool heard, taken, started, {', '.join(ORACLES)};",
        "",
        HELPERS,
        _notes(),
        *_settle(),
        *(line for trigger in _triggers() for line in _inline(trigger, trigger)),
        *_report(),
        *_core(),
        _world(),
        _filled(PROPERTIES, {"@ENDS@": "\n".join(_endings())}),
    ]
    return "\n".join(lines)
