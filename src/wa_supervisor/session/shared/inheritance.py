"""What a session process takes over from the supervisor's program.

The fork server was started at some earlier time, perhaps for another session: what a bot finds is
to be what it would find if the supervisor's program had started it just now.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, SecretStr

from .secret import AnySecret

OWN_PREFIX: Final = "WA_SUPERVISOR_"
"""Of the variables that set the supervisor. They are not for the bot: one may hold a phone number,
others passwords, and whatever a bot starts would inherit them."""

_BYTES: Final = "latin-1"  # any bytes as text and back; names of files need not be UTF-8


class Inheritance(BaseModel):
    """Environment, working directory and import path of a program, as text for the wire."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, strict=True)

    environment: dict[str, AnySecret]
    directory: str | None
    """None if it has none any more."""
    import_path: list[str]

    @classmethod
    def of_this_program(cls) -> Self:
        """Return what this program has now."""
        directory = None
        with suppress(OSError):
            directory = os.fsencode(Path.cwd()).decode(_BYTES)
        return cls(
            environment={
                name.decode(_BYTES): SecretStr(value.decode(_BYTES))
                for name, value in os.environb.items()
                if not is_own(os.fsdecode(name))
            },
            directory=directory,
            import_path=[os.fsencode(entry).decode(_BYTES) for entry in sys.path],
        )

    def adopt(self) -> None:
        """Make it this process's own. The working directory comes first on the import path."""
        given = {
            name.encode(_BYTES): value.get_secret_value().encode(_BYTES)
            for name, value in self.environment.items()
        }
        for name in os.environb.keys() - given.keys():
            del os.environb[name]
        os.environb.update(given)
        first = []
        if self.directory is not None:
            directory = os.fsdecode(self.directory.encode(_BYTES))
            with suppress(OSError):
                os.chdir(directory)
                first = [directory]
        others = [os.fsdecode(entry.encode(_BYTES)) for entry in self.import_path]
        sys.path[:] = dict.fromkeys([*first, *filter(None, others), *sys.path])


def is_own(name: str) -> bool:
    """Tell whether a variable sets the supervisor."""
    return name.upper().startswith(OWN_PREFIX)
