"""Signal's end-to-end encryption, in the wire format of libsignal's version 3 as WhatsApp uses it.

X3DH (https://signal.org/docs/specifications/x3dh/) makes a session out of a prekey bundle and the
Double Ratchet (https://signal.org/docs/specifications/doubleratchet/) carries it on; groups have
sender keys. Where the specifications leave a choice, libsignal's is taken
(go.mau.fi/libsignal, which whatsmeow uses).

Bytes in, bytes out: nothing here knows of nodes, people or connections.
"""

from __future__ import annotations

from .errors import Undecryptable
from .formats import Kind, Sealed, broken_message
from .keyring import Keyring
from .prekeys import PreKeyBundle, PublishedPreKeys
from .sender_keys import ReceivedSenderKeys, SenderKey

__all__ = [
    "Keyring",
    "Kind",
    "PreKeyBundle",
    "PublishedPreKeys",
    "ReceivedSenderKeys",
    "Sealed",
    "SenderKey",
    "Undecryptable",
    "broken_message",
]
