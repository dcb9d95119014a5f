"""Makes the loaded Go library trust a test server, in this process's memory only.

whatsmeow has the root key of WhatsApp's Noise certificates and its keepalive timers compiled in.
Nothing on disk is changed; every process starts from WhatsApp's own values. `Endpoint` refuses
all of this unless the proxy is on a loopback address.
"""

from __future__ import annotations

import ctypes
import os
import re
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ...errors import PatchError
from .preload import INSTALL_KNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator

# WACertPubKey in whatsmeow handshake.go: the public key under which WhatsApp's servers certify.
WHATSAPP_ROOT: Final = bytes.fromhex(
    "142375574d0a587166aae71ebe516437c4a28b73e3695c6ce1f7f9545da8ee6b"
)
# whatsmeow keepalive.go, in seconds: response deadline, shortest and longest interval, and the
# silence after which it reconnects. Four adjacent time.Duration variables.
KEEPALIVE: Final = (10, 20, 30, 180)

_MAPPING: Final = re.compile(r"([0-9a-f]+)-([0-9a-f]+) rw-p \S+ \S+ \S+ +(.+)")


def swap_noise_root(library: str, root: str) -> None:
    """Replace the Noise root key by `root` (64 hex digits). Call before connect().

    Raises PatchError if the key is not found exactly once, or this is not Linux.
    """
    _replace(library, "the Noise root key", WHATSAPP_ROOT, bytes.fromhex(root))


def scale_keepalive(library: str, factor: float) -> None:
    """Multiply the four keepalive timers by `factor`. Call before connect().

    Raises PatchError if they are not found exactly once, or this is not Linux.
    """
    scaled = [seconds * factor for seconds in KEEPALIVE]
    _replace(library, "the keepalive timers", _durations(KEEPALIVE), _durations(scaled))


def _durations(seconds: tuple[int, ...] | list[float]) -> bytes:
    return struct.pack("<4q", *(round(each * 1_000_000_000) for each in seconds))


def _replace(library: str, what: str, old: bytes, new: bytes) -> None:
    if sys.platform != "linux":
        raise PatchError(
            f"{what} can be replaced on Linux only, not on {sys.platform}",
            hint="run the loopback demo and its tests on Linux",
        )
    hits = [address for start, end in _writable(library) for address in _find(start, end, old)]
    if len(hits) != 1:
        raise PatchError(
            f"{what} was found {len(hits)} times in neonize's library, expected once: "
            "this release of neonize is laid out in another way",
            hint=INSTALL_KNOWN,
        )
    ctypes.memmove(hits[0], new, len(new))


def _writable(library: str) -> Iterator[tuple[int, int]]:
    library = os.path.realpath(library)
    with Path("/proc/self/maps").open(encoding="utf-8") as maps:
        for line in maps:
            match = _MAPPING.fullmatch(line.rstrip("\n"))
            if match and match[3] == library:
                yield int(match[1], 16), int(match[2], 16)


def _find(start: int, end: int, needle: bytes) -> Iterator[int]:
    data = ctypes.string_at(start, end - start)
    at = data.find(needle)
    while at >= 0:
        yield start + at
        at = data.find(needle, at + 1)
