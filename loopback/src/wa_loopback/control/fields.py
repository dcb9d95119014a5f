"""What a request may say: one table for checking it and for describing it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from .http import Refused

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


@dataclass(frozen=True)
class Field:
    """One field of a request's JSON object."""

    type: str
    """A type of JSON Schema: string, integer, number or boolean."""
    meaning: str
    required: bool = False
    choices: tuple[str, ...] = ()
    secret: bool = False
    """Whether its value is a secret, never to be shown."""
    nullable: bool = False
    pattern: str = ""
    """A regular expression that a string must match as a whole."""

    def schema(self) -> dict[str, Any]:
        """Describe it in JSON Schema."""
        described: dict[str, Any] = {
            "type": [self.type, "null"] if self.nullable else self.type,
            "description": self.meaning,
        }
        if self.choices:
            described["enum"] = [*self.choices, *([None] if self.nullable else [])]
        if self.pattern:
            described["pattern"] = f"^{self.pattern}$"
        if self.secret:
            described["format"] = "password"
        return described

    def check(self, name: str, value: object) -> None:
        """Raise `Refused` if a value is of another type, or none of the choices."""
        if value is None and self.nullable:
            return
        boolean = isinstance(value, bool)
        if not isinstance(value, _TYPES[self.type]) or boolean != (self.type == "boolean"):
            raise Refused(HTTPStatus.BAD_REQUEST, f"{name} must be a {self.type}")
        if self.pattern and not re.fullmatch(self.pattern, str(value)):
            raise Refused(HTTPStatus.BAD_REQUEST, f"{name} must match {self.pattern}", self.meaning)
        if self.choices and value not in self.choices:
            raise Refused(HTTPStatus.BAD_REQUEST, f"{name} is one of {', '.join(self.choices)}")


def checked(known: dict[str, Field], given: dict[str, Any]) -> dict[str, Any]:
    """Return what was given. Raises `Refused` if anything is unknown, missing or wrong."""
    for name, value in given.items():
        if name not in known:
            offered = ", ".join(known) or "none"
            raise Refused(HTTPStatus.BAD_REQUEST, f"unknown field {name!r}", f"fields: {offered}")
        known[name].check(name, value)
    for name, field in known.items():
        if field.required and name not in given:
            raise Refused(HTTPStatus.BAD_REQUEST, f"{name} is missing", field.meaning)
    return given
