"""`wa-supervisor listen`: what is received, for a program in any language."""

from __future__ import annotations

import sys
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from pydantic import ValidationError

from ..control import Talk, no_answer
from ..errors import ConfigError, ControlError
from ..messages.message import Kind
from ..redaction import printable
from ..remote.listener import Listener, ListenOptions
from ..remote.message_json import dumps
from ..remote.replies import converse
from ..remote.wire import READER, ListenRequest, ToListener
from .exits import Exit
from .session_options import ConfigOption, DataDirOption, SessionOption, SessionOptions

if TYPE_CHECKING:
    from ..store import SessionFiles

_INTERRUPTED: Final = 130  # as a shell says of Ctrl-C
_WITHIN: Final = 10.0  # seconds for the disk to forget


class Ack(StrEnum):
    """When a message is acknowledged."""

    AUTO = "auto"
    MANUAL = "manual"


def listen(
    session: SessionOption = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
    json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line, as docs/messages.md says.")
    ] = False,
    reader: Annotated[
        str,
        typer.Option(metavar="NAME", help="Whose place in the inbox it is; each has its own."),
    ] = READER,
    ack: Annotated[
        Ack,
        typer.Option(
            help="auto: a message is acknowledged when the next one was printed. manual: when its "
            "number or id is read from standard input, one a line."
        ),
    ] = Ack.AUTO,
    kinds: Annotated[
        list[Kind] | None,
        typer.Option("--kinds", metavar="KIND", help="Only these, such as text. Repeatable."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="End after so many messages.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="As --limit 1.")] = False,
    forget: Annotated[
        bool,
        typer.Option("--forget", help="Have nothing kept for this --reader any more, and end."),
    ] = False,
) -> None:
    """Print what is received from those whom the gate admits, and go on until interrupted.

    A supervisor that is away is waited for. What was printed and not acknowledged when this ends
    comes again, to the next one of the same --reader.
    """
    options = SessionOptions(session, data_dir, config)
    try:
        request = ListenRequest(reader=reader, kinds=frozenset(kinds) if kinds else None)
    except ValidationError:
        raise ConfigError(
            "--reader: a name has 1 to 64 letters, digits, '.', '_' and '-'"
        ) from None
    listening = ListenOptions(
        request=request,
        show=dumps if json else readable,
        say=_say,
        manual=ack is Ack.MANUAL,
        limit=1 if once else limit,
    )
    try:
        with options.advising():
            if forget:
                _forget(options.files(), request)
                return
            Listener(options.files(), listening).run()
    except KeyboardInterrupt:
        raise typer.Exit(_INTERRUPTED) from None
    raise typer.Exit(Exit.OK)


def _forget(files: SessionFiles, request: ListenRequest) -> None:
    asked = request.model_copy(update={"forget": True}).model_dump(mode="json")
    reply = converse(files, Talk.LISTEN, asked, ToListener, within=_WITHIN)
    if reply is None:
        raise no_answer(files)
    if reply.problem is not None:
        raise ControlError(reply.problem.message, hint=reply.problem.hint)
    print(f"Nothing is kept for {request.reader!r} any more.")


def readable(message: dict[str, Any]) -> str:
    """Return a message as one line for a person; it cannot move the cursor."""
    at = datetime.fromisoformat(message["at"]).astimezone()
    sender = message["sender"] or {}
    who = sender.get("phone") or sender.get("lid") or message["chat"]
    where = f" in {message['chat']}" if message["is_group"] else ""
    marks = [message["kind"]] if message["kind"] != "text" else []
    marks += ["again"] if message["redelivered"] else []
    marked = f" ({', '.join(marks)})" if marks else ""
    return printable(
        f"{message['number']}  {at:%Y-%m-%d %H:%M:%S}  {who}{where}{marked}: {message['text']}"
    )


def _say(text: str) -> None:
    print(f"wa-supervisor: {printable(text)}", file=sys.stderr, flush=True)
