"""What WhatsApp answers to the login of a client that starts with its keys."""

from __future__ import annotations

from . import acts, host_acts
from .fault import Fault, Holds, PairsAfresh, Promise, Recovers

_START = {"start_timeout": 2.0}
_SETTLED: dict[int, Promise] = {
    400: Recovers(8),
    401: Recovers(8),
    403: Holds("locked"),
    405: Holds("outdated"),
    406: Holds("banned"),
    409: Holds("bad_user_agent"),
    413: Recovers(8),
    418: Recovers(8),
    500: Recovers(8),
    501: Recovers(8),
    503: Recovers(8),
}
"""What we promise for each code of `<failure>`, said once: then WhatsApp lets the login in."""

_WHAT = {
    400: "failed for no stated reason (400)",
    401: "rejected once (401)",
    403: "refused: the account is locked (403)",
    405: "refused: the client is outdated (405)",
    406: "refused: the account is banned (406)",
    409: "refused: bad user agent (409)",
    413: "refused with 413, of which whatsmeow's Go panics",
    418: "refused with a code nobody knows (418)",
    500: "failed: internal error (500)",
    501: "refused: experimental (501)",
    503: "failed: service unavailable (503)",
}


def _rejected(code: int, *, close: bool) -> Fault:
    how = "" if close else ", and the socket stays open"
    return Fault(
        f"login/{code}{'' if close else '-open'}",
        f"the login is {_WHAT[code]}{how}",
        (acts.rejects(code, close=close), host_acts.kill()),
        _SETTLED[code],
        dials=4,
        policy={} if close else _START,
        soak=isinstance(_SETTLED[code], Recovers) and code != 401,  # noqa: PLR2004 - snapshots
    )


LOGINS: tuple[Fault, ...] = (
    *(_rejected(code, close=close) for code in _SETTLED for close in (True, False)),
    Fault(
        "login/402-open",
        "the account is banned for 2 s (402), and the socket stays open",
        (acts.bans(101, seconds=2, close=False), host_acts.kill()),
        Recovers(10),
        dials=3,
        records="TemporaryBan",
    ),
    Fault(
        "login/401-twice",
        "the login is rejected twice in a row (401)",
        (acts.rejects(401, times=2), host_acts.kill()),
        PairsAfresh(10),
        dials=5,
    ),
    Fault(
        "login/402",
        "the account is banned for 2 s (402)",
        (acts.bans(101, seconds=2), host_acts.kill()),
        Recovers(10),
        dials=3,
        records="TemporaryBan",
    ),
    Fault(
        "login/402-endless",
        "the account is banned and nobody says for how long (402)",
        (acts.bans(104), host_acts.kill()),
        Holds("temporary_ban", state="Backoff"),
        dials=1,
    ),
    Fault(
        "login/402-unknown",
        "the account is banned with a code that neonize cannot encode (402, 105)",
        (acts.bans(105, seconds=2), host_acts.kill()),
        Holds("temporary_ban", state="Backoff"),
        dials=1,
    ),
    Fault(
        "login/402-thrice",
        "the account is banned for a second, three times over (402)",
        (acts.bans(101, seconds=1, times=3), host_acts.kill()),
        Holds("banned_again", within=12),
        dials=3,
    ),
    Fault(
        "login/500-thrice",
        "the login fails three times in a row (500)",
        (acts.rejects(500, times=3), host_acts.kill()),
        Recovers(15),
        dials=5,
    ),
    Fault(
        "login/silent",
        "the login is never answered",
        (acts.silent_login, host_acts.kill()),
        Recovers(10),
        policy=_START,
        dials=3,
        soak=True,
    ),
    Fault(
        "login/replaced",
        "the login is answered with a conflict: replaced",
        (acts.answers_logins(acts.REPLACED_OPEN), host_acts.kill()),
        Recovers(10),
        dials=3,
    ),
)
