"""`wa-supervisor send`: a text, sent once for its key, by the running supervisor."""

from __future__ import annotations

import json as json_module
import sys
import uuid
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from pydantic import SecretStr, ValidationError

from ..control import LONGEST, Talk
from ..errors import ConfigError
from ..gate.policy import Wildcard, entry_text, parse_entry
from ..redaction import printable
from ..remote.replies import converse, raise_misuse
from ..remote.wire import LONGEST_SEND, Problem, SendReply, SendRequest, dump
from .exits import SENDING, Exit
from .session_options import (
    ConfigOption,
    DataDirOption,
    JsonOption,
    SessionOption,
    SessionOptions,
)

if TYPE_CHECKING:
    from ..store import SessionFiles

_MARGIN: Final = 10.0  # seconds beyond the timeout, for the supervisor to say so
_VERSION: Final = 1


class WhenOffline(StrEnum):
    """What to do where the session is not connected."""

    WAIT = "wait"
    RAISE = "raise"


def send(
    to: Annotated[str, typer.Argument(metavar="TO", help="+NUMBER, NUMBER@lid or GROUP@g.us.")],
    text: Annotated[
        str,
        typer.Argument(
            metavar="TEXT", help="The text; - reads it from standard input, where nobody sees it."
        ),
    ],
    key: Annotated[
        str | None,
        typer.Option(
            metavar="KEY", help="The same key again sends nothing and returns the first result."
        ),
    ] = None,
    reply_to: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Quote a message of this chat that `listen` has printed."),
    ] = None,
    when_offline: Annotated[
        WhenOffline, typer.Option(help="Where the session is not connected: wait, or fail.")
    ] = WhenOffline.WAIT,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.1, max=LONGEST_SEND, help="For all of it.")
    ] = 90.0,
    session: SessionOption = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Send a text through a running supervisor, and print the message's id.

    The exit code says how it went: 64 it may have been sent, 65 WhatsApp refused it, 66 the account
    may write to no new contacts, 67 nobody is there, 68 the session is not connected, 63 too often.
    """
    options = SessionOptions(session, data_dir, config)
    key = uuid.uuid4().hex if key is None else key
    with options.advising():
        request = _request(to, _text(text), key, reply_to, when_offline, timeout)
        reply = _ask(options.files(), request)
    if reply.problem is not None:
        raise_misuse(reply.problem)
        code = SENDING.get(reply.problem.code, Exit.STORE)
        _tell(reply.problem, key, as_json=json)
        raise typer.Exit(code)
    assert reply.id is not None
    assert reply.at is not None
    id_ = reply.id.get_secret_value()
    print(_json(key, id=id_, at=reply.at.isoformat()) if json else id_)


def _request(
    to: str, text: str, key: str, reply_to: str | None, when_offline: WhenOffline, timeout: float
) -> SendRequest:
    entry = parse_entry(to)
    if isinstance(entry, Wildcard):
        raise ConfigError("a message is sent to somebody, not to everybody")
    if not text:
        raise ConfigError("there is no text to send")
    try:
        request = SendRequest(
            to=SecretStr(entry_text(entry)),
            text=SecretStr(text),
            key=key,
            reply_to=None if reply_to is None else SecretStr(reply_to),
            when_offline=when_offline.value,
            timeout=timeout,
        )
    except ValidationError:
        raise ConfigError("--key: a key has 1 to 256 characters") from None
    if len(dump(request).encode()) > LONGEST - 1024:
        raise ConfigError("the text is too long: WhatsApp takes 65,536 characters")
    return request


def _text(text: str) -> str:
    """Return the text, or what standard input has, without the line break at its end."""
    if text != "-":
        return text
    data = sys.stdin.buffer.read(LONGEST + 1)
    try:
        return data.decode().removesuffix("\n")
    except UnicodeDecodeError:
        raise ConfigError("standard input is not UTF-8 text") from None


def _ask(files: SessionFiles, request: SendRequest) -> SendReply:
    """Have it sent. A supervisor that is gone before it answers leaves it open."""
    arguments: dict[str, Any] = json_module.loads(dump(request))
    reply = converse(files, Talk.SEND, arguments, SendReply, within=request.timeout + _MARGIN)
    if reply is not None:
        return reply
    return SendReply(
        problem=Problem(
            code="send_unknown",
            message="the message may have been sent: the supervisor ended before it answered",
        )
    )


def _tell(problem: Problem, key: str, *, as_json: bool) -> None:
    if as_json:
        print(_json(key, error=problem.model_dump()))
        return
    print(f"wa-supervisor: {printable(problem.message)}", file=sys.stderr)
    if problem.hint:
        print(f"  try: {printable(problem.hint)}", file=sys.stderr)
    if SENDING.get(problem.code) is Exit.UNKNOWN:
        print(f"  --key {key} asks what became of it; it is never sent twice", file=sys.stderr)


def _json(key: str, **more: Any) -> str:  # noqa: ANN401 - whatever JSON has
    return json_module.dumps({"version": _VERSION, "key": key, **more})
