"""Takes secrets out of text that people or machines will keep.

Two layers. `redact` knows the shapes WhatsApp's secrets have; a `Redactor` also knows the very
secrets it was shown. Neither can recognise the text of a message: that must never be formatted
into text at all.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

_MIN_SECRET: Final = 4  # shorter "secrets" would blacken ordinary words
_MIN_MIXED: Final = 3

# whatsmeow's pair-code.go draws from this alphabet (Crockford's base32 without 0).
_CODE: Final = "[1-9A-HJ-NP-TV-Z]"

_QR_URL: Final = re.compile(r"(?:https?://)?wa\.me/settings/linked_devices\S*", re.IGNORECASE)
_QR_CLASSIC: Final = re.compile(r"\b\d@[A-Za-z0-9+/=,_-]{16,}")
_JID: Final = re.compile(
    r"(?<![\w.:+-])[\w.:+-]+@(s\.whatsapp\.net|c\.us|g\.us|lid|hosted(?:\.lid)?|newsletter|broadcast|call|bot)\b"
)
_PAIR_CODE: Final = re.compile(rf"(?<![\w-]){_CODE}{{4}}-?{_CODE}{{4}}(?![\w-])")
_PADDED: Final = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{18,}={1,2}")
_HEX: Final = re.compile(r"(?<![0-9A-Za-z])(?:0x)?[0-9a-fA-F]{32,}(?![0-9A-Za-z])")
_BLOB: Final = re.compile(r"[A-Za-z0-9+/_-]{40,}")
# Digits with the separators people write into phone numbers. What Go's traces and log lines are
# full of is stepped over: addresses, dates, process ids.
_NUMBER: Final = re.compile(
    r"(?P<keep>\b0x[0-9a-fA-F]+|\b\d{4}-\d\d-\d\d\b|\b\d{8}T\d{6}Z|\bpid[ =:]*\d+)"
    r"|(?:\+|00)?\(?\d(?:[ ()-]{0,2}\d){6,}"
)

# Control characters but tab, line and paragraph separators, bidirectional overrides and isolates.
_UNPRINTABLE: Final = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def redact(text: str) -> str:
    """Replace everything in `text` that is shaped like a secret of a session.

    QR payloads, JIDs and LIDs, pair codes, keys in base64 or hexadecimal, phone numbers.
    """
    text = _QR_URL.sub("<qr>", text)
    text = _QR_CLASSIC.sub("<qr>", text)
    text = _JID.sub(r"<jid>@\1", text)
    text = _PADDED.sub("<key>", text)
    text = _HEX.sub("<key>", text)
    text = _BLOB.sub(_blob, text)
    text = _PAIR_CODE.sub("<code>", text)
    return _NUMBER.sub(lambda match: match["keep"] or "<number>", text)


def printable(text: str) -> str:
    """Return `text` as one line that a terminal shows as it stands, and cannot obey.

    Line breaks, escapes and what turns the direction of writing become visible: what another wrote
    shall neither forge a line of a log nor move the cursor.
    """
    return _UNPRINTABLE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def url_secrets(url: str) -> tuple[str, ...]:
    """Name what must not be shown of a URL with a password: the whole, and the password itself."""
    parts = urlsplit(url)
    written = parts.netloc.rpartition("@")[0].partition(":")[2]
    queried = (value for name, value in parse_qsl(parts.query) if "password" in name.lower())
    return tuple(filter(None, (url, written, unquote(written), *queried)))


class Redactor:
    """A `redact` that also knows exact secrets, however they are shaped."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        for secret in secrets:
            self.learn(secret)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self._secrets)} secrets)"

    def learn(self, secret: str) -> None:
        """Remember a secret: from now on it is replaced wherever it stands."""
        if len(secret) < _MIN_SECRET or secret in self._secrets:
            return
        self._secrets.add(secret)
        longest_first = sorted(self._secrets, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)))

    def __call__(self, text: str) -> str:
        """Return `text` without the secrets it knows and without what looks like one."""
        if self._pattern is not None:
            text = self._pattern.sub("<secret>", text)
        return redact(text)


def _blob(match: re.Match[str]) -> str:
    """Replace a long run of letters and digits if it is mixed like a key, not like a path."""
    token = match[0]
    kinds = (str.isdigit, str.isupper, str.islower)
    mixed = all(sum(map(kind, token)) >= _MIN_MIXED for kind in kinds)
    return "<key>" if mixed else token
