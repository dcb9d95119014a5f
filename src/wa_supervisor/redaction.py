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
_CODE_ANY_CASE: Final = "[1-9A-HJ-NP-TV-Za-hj-np-tv-z]"
_SEPARATORS: Final = re.compile(r"[^0-9A-Za-z]+")
_BETWEEN: Final = r"[^0-9A-Za-z]{0,3}"  # what may stand between the parts of what is read out

_SLASH: Final = "(?:/|%2F)"
_QR_URL: Final = re.compile(
    rf"(?:https?(?::|%3A){_SLASH}{{2}})?wa\.me{_SLASH}settings{_SLASH}linked_devices\S*",
    re.IGNORECASE,
)
_QR_CLASSIC: Final = re.compile(r"\b\d(?:@|%40)[A-Za-z0-9+/=,_%-]{16,}")
# What stands before the host of a URL: a password, or a token. Most have no slash in it.
_USER_INFO: Final = re.compile(r"(?<=://)[^\s/]+@")
_ASSIGNED: Final = re.compile(r"(?i)\b(pass(?:word|wd|phrase)?|pwd|secret|token)(=|%3D)[^\s&]+")
_JID: Final = re.compile(
    r"(?<![\w.:+-])[\w.:+-]+(?:@|%40)"
    r"(s\.whatsapp\.net|c\.us|g\.us|lid|hosted(?:\.lid)?|newsletter|broadcast|call|bot)\b"
)
# In capitals as WhatsApp writes it; in small letters where it is no word: in two parts, or with a
# digit.
_PAIR_CODE: Final = re.compile(
    rf"(?<![\w-])(?:{_CODE}{{4}}[ -]?{_CODE}{{4}}|{_CODE_ANY_CASE}{{4}}-{_CODE_ANY_CASE}{{4}}"
    rf"|(?=[ A-Za-z]{{0,8}}[1-9]){_CODE_ANY_CASE}{{4}} ?{_CODE_ANY_CASE}{{4}})(?![\w-])"
)
_PADDED: Final = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{18,}={1,2}")
_HEX: Final = re.compile(
    r"(?<![0-9A-Za-z])(?:0x)?[0-9a-fA-F]{32,}(?![0-9A-Za-z])"
    r"|(?<![0-9A-Za-z:])[0-9a-fA-F]{2}(?:[: -][0-9a-fA-F]{2}){15,}(?![0-9A-Za-z])"
    r"|0x[0-9a-fA-F]{1,2}(?:, ?0x[0-9a-fA-F]{1,2}){15,}"
)
# Bytes as Python and Go write them, from the first escape to the last, and what hangs on them.
_ESCAPE: Final = r"\\(?:x[0-9a-fA-F]{2}|[0-7]{3})"
_BYTES: Final = re.compile(
    r"(?:(?<![^\s\\])[^\s\\]{0,64})?"
    rf"{_ESCAPE}(?:(?:[^\\\n]|\\[abfnrtv\\'\"]){{0,16}}?{_ESCAPE}){{3,}}"
    r"[^\s\\'\"]{0,16}"
)
_BLOB: Final = re.compile(r"[A-Za-z0-9+/_-]{40,}")
# Digits with the separators people write into phone numbers. What Go's traces and log lines are
# full of is stepped over: addresses of memory and of hosts, dates, durations, process ids.
_SEPARATOR: Final = r"[ ()\-._/\t\u00a0\u2007-\u2011\u202f]"
_OCTET: Final = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_NUMBER: Final = re.compile(
    r"(?P<keep>\b0x[0-9a-fA-F]+|\b\d{4}-\d\d-\d\d\b|\b\d{8}T\d{6}Z|\bpid[ =:]*\d+"
    rf"|(?<![\d.+])(?:{_OCTET}\.){{3}}{_OCTET}(?![\d.])|\b\d+\.\d+(?:[nµm]?s|m|h)\b)"
    rf"|(?:\+|00)?\(?\d(?:{_SEPARATOR}{{0,2}}\d){{6,}}"
)


# Control characters but tab, line and paragraph separators, bidirectional overrides and isolates.
_UNPRINTABLE: Final = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def redact(text: str) -> str:
    """Replace everything in `text` that is shaped like a secret of a session.

    QR payloads, JIDs and LIDs, pair codes, keys in base64, hexadecimal or escaped bytes, phone
    numbers, passwords in URLs; also percent-encoded, and as people write them.
    """
    text = _QR_URL.sub("<qr>", text)
    text = _QR_CLASSIC.sub("<qr>", text)
    text = _USER_INFO.sub("<secret>@", text)
    text = _ASSIGNED.sub(r"\1\2<secret>", text)
    text = _JID.sub(r"<jid>@\1", text)
    text = _BYTES.sub("<bytes>", text)
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
        """Remember a secret: from now on it is replaced wherever it stands.

        A short one, such as a code or a number, also in other letters and read out in groups.
        """
        if len(secret) < _MIN_SECRET or secret in self._secrets:
            return
        self._secrets.add(secret)
        longest_first = sorted(self._secrets, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(_pattern_of, longest_first)))

    def __call__(self, text: str) -> str:
        """Return `text` without the secrets it knows and without what looks like one."""
        if self._pattern is not None:
            text = self._pattern.sub("<secret>", text)
        return redact(text)


def _pattern_of(secret: str) -> str:
    bare = _SEPARATORS.sub("", secret)
    if bare.isdigit() or _PAIR_CODE.fullmatch(secret):
        return f"(?i:{_BETWEEN.join(bare)})"
    return re.escape(secret)


def _blob(match: re.Match[str]) -> str:
    """Replace a long run of letters and digits if it is mixed like a key, not like a path."""
    token = match[0]
    kinds = (str.isdigit, str.isupper, str.islower)
    mixed = all(sum(map(kind, token)) >= _MIN_MIXED for kind in kinds)
    return "<key>" if mixed else token
