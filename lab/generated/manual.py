"""The tables in docs/ that are made from tables of the code."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from wa_supervisor.cli import exits
from wa_supervisor.cli.exits import GIVE_UP, Exit
from wa_supervisor.cli.session_options import SessionOptions
from wa_supervisor.cli.unit import FINAL
from wa_supervisor.errors import ConfigError
from wa_supervisor.lifecycle import Reason
from wa_supervisor.lifecycle.reasons import Who

from ..simulation import markdown
from . import reference

_BEGIN: Final = "<!-- made by `uv run python -m lab generate`; do not edit -->"
_END: Final = "<!-- end -->"


def exit_codes() -> str:
    """Write docs/exit-codes.md."""
    final = [str(code.value) for code in FINAL]
    rows = [[str(code.value), f"`{code.name}`", _meaning(code), _reasons(code)] for code in Exit]
    return "\n".join(
        [
            "# Exit codes",
            "",
            _BEGIN,
            "",
            *_table(["code", "name", "meaning", "reasons"], rows),
            "",
            "Those from 63 to 68 are of `wa-supervisor send`: after 63 and 68 the same may be",
            "asked again with the same key; after 64 nobody knows, and it is never sent twice.",
            "",
            "The numbers from 69 on end `wa-supervisor run --on-give-up exit` only: by default it",
            "waits in GaveUp for `wa-supervisor resume`, `relink` or `stop`. GaveUp is remembered:",
            "a start after it ends at once with the same code, until `wa-supervisor resume` or",
            "`relink`, which also work while no supervisor runs.",
            "",
            f"A restart helps nobody after {', '.join(final)}; for systemd:",
            "",
            f"    RestartPreventExitStatus={' '.join(final)}",
            "",
            "After 3 a restart may help: the other supervisor may end, the disk may come back. It",
            "costs no dial. A code above 128, or death by a signal, is a crash or a kill: restart.",
            "(130 of `qr` and `demo` is a Ctrl-C of yours.)",
            "",
        ]
    )


def night_table() -> str:
    """Write the table of what to do at night, for docs/running.md."""
    by_hand = [reason for reason in Reason if _wants_somebody(reason)]
    by_itself = [reason for reason in Reason if not _wants_somebody(reason)]
    return "\n".join(
        [
            *_table(
                ["reason", "what it means", "exit code", "who", "what to do"],
                (
                    [
                        f"`{reason.value}`",
                        reason.explanation.sentence,
                        str(GIVE_UP[reason].value) if reason in GIVE_UP else "",
                        reason.explanation.who.value,
                        SessionOptions().advice(*reason.explanation.hints),
                    ]
                    for reason in by_hand
                ),
            ),
            "",
            "Sleep on; these heal by themselves, or are an operator's own doing:",
            "",
            *_table(
                ["reason", "what it means"],
                ([f"`{reason.value}`", reason.explanation.sentence] for reason in by_itself),
            ),
        ]
    )


def running(page: str) -> str:
    """Put the table of reasons into the page docs/running.md, between its marks."""
    before, begin, rest = page.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ConfigError(f"the page has lost its marks, {_BEGIN} and {_END}")
    return f"{before}{begin}\n\n{night_table()}\n\n{end}{after}"


PAGES: Final[Mapping[str, Callable[[str], str]]] = {
    "docs/cli.md": lambda _: reference.commands(),
    "docs/settings.md": lambda _: reference.settings(),
    "docs/exit-codes.md": lambda _: exit_codes(),
    "docs/incidents.md": lambda _: markdown() + "\n",
    "docs/running.md": running,
}
"""The pages, and how each is made from what it is now."""


def _wants_somebody(reason: Reason) -> bool:
    return reason.explanation.who is not Who.NOBODY or reason in GIVE_UP


def _reasons(code: Exit) -> str:
    return ", ".join(f"`{reason.value}`" for reason, given in GIVE_UP.items() if given is code)


def _meaning(code: Exit) -> str:
    """Read the sentence below the member: an enum's members have no docstrings at run time."""
    source = inspect.getsource(exits.Exit)
    found = re.search(rf'\b{code.name} = {code.value}\n\s+"""(.*?)"""', source, re.DOTALL)
    if found is None:
        raise ConfigError(f"exit code {code.name} has no sentence")
    return " ".join(found[1].split())


def _table(head: list[str], rows: Iterable[list[str]]) -> list[str]:
    return ["| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows)]


def write(root: Path) -> list[Path]:
    """Write all pages below the repository's root; returns what was written."""
    written = []
    for name, make in PAGES.items():
        path = root / name
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        path.write_text(make(old), encoding="utf-8", newline="\n")
        written.append(path)
    return written
