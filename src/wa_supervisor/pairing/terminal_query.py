"""Asks a terminal which images it draws, and how many pixels its characters have.

Only control sequences of the oldest kind (CSI) are sent: a terminal that does not know one prints
nothing. They are XTVERSION, for the name, a report of the cell's size, and last the device
attributes, which every terminal answers: that answer ends the wait.
"""

from __future__ import annotations

import fcntl
import os
import re
import select
import struct
import termios
import time
import tty
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from .images import Cell, ImageStyle

if TYPE_CHECKING:
    from collections.abc import Mapping

DEADLINE: Final = 0.5
"""Seconds for the answer, over a slow line too. Who never answers is waited for only once."""

_QUESTION: Final = b"\x1b[>q\x1b[16t\x1b[c"
_ATTRIBUTES: Final = re.compile(rb"\x1b\[\?([\d;]+)c")
_CELL: Final = re.compile(rb"\x1b\[6;(\d+);(\d+)t")
_NAME: Final = re.compile(rb"\x1bP>\|([^\x1b]*)\x1b\\")

_BY_NAME: Final[Mapping[str, ImageStyle]] = {
    "kitty": ImageStyle.KITTY,
    "ghostty": ImageStyle.KITTY,
    "iterm2": ImageStyle.ITERM2,
    "wezterm": ImageStyle.ITERM2,
}
_SIXELS: Final = b"4"  # among the device attributes

# The kernel's console and the oldest know no private sequences; a multiplexer passes no image on.
_NOT_ASKED: Final = re.compile(r"(|dumb|linux|vt\d+|screen|tmux)([-.].*)?")


@dataclass(frozen=True, slots=True)
class Offer:
    """What a terminal draws: by which protocol, if by any, and the size of its characters."""

    style: ImageStyle | None = None
    cell: Cell = field(default_factory=Cell)


def ask_terminal(
    descriptor: int, environment: Mapping[str, str] = os.environ, *, within: float = DEADLINE
) -> Offer:
    """Ask the terminal behind this descriptor. Nothing is asked in the background, or of old ones.

    What is typed meanwhile is lost.
    """
    cell = cell_size(descriptor)
    if _NOT_ASKED.fullmatch(environment.get("TERM", "")) or "TMUX" in environment:
        return Offer(None, cell or Cell())
    try:
        if os.tcgetpgrp(descriptor) != os.getpgrp():  # it would stop us (SIGTTOU)
            return Offer(None, cell or Cell())
        answer = _exchange(descriptor, within)
    except (OSError, termios.error):
        return Offer(None, cell or Cell())
    if cell is None and (found := _CELL.search(answer)):
        height, width = map(int, found.groups())
        cell = Cell(width, height) if width and height else None
    return Offer(_style(answer, cell), cell or Cell())


def cell_size(descriptor: int) -> Cell | None:
    """Ask the kernel for the size of a character; not every terminal has told it."""
    try:
        size = fcntl.ioctl(descriptor, termios.TIOCGWINSZ, bytes(8))
    except OSError:
        return None
    rows, columns, width, height = struct.unpack("HHHH", size)
    if not (rows and columns and width >= columns and height >= rows):
        return None
    return Cell(width // columns, height // rows)


def _style(answer: bytes, cell: Cell | None) -> ImageStyle | None:
    """Choose a protocol. Sixels cannot be placed without the size of a character."""
    if found := _NAME.search(answer):
        name = re.split(r"[ (]", found[1].decode("ascii", "replace").lower())[0]
        if name in _BY_NAME:
            return _BY_NAME[name]
    attributes = _ATTRIBUTES.search(answer)
    if attributes and _SIXELS in attributes[1].split(b";") and cell is not None:
        return ImageStyle.SIXEL
    return None


def _exchange(descriptor: int, within: float) -> bytes:
    """Send the question and read until the last answer, or for so many seconds."""
    before = termios.tcgetattr(descriptor)
    end, answer = time.monotonic() + within, b""
    try:
        tty.setcbreak(descriptor, termios.TCSADRAIN)
        os.write(descriptor, _QUESTION)
        while not _ATTRIBUTES.search(answer) and (left := end - time.monotonic()) > 0:
            if select.select([descriptor], [], [], left)[0]:
                answer += os.read(descriptor, 1024)
    finally:
        termios.tcsetattr(descriptor, termios.TCSAFLUSH, before)
    return answer
