"""Files that messages refer to: encrypted as WhatsApp does, and kept as its media servers do."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from .errors import LoopbackError
from .keys import KEY_SIZE, hkdf
from .messages import Media, MediaKind
from .signal.chain import decrypt, encrypt

HOST = "media.loopback.invalid"
"""Where clients are told to load files from: no resolver knows it, only this server's proxy."""

_IV_SIZE = 16
_MAC_SIZE = 10
_INFOS = {  # whatsmeow, `download.go`
    MediaKind.IMAGE: b"WhatsApp Image Keys",
    MediaKind.STICKER: b"WhatsApp Image Keys",
    MediaKind.VIDEO: b"WhatsApp Video Keys",
    MediaKind.AUDIO: b"WhatsApp Audio Keys",
    MediaKind.DOCUMENT: b"WhatsApp Document Keys",
}


class MediaStore:
    """The files of one server, by path, as they are encrypted."""

    def __init__(self) -> None:
        self._files: dict[str, bytes] = {}
        self.status: int | None = None
        """HTTP status with which every download and upload is refused; None to serve them."""

    def add(
        self,
        data: bytes,
        kind: MediaKind = MediaKind.IMAGE,
        *,
        mimetype: str = "application/octet-stream",
        caption: str | None = None,
        name: str | None = None,
    ) -> Media:
        """Encrypt a file under a key of its own, keep it, and return what a message needs."""
        key = secrets.token_bytes(KEY_SIZE)
        iv, cipher_key, mac_key = _derived(key, kind)
        ciphertext = encrypt(cipher_key, iv, data)
        stored = ciphertext + _mac(mac_key, iv, ciphertext)
        return Media(
            kind=kind,
            mimetype=mimetype,
            size=len(data),
            path=self.keep(stored),
            key=key,
            sha256=hashlib.sha256(data).digest(),
            enc_sha256=hashlib.sha256(stored).digest(),
            caption=caption,
            name=name,
        )

    def read(self, file: Media) -> bytes:
        """Decrypt the file that a message refers to. Raises `LoopbackError` if that fails."""
        stored = self.get(file.path)
        if stored is None:
            raise LoopbackError("the file is not here", hint="was it deleted?")
        iv, cipher_key, mac_key = _derived(file.key, file.kind)
        ciphertext, mac = stored[:-_MAC_SIZE], stored[-_MAC_SIZE:]
        if not hmac.compare_digest(mac, _mac(mac_key, iv, ciphertext)):
            raise LoopbackError("the MAC of a file is wrong")
        return decrypt(cipher_key, iv, ciphertext)

    def delete(self, file: Media) -> None:
        """Forget a file: who downloads it is answered 404."""
        self._files.pop(_plain(file.path), None)

    def spoil(self, file: Media) -> None:
        """Change a byte of a file, as it is stored."""
        path = _plain(file.path)
        stored = self._files[path]
        self._files[path] = bytes([stored[0] ^ 1]) + stored[1:]

    def keep(self, stored: bytes) -> str:
        """Keep an encrypted file; return its path, with a query to which clients append."""
        path = f"/v/{secrets.token_urlsafe(16)}"
        self._files[path] = stored
        return f"{path}?ccb=11-4"

    def get(self, path: str) -> bytes | None:
        """Return an encrypted file, whatever the query in its path."""
        return self._files.get(_plain(path))


def _plain(path: str) -> str:
    return path.partition("?")[0]


def _derived(key: bytes, kind: MediaKind) -> tuple[bytes, bytes, bytes]:
    """Return the IV, the AES key and the MAC key of a file."""
    keys = hkdf(key, size=_IV_SIZE + 2 * KEY_SIZE, info=_INFOS[kind])
    middle = _IV_SIZE + KEY_SIZE
    return keys[:_IV_SIZE], keys[_IV_SIZE:middle], keys[middle:]


def _mac(key: bytes, iv: bytes, ciphertext: bytes) -> bytes:
    return hmac.digest(key, iv + ciphertext, hashlib.sha256)[:_MAC_SIZE]
