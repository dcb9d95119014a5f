"""What a person sees: a terminal's screen as pixels, and a reader of QR codes that is not ours."""

from __future__ import annotations

import io
import threading
import unicodedata
from functools import cache
from typing import TYPE_CHECKING

import pyte
import zxingcpp
from PIL import Image
from rich.console import Console

if TYPE_CHECKING:
    from pathlib import Path

# As neonize 0.5.2 hands them out: a URL, ref, three keys in base64, the client's type.
PAYLOAD = (
    "https://wa.me/settings/linked_devices#2@" + "kZ7/" * 38 + ",A+b8" + "Qx3Z" * 10 + "cD0=,"
    "Zy9+" + "pL5w" * 9 + "aB8=,/uE4" + "mN2v" * 9 + "qR8=,1"
)
assert 330 < len(PAYLOAD) < 360

THEMES = {
    "dark": {"bg": (0, 0, 0), "fg": (204, 204, 204)},
    "light": {"bg": (255, 255, 255), "fg": (51, 51, 51)},
    "solarized": {"bg": (0, 43, 54), "fg": (131, 148, 150)},
}
# pyte's names of the colours as xterm paints them
NAMED = {
    "black": (0, 0, 0),
    "red": (205, 0, 0),
    "green": (0, 205, 0),
    "brown": (205, 205, 0),
    "blue": (0, 0, 238),
    "magenta": (205, 0, 205),
    "cyan": (0, 205, 205),
    "white": (229, 229, 229),
    "brightblack": (127, 127, 127),
    "brightred": (255, 0, 0),
    "brightgreen": (0, 255, 0),
    "brightbrown": (255, 255, 0),
    "brightblue": (92, 92, 255),
    "brightmagenta": (255, 0, 255),
    "brightcyan": (0, 255, 255),
    "brightwhite": (255, 255, 255),
}
CELL_WIDTH, CELL_HEIGHT = 8, 16


@cache
def ink(letter: str) -> tuple[tuple[int, int, int, int], ...]:
    """Where a block character is black, by its name in Python's own table; text leaves no ink."""
    name = unicodedata.name(letter, "")
    half, middle = CELL_WIDTH // 2, CELL_HEIGHT // 2
    whole = {
        "FULL BLOCK": (0, 0, CELL_WIDTH, CELL_HEIGHT),
        "UPPER HALF BLOCK": (0, 0, CELL_WIDTH, middle),
        "LOWER HALF BLOCK": (0, middle, CELL_WIDTH, CELL_HEIGHT),
        "LEFT HALF BLOCK": (0, 0, half, CELL_HEIGHT),
        "RIGHT HALF BLOCK": (half, 0, CELL_WIDTH, CELL_HEIGHT),
    }
    if name in whole:
        return (whole[name],)
    if not name.startswith("BLOCK SEXTANT-"):
        return ()
    thirds = [round(CELL_HEIGHT * part / 3) for part in range(4)]
    parts = [int(digit) - 1 for digit in name.removeprefix("BLOCK SEXTANT-")]
    return tuple(
        (part % 2 * half, thirds[part // 2], (part % 2 + 1) * half, thirds[part // 2 + 1])
        for part in parts
    )


class Terminal:
    """A pyte screen with a rich console that writes to it, from whatever thread.

    Each redraw is one write: who looks sees all of it or nothing.
    """

    def __init__(self, columns: int, rows: int, color_system: str = "truecolor") -> None:
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.Stream(self.screen)
        self.written = ""
        self._writing = threading.Lock()
        self.console = Console(
            file=self,  # type: ignore[arg-type]
            force_terminal=True,
            width=columns,
            height=rows,
            color_system=color_system,  # type: ignore[arg-type]
            legacy_windows=False,
            _environ={},
        )

    def resize(self, columns: int, rows: int) -> None:
        with self._writing:
            self.screen.resize(rows, columns)
        self.console.size = (columns, rows)

    def write(self, text: str) -> int:
        with self._writing:
            self.written += text
            self.stream.feed(text.replace("\n", "\r\n"))
        return len(text)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return True

    @property
    def text(self) -> str:
        with self._writing:
            return "\n".join(line.rstrip() for line in self.screen.display).rstrip()

    def picture(self, theme: str) -> Image.Image:
        with self._writing:
            return self._drawn(theme)

    def _drawn(self, theme: str) -> Image.Image:
        image = Image.new(
            "RGB", (self.screen.columns * CELL_WIDTH, self.screen.lines * CELL_HEIGHT)
        )
        for y in range(self.screen.lines):
            for x in range(self.screen.columns):
                cell = self.screen.buffer[y][x]
                fg, bg = colour(cell.fg, THEMES[theme]["fg"]), colour(cell.bg, THEMES[theme]["bg"])
                left, top = x * CELL_WIDTH, y * CELL_HEIGHT
                image.paste(bg, (left, top, left + CELL_WIDTH, top + CELL_HEIGHT))
                for box in ink(cell.data):
                    image.paste(fg, (left + box[0], top + box[1], left + box[2], top + box[3]))
        return image


def colour(name: str, default: tuple[int, int, int]) -> tuple[int, int, int]:
    if name == "default":
        return default
    if name in NAMED:
        return NAMED[name]
    return int(name[:2], 16), int(name[2:4], 16), int(name[4:], 16)


def read(image: Image.Image) -> list[str]:
    """Every QR in the picture, strictly: not inverted, not turned, not guessed at."""
    found = zxingcpp.read_barcodes(
        image,
        formats=zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.QRCode]),
        try_rotate=False,
        try_downscale=False,
        try_invert=False,
    )
    return [code.text for code in found]


def read_by_camera(image: Image.Image) -> list[str]:
    """Every QR in the picture, as a phone would look for it."""
    found = zxingcpp.read_barcodes(
        image, formats=zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.QRCode]), try_invert=False
    )
    return [code.text for code in found]


def picture_in(path: Path) -> Image.Image:
    return Image.open(io.BytesIO(path.read_bytes()))
