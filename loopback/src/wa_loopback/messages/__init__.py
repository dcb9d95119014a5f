"""What a message says: the parts of `waE2E.Message` which people use, written and read.

Field numbers are those of whatsmeow's `proto/waE2E` and `proto/waCommon`; the tests compare what is
written here with neonize's own classes. Bytes in, bytes out: nothing here knows of encryption.
"""

from __future__ import annotations

from . import write
from .parts import Media, MediaKind, MessageKey, Quote
from .read import Content, ContentKind

__all__ = ["Content", "ContentKind", "Media", "MediaKind", "MessageKey", "Quote", "write"]
