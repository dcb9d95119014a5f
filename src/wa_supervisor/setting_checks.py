"""Values that are each allowed and make no sense together, or in a world with a network.

A session under such settings would not fail; it would do nothing, for ever and without a word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from .pairing.spec import SinkSpec

if TYPE_CHECKING:
    from .lifecycle.policy import Policy
    from .setting_groups import PairingSettings, StopSettings

Key = tuple[str, ...]

LEAST_WAIT: Final = 1.0
"""Seconds that any wait for the client or the phone must be given. A dial with TLS and its
handshake takes several round trips: at less, none would ever come to its end."""

_WAITS: Final = (
    "start_timeout",
    "pairing_window",
    "link_timeout",
    "reconnect_timeout",
    "files_timeout",
)


class Checked(Protocol):
    """The groups of `Settings` that can contradict themselves or each other."""

    @property
    def policy(self) -> Policy:
        """The numbers that the lifecycle decides by."""

    @property
    def pairing(self) -> PairingSettings:
        """Where a code is shown."""

    @property
    def stop(self) -> StopSettings:
        """How a stop ends the client."""


@dataclass(frozen=True, slots=True)
class Contradiction:
    """What cannot be, and the key that stands for it."""

    key: Key
    sentence: str


@dataclass(frozen=True, slots=True)
class _Check:
    key: Key
    fails: Callable[[Checked], bool]
    sentence: str


def _too_short(name: str) -> _Check:
    return _Check(
        ("policy", name),
        lambda settings: getattr(settings.policy, name) < LEAST_WAIT,
        f"must be at least {LEAST_WAIT:g} s: in less time no client gets anywhere",
    )


_CHECKS: Final = (
    *map(_too_short, _WAITS),
    _Check(
        ("policy", "windows", "count"),
        lambda settings: settings.policy.windows.count == 0,
        "must be at least 1: a session that may show no code can never be paired",
    ),
    _Check(
        ("policy", "backoff", "base"),
        lambda settings: settings.policy.backoff.base > settings.policy.backoff.cap,
        "is longer than policy.backoff.cap: the first wait cannot exceed the longest",
    ),
    _Check(
        ("policy", "pairing_pause"),
        lambda settings: settings.policy.pairing_pause > settings.policy.pairing_pause_cap,
        "is longer than policy.pairing_pause_cap: the first pause cannot exceed the longest",
    ),
    _Check(
        ("policy", "ban_default"),
        lambda settings: settings.policy.ban_default > settings.policy.ban_max,
        "is longer than policy.ban_max: the usual wait cannot exceed the longest",
    ),
    _Check(
        ("policy", "stop_timeout"),
        lambda settings: settings.policy.stop_timeout <= settings.stop.drain,
        "must be longer than stop.drain: else a client that still drains is called stuck",
    ),
    _Check(
        ("pairing", "qr"),
        lambda settings: _twice(settings.pairing.qr),
        "names one place twice: each code would overwrite the other",
    ),
)


def contradictions(settings: Checked) -> Iterator[Contradiction]:
    """Find what cannot be meant."""
    for check in _CHECKS:
        if check.fails(settings):
            yield Contradiction(check.key, check.sentence)


def _twice(sinks: list[str]) -> bool:
    places = [SinkSpec.parse(text).path for text in sinks]
    return len(set(places)) < len(places)
