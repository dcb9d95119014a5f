"""Looks for secrets in everything a run left behind where nobody asked for them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wa_supervisor.redaction import url_secrets

if TYPE_CHECKING:
    from pathlib import Path

    from wa_loopback import LoopbackServer

_LEAST = 8  # shorter parts of a payload (the client's type) are no secrets
# The database, or its rows; a copy that is being made.
_KEYS = ("session.db", "session.json", "snapshot.db", "snapshot.json")
_SEPARATORS = re.compile(r"[ ().+-]")
_REPORT = "a crash report"
_BOT_LOG = "the log of wa_supervisor.bot"
_RUN_LOG = "the file run.log"
_PRINTED = frozenset({"message text", "push name"})
"""What a bot may print: it is in these places then, and must be in no other."""


class SecretLeaked(AssertionError):
    """Raised with the place of a leak and the kind of secret, never with the secret."""


@dataclass
class Canary:
    """Knows the secrets of a test and what was said in public during it."""

    _secrets: dict[str, str] = field(default_factory=dict, repr=False)
    _said: list[tuple[str, str]] = field(default_factory=list, repr=False)

    @property
    def kinds(self) -> set[str]:
        return set(self._secrets.values())

    def learn_qr(self, payload: str) -> None:
        self._learn("QR payload", payload)
        names = ("ref", "noise key", "identity key", "adv secret")
        for name, part in zip(names, payload.partition("#")[2].split(","), strict=False):
            self._learn(f"QR {name}", part)

    def learn_code(self, code: str) -> None:
        self._learn("pair code", code)
        self._learn("pair code", code.replace("-", ""))

    def learn_server(self, server: LoopbackServer) -> None:
        """Learn whatever the server ever handed out, seen by a sink or not."""
        for ref in server.refs:
            self._learn("QR ref", ref.decode())
        for phone in server.phones.values():
            self._learn("phone number", phone.number)
            self._learn("LID", phone.lid.user)

    def learn_url(self, url: str) -> None:
        """Learn the password in a URL, if there is one."""
        for part in url_secrets(url)[1:]:
            self._learn("password", part)

    def learn_message(self, text: str, sender: str) -> None:
        """Learn what somebody wrote, and the name that somebody has chosen."""
        self._learn("message text", text)
        self._learn("push name", sender)

    def hear(self, place: str, text: str) -> None:
        """Take note of something that was said where anybody may read it."""
        self._said.append((place, text))

    def hear_files(self, directory: Path) -> None:
        """Take note of every file's name and content.

        Not of those that are for secrets: the databases with the keys, and the inbox, which keeps
        what was received, and who we are.
        """
        for path in directory.rglob("*"):
            if "inbox" in path.relative_to(directory).parts:
                continue
            self.hear("a file's name", path.name)
            keys = path.name.startswith(_KEYS) or path.parent.name == "snapshots"
            if path.is_file() and not keys:
                place = _REPORT if path.parent.name == "crashes" else f"the file {path.name}"
                self.hear(place, path.read_bytes().decode(errors="replace"))

    def check(self) -> None:
        """Raise SecretLeaked for the first secret found."""
        for place, text in self._said:
            bare = _SEPARATORS.sub("", text)
            for secret, kind in self._secrets.items():
                if kind in _PRINTED and place in {_REPORT, _BOT_LOG, _RUN_LOG}:
                    continue
                if secret in text or (secret.isalnum() and secret in bare):
                    raise SecretLeaked(f"a {kind} is in {place}")

    def _learn(self, kind: str, secret: str) -> None:
        if len(secret) >= _LEAST:
            self._secrets[secret] = kind
