"""Commands whose mistyped options are answered in our words: typer lets pydantic speak."""

from __future__ import annotations

import difflib
from typing import Any, Final

import typer
from typer.core import TyperCommand

_UsageError: Final[type[Exception]] = typer.BadParameter.__mro__[1]
"""The base of all that click says of a command line. typer keeps its own, and no name of it."""


class WordedCommand(TyperCommand):
    """A command that says what is wrong with the value of an option as the settings do."""

    def parse_args(
        self,
        ctx: Any,  # noqa: ANN401 - click's, which typer keeps private
        args: list[str],
    ) -> list[str]:
        """Read the arguments. Raises typer.BadParameter.

        An option whose value is in brackets in the help may stand without one.
        """
        free = {name for each in self.params if _may_be_bare(each) for name in each.opts}
        args = [
            part
            for pair in zip(args, [*args[1:], "-"], strict=False)
            for part in _filled(*pair, free)
        ]
        try:
            return super().parse_args(ctx, args)
        except typer.BadParameter as wrong:
            # The list of commands and --version need no pydantic; it takes longer than they do.
            from pydantic import ValidationError  # noqa: PLC0415

            from ..setting_words import words  # noqa: PLC0415

            if isinstance(cause := wrong.__cause__, ValidationError):
                wrong.message = words(cause.errors(include_url=False)[0]).rstrip(".")
            raise
        except _UsageError as wrong:
            if name := getattr(wrong, "option_name", None):
                # The closest, and no more than one: else what is similar is listed by the alphabet.
                known = [option for each in self.params for option in each.opts]
                closest = difflib.get_close_matches(str(name), known, n=1)
                setattr(wrong, "possibilities", closest)  # noqa: B010 - of no type that we may name
            raise


def _may_be_bare(parameter: Any) -> bool:  # noqa: ANN401 - as above
    return str(getattr(parameter, "metavar", None) or "").startswith("[")


def _filled(word: str, following: str, free: set[str]) -> tuple[str, ...]:
    return (word, "") if word in free and following.startswith("-") else (word,)
