"""One or more of every fact there is, made from what the facts say of their fields.

A new fact is sampled as soon as it is declared. `CANARY` stands for every secret: a string easy to
look for where it must not be.
"""

from __future__ import annotations

import itertools
from dataclasses import fields
from functools import cache
from typing import Any, get_args, get_type_hints

from pydantic import SecretStr

from ..lifecycle import Logout
from ..lifecycle.facts import FACTS, ChildExited, ChildFact, Fact, StartRefused

CANARY = "https://wa.me/settings/linked_devices#CANARY-CODE"

_VALUES: dict[object, tuple[object, ...]] = {
    bool: (True, False),
    int: (101,),
    float: (3600.0,),
    str: ("what was said",),
    SecretStr: (SecretStr(CANARY),),
    Logout: tuple(Logout),
    type(None): (None,),
}


def samples_of(kind: type[Fact], generation: int = 1) -> tuple[Fact, ...]:
    """Facts of this kind with every combination of a few values for its fields.

    Raises KeyError for a field of a type that has no values here.
    """
    hints = get_type_hints(kind)
    choices: list[tuple[Any, ...]] = [
        (generation,) if field.name == "generation" else _values(hints[field.name])
        for field in fields(kind)
    ]
    return tuple(kind(*values) for values in itertools.product(*choices))


def _values(hint: object) -> tuple[object, ...]:
    return tuple(value for part in get_args(hint) or (hint,) for value in _VALUES[part])


@cache
def said_by(generation: int) -> tuple[Fact, ...]:
    """All that the session process of this generation can say, and what is seen of it living."""
    kinds = (kind for kind in FACTS.values() if issubclass(kind, ChildFact))
    ends = {ChildExited, StartRefused}
    return tuple(f for kind in kinds if kind not in ends for f in samples_of(kind, generation))


@cache
def ends_of(generation: int) -> tuple[Fact, ...]:
    """How the session process of this generation can end, or not begin."""
    return (*samples_of(ChildExited, generation), *samples_of(StartRefused, generation))


def every_fact(generation: int = 1) -> tuple[Fact, ...]:
    """All there is, clocks and answers too, whether or not it could happen."""
    return tuple(fact for kind in FACTS.values() for fact in samples_of(kind, generation))
