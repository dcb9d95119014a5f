"""The one place where a payload becomes a QR, and its forms: text rows, PNG, SVG.

All three are the library's (qrcode); ours are the border, the size and the mark.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from ..errors import StoreError

if TYPE_CHECKING:
    from pydantic import SecretStr

Matrix = tuple[tuple[bool, ...], ...]
"""Rows of modules, True is black; the white border is part of it."""

MARK = "wa-supervisor"
"""Written into image files, so that a file left by a crash is known as ours."""

TERMINAL_BORDER = 2  # modules; half of a file's still decodes (a test does it), and saves two rows
_FILE_BORDER = 4  # modules; ISO/IEC 18004 asks for four
_LEAST_PIXELS = 400
_SVG_MODULE = 16  # tenths of a millimetre: 117 mm for a payload of WhatsApp's


def make_matrix(payload: SecretStr, border: int) -> Matrix:
    """Encode the payload as rows of modules. Raises StoreError if it is too long for a QR."""
    rows = _encode(payload, border).get_matrix()
    return tuple(tuple(bool(module) for module in row) for row in rows)


def make_png(payload: SecretStr) -> bytes:
    """Draw a PNG of at least 400 pixels a side, black on white.

    Raises StoreError if the payload is too long for a QR.
    """
    from PIL.PngImagePlugin import PngInfo  # noqa: PLC0415 - as in _encode
    from qrcode.image.pil import PilImage  # noqa: PLC0415

    code = _encode(payload, _FILE_BORDER)
    code.box_size = -(-_LEAST_PIXELS // (code.modules_count + 2 * _FILE_BORDER))
    mark = PngInfo()
    mark.add_text("Software", MARK)
    buffer = io.BytesIO()
    code.make_image(PilImage).save(buffer, pnginfo=mark)
    return buffer.getvalue()


def make_svg(payload: SecretStr) -> bytes:
    """Draw an SVG of one path, black on white, that scales to its frame.

    Raises StoreError if the payload is too long for a QR.
    """
    from qrcode.image.svg import SvgPathFillImage  # noqa: PLC0415 - as in _encode

    code = _encode(payload, _FILE_BORDER)
    code.box_size = _SVG_MODULE
    attributes = {"id": MARK, "shape-rendering": "crispEdges"}
    svg: bytes = code.make_image(SvgPathFillImage, **attributes).to_string()
    return svg


def _encode(payload: SecretStr, border: int) -> Any:  # noqa: ANN401 - qrcode has no types
    """Make a QR with error correction L, the smallest; a screen has no scratches.

    Raises StoreError if the payload is longer than a QR can hold (2953 bytes, ISO/IEC 18004).
    """
    # Not above: it brings PIL along, and a session that is paired shows no QR.
    import qrcode  # noqa: PLC0415

    code = qrcode.QRCode(error_correction=qrcode.ERROR_CORRECT_L, border=border)
    code.add_data(payload.get_secret_value())
    try:
        code.make()
    except (qrcode.exceptions.DataOverflowError, ValueError):
        # The library's own words are about its version numbers.
        raise StoreError("the payload is too long for a QR") from None
    return code
