"""What a Postgres database holds of one device, as a private JSON file.

The file is whatsmeow's tables as they were at one moment, parents before their children: whoever
puts the rows back can do it in the order in which they stand there.
"""

from __future__ import annotations

import base64
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from ...errors import Damaged
from ...hints import Action, Hint

SUFFIX = ".json"
DEVICES = "whatsmeow_device"
BINARY = "bytea"

_TABLE = re.compile(r"whatsmeow_[a-z0-9_]{1,50}", re.ASCII)

Value = bool | int | str | None
"""One column of a row; bytes are written in base64."""


def _table_name(value: str) -> str:
    if _TABLE.fullmatch(value) is None:
        raise ValueError("not the name of a table of whatsmeow")
    return value


class Column(BaseModel):
    """A column, by its name and Postgres' name for its type."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str
    type: str


class Table(BaseModel):
    """All rows of one table, sorted."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: Annotated[str, AfterValidator(_table_name)]
    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...] = Field(repr=False)

    def values(self) -> list[list[Value | bytes]]:
        """Give the rows as Postgres takes them. Raises ValueError."""
        return [
            [
                base64.b64decode(value, validate=True)
                if column.type == BINARY and isinstance(value, str)
                else value
                for column, value in zip(self.columns, row, strict=True)
            ]
            for row in self.rows
        ]


class Copy(BaseModel):
    """Whatsmeow's tables at one moment. Its rows are the keys of a device, and not in its repr."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    format: Literal[1] = 1
    version: int
    """Of whatsmeow's schema, from `whatsmeow_version`."""
    tables: tuple[Table, ...]

    @property
    def device(self) -> Table | None:
        """The table with the device's row; None if no device is registered."""
        return next((each for each in self.tables if each.name == DEVICES and each.rows), None)

    @property
    def is_empty(self) -> bool:
        """Whether there is no row at all."""
        return not any(table.rows for table in self.tables)

    def encode(self) -> bytes:
        """Write it down. Equal rows make equal bytes."""
        return self.model_dump_json().encode() + b"\n"


def decode(content: bytes, name: str) -> Copy:
    """Read what `encode` wrote and check it whole. Raises Damaged, which names the file `name`."""
    try:
        copy = Copy.model_validate_json(content)
        for table in copy.tables:
            table.values()
    except ValidationError as error:
        # Location and rule only: the input is keys.
        problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, problem["loc"][:2]))
        raise _damaged(name, f"{where or 'file'}: {problem['type']}") from None
    except ValueError:
        raise _damaged(name, "a row is not what its table's columns say") from None
    return copy


def check_version(copy: Copy, version: int, name: str) -> None:
    """Raise Damaged if a copy cannot be put back into tables of this version."""
    if copy.version != version:
        # Only whatsmeow can bring rows from one version to another, and only its own tables.
        raise Damaged(
            f"{name} is of version {copy.version} of whatsmeow's tables, "
            f"but the database is at {version}"
        )


def plain(value: object) -> Value:
    """Make a value of Postgres one of JSON."""
    match value:
        case None | bool() | int() | str():
            return value
        case bytes() | bytearray() | memoryview():
            return base64.b64encode(value).decode()
        case _:
            return str(value)


def _damaged(name: str, why: str) -> Damaged:
    return Damaged(
        f"{name} is damaged: {why}",
        hint=Hint(Action.SNAPSHOTS),
    )
