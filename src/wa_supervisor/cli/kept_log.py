"""`wa-supervisor logs`: what `run` has logged of a session, whether it runs now or not."""

from __future__ import annotations

import contextlib
import sys
import time
from collections import deque
from typing import TYPE_CHECKING, Annotated, Final

import typer

from .. import private_files
from ..log_file import older
from ..redaction import printable
from .session_options import ConfigOption, DataDirOption, SessionOption, SessionOptions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

_EVERY: Final = 0.5  # seconds between two looks of --follow
_INTERRUPTED: Final = 130  # as a shell says of Ctrl-C
_COLOURS: Final = {"error": "red", "warning": "yellow"}
_LEVEL: Final = 2  # the word of a line that says its level, after the day and the time


def logs(
    session: SessionOption = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=0, help="At most so many newest lines; 0: all.")
    ] = 50,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with each new line, until Ctrl-C.")
    ] = False,
) -> None:
    """Show what `run` has logged of a session, oldest first, whether it runs now or not.

    It keeps the newest lines in the session's directory, as many as the settings under `log` say.
    """
    options = SessionOptions(session, data_dir, config)
    files = options.files()
    with options.advising(), contextlib.ExitStack() as stack:
        files.check_owner()
        with private_files.explained("read the log", files.directory):
            newest = _next(files.log, None, stack)
            kept = deque((*_old(files.log, newest), *(newest or ())), lines or None)
            for line in kept:
                _show(line)
            if follow:
                _follow(files.log, newest)
    if not kept:
        print(options.repeat_in("Nothing is logged yet: `wa-supervisor run` does that."))


def _old(path: Path, newest: BinaryIO | None) -> Iterator[bytes]:
    """Give what was written before; not again what was turned over since it was opened."""
    if newest is not None and private_files.is_open_file(older(path), newest.fileno()):
        return
    with contextlib.suppress(FileNotFoundError), private_files.reading(older(path)) as file:
        yield from file


def _follow(path: Path, file: BinaryIO | None) -> None:
    """Show what is written from now on, until Ctrl-C; also after the file began anew."""
    try:
        with contextlib.ExitStack() as stack:
            while True:
                for line in file or ():
                    _show(line)
                sys.stdout.flush()
                if file is None or not private_files.is_open_file(path, file.fileno()):
                    file = _next(path, file, stack)
                time.sleep(_EVERY)
    except KeyboardInterrupt:
        raise typer.Exit(_INTERRUPTED) from None


def _next(path: Path, file: BinaryIO | None, stack: contextlib.ExitStack) -> BinaryIO | None:
    """Show what was still written to the file that was turned over, and open the new one."""
    for line in file or ():
        _show(line)
    stack.close()
    with contextlib.suppress(FileNotFoundError):
        return stack.enter_context(private_files.reading(path))
    return None


def _show(line: bytes) -> None:
    text = printable(line.decode(errors="replace").rstrip("\n"))
    words = text.split(maxsplit=_LEVEL + 1)
    typer.secho(text, fg=_COLOURS.get(words[_LEVEL]) if len(words) > _LEVEL else None)
