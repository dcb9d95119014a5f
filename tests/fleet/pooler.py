"""A pooler between a program and Postgres, which does not hand on the options of a connection."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

_SSL_REQUEST = 8  # bytes; https://www.postgresql.org/docs/current/protocol-message-formats.html


@contextlib.contextmanager
def pooler(server: Path) -> Iterator[int]:
    """Serve on a port while this lasts; `server` is Postgres' socket."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener, server), daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, server: Path) -> None:
    with contextlib.suppress(OSError):  # it is closed
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_serve, args=(client, server), daemon=True).start()


def _serve(client: socket.socket, server: Path) -> None:
    with client, socket.socket(socket.AF_UNIX) as upstream, contextlib.suppress(OSError):
        upstream.connect(str(server))
        packet = client.recv(65536)
        if len(packet) == _SSL_REQUEST:
            client.sendall(b"N")
            packet = client.recv(65536)
        upstream.sendall(_without_options(packet))
        back = threading.Thread(target=_copy, args=(upstream, client))
        back.start()
        _copy(client, upstream)
        back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the other side is gone
        while data := source.recv(65536):
            target.sendall(data)
    for each in (source, target):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


def _without_options(startup: bytes) -> bytes:
    words = startup[8:].rstrip(b"\0").split(b"\0")
    pairs = zip(words[::2], words[1::2], strict=True)
    kept = b"".join(b"%s\0%s\0" % pair for pair in pairs if pair[0] != b"options") + b"\0"
    return struct.pack("!I", len(kept) + 8) + startup[4:8] + kept
