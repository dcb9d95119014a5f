"""The one place where a payload becomes a QR, and its forms: text rows, PNG, SVG."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from ..errors import StoreError

if TYPE_CHECKING:
    from pydantic import SecretStr

Matrix = tuple[tuple[bool, ...], ...]
"""Rows of modules, True is black; the white border is part of it."""

MARK = "wa-supervisor"
"""Written into image files, so that a file left by a crash is known as ours."""

FILE_BORDER = 4  # modules; ISO/IEC 18004 asks for four
TERMINAL_BORDER = 2  # half of that still decodes (a test does it), and saves two rows
_LEAST_PIXELS = 400


def make_matrix(payload: SecretStr, border: int) -> Matrix:
    """Encode the payload with error correction L, the smallest; a screen has no scratches.

    Raises StoreError if it is longer than a QR can hold (2953 bytes, ISO/IEC 18004).
    """
    # Not above: it brings PIL along, and a session that is paired shows no QR.
    import qrcode  # type: ignore[import-untyped]  # noqa: PLC0415

    code = qrcode.QRCode(error_correction=qrcode.ERROR_CORRECT_L, border=border)
    code.add_data(payload.get_secret_value())
    try:
        code.make()
    except (qrcode.exceptions.DataOverflowError, ValueError):
        # The library's own words are about its version numbers.
        raise StoreError("the payload is too long for a QR") from None
    return tuple(tuple(bool(module) for module in row) for row in code.get_matrix())


def png(matrix: Matrix) -> bytes:
    """Draw a PNG of at least 400 pixels a side, black on white."""
    from PIL import Image, PngImagePlugin  # noqa: PLC0415 - as in make_matrix

    side = len(matrix)
    scale = -(-_LEAST_PIXELS // side)
    modules = bytes(0 if black else 255 for row in matrix for black in row)
    image = Image.frombytes("L", (side, side), modules)
    image = image.resize((side * scale, side * scale), Image.Resampling.NEAREST)
    mark = PngImagePlugin.PngInfo()
    mark.add_text("Software", MARK)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", pnginfo=mark)
    return buffer.getvalue()


def svg(matrix: Matrix) -> bytes:
    """Draw an SVG of one path, black on white, that scales to its frame."""
    side = len(matrix)
    path = "".join(
        f"M{x} {y}h1v1h-1z" for y, row in enumerate(matrix) for x, black in enumerate(row) if black
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" '
        f'width="{side * 6}" height="{side * 6}" shape-rendering="crispEdges"><!-- {MARK} -->'
        f'<rect width="{side}" height="{side}" fill="#fff"/><path d="{path}" fill="#000"/></svg>\n'
    ).encode()
