"""Pairing goes wrong: nobody scans, the wrong phone scans, WhatsApp breaks off halfway."""

from __future__ import annotations

from wa_loopback import Failure, PairFault, Step, StreamError

from . import acts, host_acts, waits
from .fault import Fault, Given, Holds, PairsAfresh, Recovers

_FRESH = Given.FRESH

PAIRING: tuple[Fault, ...] = (
    Fault(
        "pairing/window-over",
        "nobody scans before the window is over",
        (acts.offers(1), host_acts.begin, waits.code_shows, waits.withdrawn, waits.mended),
        PairsAfresh(8),
        Given.NOTHING,
        dials=3,
        policy={"pairing_window": 3.0},
    ),
    Fault(
        "pairing/nobody-scans",
        "nobody scans, window after window",
        (waits.mended,),
        Holds("pairing_expired", within=12),
        _FRESH,
        policy={"pairing_window": 1.0, "windows__count": 2},
    ),
    Fault(
        "pairing/no-codes",
        "WhatsApp offers nothing to scan (no refs)",
        (acts.offers(0), host_acts.begin, waits.dials(1), waits.mended),
        PairsAfresh(8),
        Given.NOTHING,
        dials=3,
    ),
    Fault(
        "pairing/silence",
        "WhatsApp says nothing at all to who wants to pair",
        (
            acts.stall(Step.PAIRING),
            host_acts.begin,
            waits.dials(1),
            waits.wait(1),
            acts.accept,
        ),
        PairsAfresh(8),
        Given.NOTHING,
        policy={"start_timeout": 2.0},
        dials=3,
    ),
    Fault(
        "pairing/dropped",
        "the connection is reset while a QR shows",
        (acts.drop_pairing, waits.withdrawn),
        PairsAfresh(8),
        _FRESH,
    ),
    *(
        Fault(
            f"pairing/failure-{code}",
            f"failure {code} while a QR shows",
            (acts.pairing_says(Failure(code)), waits.withdrawn),
            PairsAfresh(8),
            _FRESH,
        )
        for code in (400, 401, 403, 503)
    ),
    Fault(
        "pairing/failure-405",
        "client outdated (405) while a QR shows",
        (acts.pairing_says(Failure(405)),),
        Holds("outdated"),
        _FRESH,
    ),
    Fault(
        "pairing/secret-retired",
        "WhatsApp retires the secret in the QR that shows (companion_reg_refresh)",
        (acts.rotate_secret, waits.withdrawn),
        PairsAfresh(5),
        _FRESH,
        dials=1,
    ),
    Fault(
        "pairing/515",
        "WhatsApp wants the client to come back (515) while a QR shows",
        (acts.pairing_says(StreamError("515", close=False)), waits.withdrawn),
        PairsAfresh(8),
        _FRESH,
    ),
    Fault(
        "pairing/old-phone",
        "a phone without multi-device scans; the QR stays good",
        (acts.scans_with_an_old_phone,),
        PairsAfresh(5),
        _FRESH,
        records="ScannedWithoutMultidevice",
    ),
    *(
        Fault(
            f"pairing/{fault}",
            f"the phone's answer is forged: {fault}",
            (acts.scans(fault), waits.withdrawn),
            PairsAfresh(8),
            _FRESH,
            dials=3,
        )
        for fault in (PairFault.BAD_HMAC, PairFault.BAD_SIGNATURE)
    ),
    Fault(
        "pairing/success-then-silence",
        "paired, and then WhatsApp says nothing more",
        (acts.scans(PairFault.NO_RESTART),),
        Recovers(10),
        _FRESH,
        policy={"link_timeout": 1.0},
    ),
    Fault(
        "pairing/success-then-close",
        "paired, and then WhatsApp closes without the 515",
        (acts.scans(PairFault.CLOSE_INSTEAD),),
        Recovers(10),
        _FRESH,
        policy={"link_timeout": 1.0},
    ),
    Fault(
        "pairing/second-dial-refused",
        "paired, and the dial for the first login is refused",
        (acts.refuse, acts.scans(), waits.wait(1.5), acts.accept),
        Recovers(10),
        _FRESH,
        policy={"link_timeout": 3.0},
        dials=3,
    ),
    Fault(
        "pairing/crash-after-scan",
        "the client dies between the scan and the first login",
        (acts.scans(PairFault.NO_RESTART), host_acts.kill()),
        Recovers(10),
        _FRESH,
    ),
    Fault(
        "pairing/passkey",
        "the account wants a passkey, which neonize cannot present",
        (acts.asks_for_passkey,),
        Holds("passkey_required"),
        _FRESH,
    ),
    Fault(
        "pairing/code-limited",
        "WhatsApp hands out no pair codes for asking too often (429)",
        (acts.limits_pair_codes, host_acts.begin, waits.code_refused, acts.grants_pair_codes),
        PairsAfresh(8),
        Given.NOTHING,
        dials=3,
        policy={"code_limit_wait": 1.0},
        by_code=True,
    ),
    Fault(
        "pairing/wrong-code",
        "somebody mistypes the pair code, which spoils it",
        (acts.types_a_wrong_code, waits.wait(0.5), acts.drop_pairing, waits.withdrawn),
        PairsAfresh(8),
        Given.FRESH,
        by_code=True,
    ),
)
