"""Text of others, made safe to print.

What a proxy, a server or a bot says may hold escape sequences, which would command the terminal,
and newlines, which would forge lines of a log.
"""

from __future__ import annotations

import re
from typing import Final

# What commands a terminal or changes how the rest of a line looks: the controls of C0 and C1
# (ECMA-48), line and paragraph separators, marks and overrides of direction (UAX 9); and lone
# surrogates, which cannot be encoded.
_COMMANDS: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
_SHORT: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\x1b": "\\e"}


def plain(text: str) -> str:
    r"""Return `text` on one line, with all that commands a terminal written out, as `\n`."""
    return _COMMANDS.sub(_written_out, text)


def plain_lines(text: str, indent: str = "    ") -> str:
    """Do so line by line, each indented, so that none can pass for a line of ours."""
    return "\n".join(f"{indent}{plain(line)}" for line in text.expandtabs().split("\n"))


def _written_out(found: re.Match[str]) -> str:
    number = ord(found[0])
    if found[0] in _SHORT:
        return _SHORT[found[0]]
    return f"\\x{number:02x}" if number <= 0xFF else f"\\u{number:04x}"  # noqa: PLR2004
