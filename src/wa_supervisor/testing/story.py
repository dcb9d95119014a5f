"""A played session as a person would tell it, and as a test to paste."""

from __future__ import annotations

from dataclasses import fields
from enum import Enum
from typing import TYPE_CHECKING

from pydantic import SecretStr

from ..lifecycle.facts import Alarm

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..lifecycle import Step
    from ..lifecycle.effects import Effect
    from ..lifecycle.facts import Fact


def tell(steps: Iterable[tuple[float, Step | None]]) -> str:
    """One line a step: when, what happened, where it led, what was asked for. None: a restart."""
    return "\n".join(f"{at:12.1f} s  {line(step)}" for at, step in steps)


def line(step: Step | None) -> str:
    """One step in one line."""
    if step is None:
        return "the supervisor restarts"
    happened = shown(step.fact)
    if not step.taken:
        return f"{step.phase_before.value}: {happened} is ignored"
    before, after = step.phase_before, step.phase_after
    moved = "" if before is after else f" -> {after.value}"
    why = f" ({step.reason.value})" if step.reason else ""
    asked = ", ".join(shown(effect) for effect in step.effects)
    return f"{before.value}: {happened}{moved}{why}" + (f"  asks {asked}" if asked else "")


def shown(thing: Fact | Effect) -> str:
    """A fact or an effect with its particulars; what is secret stays so."""
    particulars = ", ".join(_shown(getattr(thing, f.name)) for f in fields(thing))
    return f"{thing.name}({particulars})" if particulars else thing.name


def _shown(value: object) -> str:
    if isinstance(value, SecretStr):
        return "***"
    return str(value.value) if isinstance(value, Enum) else repr(value)


def source_of(fact: Fact) -> str:
    """The Python expression that makes this fact, with a stand-in for what is secret."""
    return f"facts.{fact.name}({', '.join(_source(getattr(fact, f.name)) for f in fields(fact))})"


def _source(value: object) -> str:
    if isinstance(value, SecretStr):
        return 'SecretStr("a code")'
    if isinstance(value, Enum):
        owner = type(value).__name__
        return f"facts.{owner}.{value.name}"
    return repr(value)


def as_test(name: str, steps: Iterable[tuple[float, Step | None]], policy: str = "") -> str:
    """A regression test to paste, which plays the same steps on a virtual session."""
    body = []
    for at, step in steps:
        body.append(f"    play.advance_to({at!r})")
        if step is None:
            body.append("    play.restart()")
        elif not isinstance(step.fact, Alarm):
            body.append(f"    play.happen({source_of(step.fact)})")
    return "\n".join([f"def test_{name}() -> None:", f"    play = VirtualSession({policy})", *body])
