"""A played session as a person would tell it, and as a test to paste."""

from __future__ import annotations

from dataclasses import fields
from enum import Enum
from typing import TYPE_CHECKING

from pydantic import SecretStr

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..lifecycle import Step
    from ..lifecycle.effects import Effect
    from ..lifecycle.facts import Fact


def tell(steps: Iterable[tuple[float, Step]]) -> str:
    """One line a step: when, what happened, where it led, what the shell was asked to do."""
    return "\n".join(f"{at:12.1f} s  {line(step)}" for at, step in steps)


def line(step: Step) -> str:
    """One step in one line."""
    happened = shown(step.fact)
    if not step.taken:
        return f"{step.before.value}: {happened} is ignored"
    moved = "" if step.before is step.after else f" -> {step.after.value}"
    why = f" ({step.reason.value})" if step.reason else ""
    asked = ", ".join(shown(effect) for effect in step.effects)
    return f"{step.before.value}: {happened}{moved}{why}" + (f"  asks {asked}" if asked else "")


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


def as_test(
    name: str, played: Iterable[tuple[float, Fact | None]], policy: str = "Policy()"
) -> str:
    """A regression test to paste: `played` are moments and facts, None where a clock rang."""
    body = []
    for at, fact in played:
        body.append(f"    play.advance_to({at!r})")
        if fact is not None:
            body.append(f"    play.happen({source_of(fact)})")
    return "\n".join([f"def test_{name}() -> None:", f"    play = VirtualSession({policy})", *body])
