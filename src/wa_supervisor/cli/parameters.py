"""Commands whose mistyped options are answered in our words: typer lets pydantic speak."""

from __future__ import annotations

from typing import Any

import typer
from pydantic import ValidationError
from typer.core import TyperCommand

from ..setting_words import words


class WordedCommand(TyperCommand):
    """A command that says what is wrong with the value of an option as the settings do."""

    def parse_args(
        self,
        ctx: Any,  # noqa: ANN401 - click's, which typer keeps private
        args: list[str],
    ) -> list[str]:
        """Read the arguments. Raises typer.BadParameter."""
        try:
            return super().parse_args(ctx, args)
        except typer.BadParameter as wrong:
            if isinstance(cause := wrong.__cause__, ValidationError):
                wrong.message = words(cause.errors(include_url=False)[0]).rstrip(".")
            raise
