"""The TCP connections of this process as the kernel knows them: they are Go's. Linux only."""

from __future__ import annotations

import ctypes
import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_LIBC: Final = ctypes.CDLL(None)
_SO_DOMAIN: Final = 39  # linux/asm-generic/socket.h
_ADDRESS_SIZE: Final = 128  # sockaddr_storage
_INTERNET: Final = frozenset({socket.AF_INET, socket.AF_INET6})


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection."""

    descriptor: int
    """Go's, which may close it meanwhile."""
    name: str
    """Of the socket, as no other of this machine is named."""
    peer: bytes


def connections() -> Iterator[Connection]:
    """Name each TCP connection of this process, and its peer's address."""
    with suppress(OSError):
        for number in os.listdir("/proc/self/fd"):  # noqa: PTH208 - 50 times a second
            with suppress(OSError):
                name = os.readlink(f"/proc/self/fd/{number}")  # noqa: PTH115
                if name.startswith("socket:") and (peer := _peer(int(number))) is not None:
                    yield Connection(int(number), name, peer)


def _peer(descriptor: int) -> bytes | None:
    """Return a TCP socket's peer."""
    if _option(descriptor, _SO_DOMAIN) not in _INTERNET:
        return None
    if _option(descriptor, socket.SO_TYPE) != socket.SOCK_STREAM:
        return None
    address = ctypes.create_string_buffer(_ADDRESS_SIZE)
    size = ctypes.c_uint(_ADDRESS_SIZE)
    if _LIBC.getpeername(descriptor, address, ctypes.byref(size)) != 0:
        return None
    return address.raw[: size.value]


def _option(descriptor: int, name: int) -> int | None:
    value, size = ctypes.c_int(), ctypes.c_uint(ctypes.sizeof(ctypes.c_int))
    found = _LIBC.getsockopt(
        descriptor, socket.SOL_SOCKET, name, ctypes.byref(value), ctypes.byref(size)
    )
    return value.value if found == 0 else None
