"""`wa-supervisor explain`: what each reason means, who must act, and what to type."""

from __future__ import annotations

import difflib
import json as json_lines
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import ConfigError
from ..hints import Hint
from ..lifecycle import Reason, Who
from .exits import GIVE_UP
from .session_options import ConfigOption, DataDirOption, SessionOption, SessionOptions
from .wrap import wrapped

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEADINGS = {
    Who.OPERATOR: "You must act:",
    Who.PHONE: "The person with the phone must act:",
    Who.NOBODY: "Nobody must act; these heal by themselves, or are an operator's own doing:",
}
_WHO = {Who.NOBODY: "nobody", Who.OPERATOR: "operator", Who.PHONE: "phone"}


def explain(
    reason: Annotated[
        str | None, typer.Argument(metavar="[REASON]", help="As `status` and `history` name it.")
    ] = None,
    session: SessionOption = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
    json: Annotated[
        bool, typer.Option("--json", help="One JSON object a reason, and no words.")
    ] = False,
) -> None:
    """Say what a reason means, who must act and what to type; without one, list them all."""
    options = SessionOptions(session, data_dir, config)
    asked = list(Reason) if reason is None else [_named(reason)]
    if json:
        for each in asked:
            print(json_lines.dumps(_as_data(each)))
        return
    for line in _list() if reason is None else _lines(asked[0], options):
        print(line)
    if reason is None and sys.stdout.isatty():
        print("\n`wa-supervisor explain REASON` says what to do about one.")


def _named(text: str) -> Reason:
    word = text.strip().strip("[]()").lower().replace("-", "_")
    try:
        return Reason(word)
    except ValueError:
        known = [each.value for each in Reason]
        close = difflib.get_close_matches(word, known, n=1)
        guess = f"; did you mean {close[0]}?" if close else ""
        raise ConfigError(
            f"there is no reason {text[:40]!r}{guess}",
            hint=Hint(note="`wa-supervisor explain` lists them all"),
        ) from None


def _lines(reason: Reason, options: SessionOptions) -> Iterator[str]:
    meaning = reason.explanation
    yield reason.value
    yield from wrapped(meaning.sentence)
    if meaning.hints:
        yield from wrapped(f"{_HEADINGS[meaning.who]} {options.advice(*meaning.hints)}.")
    else:
        yield from wrapped("Nobody must act: it heals by itself, or is an operator's own doing.")
    code = GIVE_UP.get(reason)
    if code is not None:
        yield from wrapped(
            f"The session is given up for it, and nothing is dialled until an operator acts. "
            f"`run --on-give-up exit` ends with exit code {code.value} ({code.name})."
        )


def _list() -> Iterator[str]:
    width = max(len(each.value) for each in Reason)
    for who, heading in _HEADINGS.items():
        yield heading
        for each in Reason:
            if each.explanation.who is who:
                yield from wrapped(
                    each.explanation.sentence, f"  {each.value:{width}}  ", " " * (width + 4)
                )


def _as_data(reason: Reason) -> dict[str, Any]:
    meaning, code = reason.explanation, GIVE_UP.get(reason)
    return {
        "reason": reason.value,
        "sentence": meaning.sentence,
        "who": _WHO[meaning.who],
        "advice": meaning.advice,
        "hints": [
            {
                "action": hint.action.value if hint.action else None,
                "subject": hint.subject,
                "first": hint.first,
                "note": hint.note,
            }
            for hint in meaning.hints
        ],
        "exit_code": code.value if code is not None else None,
    }
