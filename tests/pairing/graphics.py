"""A terminal that draws images too: what is sent is decoded by the protocols' own words."""

from __future__ import annotations

import base64
import io
import re

from PIL import Image

from pairing.eyes import CELL_HEIGHT, CELL_WIDTH, Terminal

# kitty, iTerm2, sixel: pyte would print them.
_IMAGES = re.compile(r"(\x1b_G.*?\x1b\\|\x1b\]1337;.*?\x07|\x1bP[\d;]*q.*?\x1b\\)", re.DOTALL)


class GraphicsTerminal(Terminal):
    """Keeps each image where the cursor was; text that is drawn or erased there later covers it."""

    def __init__(self, columns: int, rows: int) -> None:
        super().__init__(columns, rows)
        self.images: list[tuple[int, int, Image.Image]] = []
        self.sent = 0
        self._chunks = ""

    def write(self, text: str) -> int:
        with self._writing:
            self.written += text
            for part in _IMAGES.split(text.replace("\n", "\r\n")):
                if _IMAGES.fullmatch(part):
                    self._graphics(part)
                elif part:
                    self._erase(part)
                    self.stream.feed(part)
        return len(text)

    def _graphics(self, sequence: str) -> None:
        if sequence.startswith("\x1b_G"):
            keys, _, data = sequence[3:-2].partition(";")
            if "a=d" in keys:
                self.images.clear()
                return
            self._chunks += data
            if "m=1" in keys.split(","):
                return
            picture = _png(self._chunks)
            self._chunks = ""
            self.images.clear()  # one id, one placement
        elif sequence.startswith("\x1b]1337"):
            picture = _png(sequence.partition(":")[2].removesuffix("\x07"))
        else:
            picture = unsixel(sequence)
        self.sent += 1
        top, left = self.screen.cursor.y, self.screen.cursor.x
        assert (top + 1) * CELL_HEIGHT <= self.screen.lines * CELL_HEIGHT
        assert top * CELL_HEIGHT + picture.height <= (self.screen.lines - 1) * CELL_HEIGHT, (
            "scrolls"
        )
        self.images.append((left * CELL_WIDTH, top * CELL_HEIGHT, picture))

    def _erase(self, text: str) -> None:
        """Forget what is drawn where lines are erased: sixels and iTerm2's images are in cells."""
        if "\x1b[2K" in text or "\x1b[2J" in text:
            self.images.clear()

    def _drawn(self, theme: str) -> Image.Image:
        image = super()._drawn(theme)
        for left, top, picture in self.images:
            image.paste(picture.convert("RGB"), (left, top))
        return image


def _png(data: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(data, validate=True)))


def unsixel(sequence: str) -> Image.Image:
    """Decode as the VT340: `!n` repeats, `$` goes back, `-` goes down, `#` chooses a colour."""
    body = sequence.partition("q")[2].removesuffix("\x1b\\")
    width, height = map(int, re.findall(r'^"1;1;(\d+);(\d+)', body)[0])
    image = Image.new("RGB", (width, height), (255, 0, 0))  # what is not painted is seen
    colours: dict[str, tuple[int, int, int]] = {}
    colour, x, top = (0, 0, 0), 0, 0
    tokens = r"#(\d+);2;(\d+);(\d+);(\d+)|#(\d+)|!(\d+)([?-~])|([?-~])|([$-])"
    at = body.index("#")
    while at < len(body):
        found = re.compile(tokens).match(body, at)
        assert found, body[at : at + 20]
        at = found.end()
        number, red, green, blue, chosen, count, repeated, single, move = found.groups()
        if number:
            colours[number] = (
                int(red) * 255 // 100,
                int(green) * 255 // 100,
                int(blue) * 255 // 100,
            )
        elif chosen:
            colour = colours[chosen]
        elif move:
            x, top = 0, top + 6 * (move == "-")
        else:
            bits = ord(repeated or single) - 0x3F
            end = x + int(count or 1)
            for bit in range(6):
                if bits >> bit & 1:
                    image.paste(colour, (x, top + bit, end, top + bit + 1))
            x = end
    return image
