"""`wa-supervisor gate`: who may write, why, and the list of those who may.

A running supervisor is asked and told; it changes its gate without a reconnect. Where none runs the
settings and what was kept of earlier changes answer, and a change is kept for the next start.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from pydantic import SecretStr

from ..control import Talk, no_answer
from ..errors import ControlError, NotRunning
from ..gate import Identity, Lid, Phone, entry_text, parse_entry
from ..gate_answers import GateExplanation, GateQuestion, GateStanding, explained
from ..gate_file import keep_changes, read_changes
from ..messages.own import read_own
from ..redaction import printable
from ..remote.replies import converse, raise_misuse
from ..remote.wire import GateReply, GateRequest, dump, whole
from ..store import SessionFiles, SessionLock
from .commands import TYPER
from .exits import Exit
from .parameters import WordedCommand
from .session_options import ConfigOption, DataDirOption, JsonOption, SessionOption, SessionOptions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ..gate import Entry
    from ..gate.changes import Changes

gate = typer.Typer(
    help="Say who may write to your program and why, and change it.", no_args_is_help=True, **TYPER
)

_WITHIN: Final = 10.0  # seconds; a LID is asked for in the session process
_NOT_LIVE: Final = "No supervisor runs: this is what the next one will do."

_EntryArgument = Annotated[
    str, typer.Argument(metavar="ENTRY", help="+NUMBER, NUMBER@lid, GROUP@g.us, * or *@g.us.")
]


@gate.command(cls=WordedCommand)
def show(
    session: SessionOption = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show who may write and where each entry comes from, and who was refused of late."""
    options = SessionOptions(session, data_dir, config)
    with options.advising():
        found = _Gate(options).ask(GateRequest(action="show")).standing
    assert found is not None
    print(whole(found) if json else "\n".join(_standing(found, options)))


@gate.command(cls=WordedCommand)
def explain(
    sender: Annotated[
        str, typer.Argument(metavar="SENDER", help="Who would write: +NUMBER or NUMBER@lid.")
    ],
    group: Annotated[
        str | None, typer.Option(metavar="GROUP", help="In this group, GROUP@g.us.")
    ] = None,
    text: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="This, for groups that ask for a mention; - reads it."),
    ] = None,
    session: SessionOption = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Say what the gate does with a sender, why, and what would change it.

    Exits 0 if the sender is admitted, else 1. A running supervisor knows the numbers of LIDs.
    """
    options = SessionOptions(session, data_dir, config)
    text = sys.stdin.read() if text == "-" else text
    with options.advising():
        question = GateQuestion.of(sender, group, text)
        found = _Gate(options).ask(GateRequest(action="explain", question=question)).explanation
    assert found is not None
    print(whole(found) if json else "\n".join(explanation_lines(found, options)))
    raise typer.Exit(Exit.OK if found.admitted else Exit.FAILED)


@gate.command(cls=WordedCommand)
def allow(
    entry: _EntryArgument,
    session: SessionOption = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Let somebody in from the next message on, and after a restart too."""
    _change(entry, SessionOptions(session, data_dir, config), allow=True)


@gate.command(cls=WordedCommand)
def deny(
    entry: _EntryArgument,
    session: SessionOption = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Take an entry off the list, from the next message on and after a restart too.

    Exits 1 if something else admits the person all the same, such as `*`.
    """
    _change(entry, SessionOptions(session, data_dir, config), allow=False)


def _change(text: str, options: SessionOptions, *, allow: bool) -> None:
    with options.advising():
        entry = parse_entry(text)
        request = GateRequest(
            action="allow" if allow else "deny", entry=SecretStr(entry_text(entry))
        )
        reply = _Gate(options).ask(request)
    assert reply.standing is not None
    print(f"{entry_text(entry)} is {'on' if allow else 'off'} the list.")
    if not reply.standing.is_live:
        print(_NOT_LIVE)
    found = reply.explanation
    if found is None or found.admitted is allow:
        return
    print("But the person's direct messages are", end=" ")
    print("\n".join(explanation_lines(found, options)))
    raise typer.Exit(Exit.FAILED)


class _Gate:
    """The gate of a running supervisor; or of the next one, where none runs."""

    def __init__(self, options: SessionOptions) -> None:
        self._settings = options.settings()
        self._files = SessionFiles.at(self._settings.session, self._settings.data_dir)

    def ask(self, request: GateRequest) -> GateReply:
        """Have it answer. Raises SupervisorError."""
        try:
            reply = self._ask_running(request)
        except NotRunning:
            return self._answer(request)
        if reply.problem is not None:
            raise_misuse(reply.problem)
            raise ControlError(reply.problem.message, hint=reply.problem.hint)
        return reply

    def _ask_running(self, request: GateRequest) -> GateReply:
        import json  # noqa: PLC0415 - the options have this name

        arguments: dict[str, Any] = json.loads(dump(request))
        reply = converse(self._files, Talk.GATE, arguments, GateReply, within=_WITHIN)
        if reply is None:
            raise no_answer(self._files)
        return reply

    def _answer(self, request: GateRequest) -> GateReply:
        """Answer by the settings and what was kept; a change is kept for the next supervisor."""
        self._files.check_owner()
        if request.question is not None:
            return GateReply(explanation=self._explain(request.question, self._changes()))
        if request.entry is None:
            return GateReply(standing=GateStanding.of(self._settings.gate, self._changes()))
        entry = parse_entry(request.entry.get_secret_value())
        changes = self._keep(entry, allow=request.action == "allow")
        person = isinstance(entry, Phone | Lid)
        return GateReply(
            standing=GateStanding.of(self._settings.gate, changes),
            explanation=self._explain(GateQuestion(sender=request.entry), changes)
            if person
            else None,
        )

    def _keep(self, entry: Entry, *, allow: bool) -> Changes:
        self._files.prepare_directory()
        with SessionLock(self._files, command=f"wa-supervisor gate {'allow' if allow else 'deny'}"):
            before = self._changes()
            made = before.allowing if allow else before.denying
            changes = made(entry, self._settings.gate)
            keep_changes(self._inbox, changes)
        return changes

    def _explain(self, question: GateQuestion, changes: Changes) -> GateExplanation:
        sender = Identity.of(question.person())
        assert sender is not None
        policy = changes.apply(self._settings.gate)
        return explained(policy, question, sender, read_own(self._inbox))

    def _changes(self) -> Changes:
        return read_changes(self._inbox)

    @property
    def _inbox(self) -> Path:
        return self._files.directory / "inbox"


def _standing(found: GateStanding, options: SessionOptions) -> Iterator[str]:
    if not found.is_live:
        yield _NOT_LIVE
    yield "Nobody may write." if found.admits_nobody else "The list of those who may write:"
    if not found.is_given:
        yield "Only a bot hears everybody, until somebody is allowed or denied, or [gate] is set."
    for each in found.entries:
        source = "the settings" if each.source == "settings" else "`gate allow`"
        gone = "" if each.holds else ", taken off by `gate deny`"
        yield f"  {_revealed(each.entry)}  (from {source}{gone})"
    for name, value in found.settings.items():
        yield f"{name:<13} {value}"
    if found.refused:
        counts = ", ".join(f"{reason} {count}" for reason, count in found.refused.items())
        yield f"Refused since the start: {counts}"
    for refusal in found.lately:
        yield from (f"  {line}" for line in explanation_lines(refusal, options))


def explanation_lines(found: GateExplanation, options: SessionOptions) -> Iterator[str]:
    """Say what the gate does with somebody, with what is to be typed against it."""
    matched = f" The entry is {_revealed(found.matched)}." if found.matched else ""
    known = [_revealed(each) for each in (found.phone, found.lid) if each]
    both = f" ({' is '.join(known)})" if len(known) > 1 else ""
    yield f"{'admitted' if found.admitted else 'refused'}: {found.sentence}{matched}{both}"
    if found.remedies:
        yield "This would admit it:"
    for each in found.remedies:
        if each.entry is None:
            yield f'  set {each.setting} = "{each.value}"'
        else:
            yield f"  {options.repeat_in(f'wa-supervisor gate allow {_revealed(each.entry)}')}"


def _revealed(entry: SecretStr) -> str:
    return printable(entry.get_secret_value())
