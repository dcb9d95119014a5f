"""docs/cli.md and docs/settings.md: every command and every setting, read from the code."""

from __future__ import annotations

import inspect
import re
from enum import Enum
from json import dumps
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, SecretStr

from wa_supervisor.cli.commands import HOMES
from wa_supervisor.cli.starter.reference import attribute_docstrings
from wa_supervisor.setting_sources import ENV_PREFIX, NESTED
from wa_supervisor.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typer.core import TyperCommand, TyperGroup

BEGIN: Final = "<!-- made by `uv run python -m lab generate`; do not edit -->"


def commands() -> str:
    """Write docs/cli.md."""
    parts = [
        "# Commands",
        "",
        BEGIN,
        "",
        "What `wa-supervisor COMMAND -h` says, for all of them. `--session`, `--data-dir` and",
        "`--config` say which session is meant; [exit-codes.md](exit-codes.md) has the exit codes.",
        "",
    ]
    for name, home in HOMES.items():
        command = home.load()
        parts += [f"## {name}", ""]
        if home.extra:
            parts += [f"Needs the extra `{home.extra}`.", ""]
        parts += _command(f"wa-supervisor {name}", command)
        for inner, each in getattr(command, "commands", {}).items():
            parts += [f"### {name} {inner}", "", *_command(f"wa-supervisor {name} {inner}", each)]
    return "\n".join(parts)


def _command(typed: str, command: TyperCommand | TyperGroup) -> Iterator[str]:
    options = [each for each in command.params if each.param_type_name == "option"]
    context = command.make_context(typed, [], resilient_parsing=True)
    yield from ("```text", " ".join((typed, *command.collect_usage_pieces(context))), "```", "")
    if command.help:
        yield from (*inspect.cleandoc(command.help).split("\n"), "")
    if options:
        yield from ("| option | meaning |", "|---|---|")
        for each in options:
            names = ", ".join(f"`{name}`" for name in (*each.opts, *each.secondary_opts))
            yield f"| {names} | {_cell(getattr(each, 'help', None) or '')} |"
        yield ""


def settings() -> str:
    """Write docs/settings.md."""
    parts = [
        "# Settings",
        "",
        BEGIN,
        "",
        "Each has a place in the TOML file and a variable of the environment; an option of the",
        "command line wins over the variable, that over the file, that over the default.",
        "`wa-supervisor init` writes a file with all of them, `wa-supervisor config show --origin`",
        "says where each value comes from.",
        "",
    ]
    return "\n".join([*parts, *_group(Settings, ())])


def _group(model: type[BaseModel], above: tuple[str, ...]) -> Iterator[str]:
    docs = attribute_docstrings(model)
    groups: list[tuple[tuple[str, ...], type[BaseModel], str]] = []
    rows = []
    for name, info in model.model_fields.items():
        key = (*above, name)
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            groups.append((key, info.annotation, docs.get(name, "")))
            continue
        variable = f"{ENV_PREFIX}{NESTED.join(key)}".upper()
        rows.append(f"| `{name}` | {_default(key)} | {_cell(docs.get(name, ''))} | `{variable}` |")
    if rows:
        yield from ("| key | default | meaning | variable |", "|---|---|---|---|", *rows, "")
    for key, inner, doc in groups:
        yield from (f"{'#' * (len(key) + 1)} [{'.'.join(key)}]", "")
        yield from (_words(doc or inspect.getdoc(inner) or ""), "")
        yield from _group(inner, key)


def _default(key: tuple[str, ...]) -> str:
    value: Any = Settings()
    for name in key:
        value = getattr(value, name)
    if value is None or isinstance(value, SecretStr):
        return ""
    if isinstance(value, Enum):
        value = value.value
    return f"`{dumps(sorted(value) if isinstance(value, frozenset) else value, default=str)}`"


def _words(text: str) -> str:
    return re.sub(r"\bNone\b", "not set", " ".join(text.split()))


def _cell(text: str) -> str:
    return _words(text).replace("|", "\\|")
