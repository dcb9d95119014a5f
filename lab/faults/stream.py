"""What WhatsApp says to a session that is connected; every ending with and without the close."""

from __future__ import annotations

from . import acts, waits
from .fault import Fault, Holds, PairsAfresh, Recovers, Stays

_ENDS = "and closes", "and leaves the socket open"


def _ending(*, close: bool) -> tuple[str, str]:
    return ("", _ENDS[0]) if close else ("-open", _ENDS[1])


STREAM: tuple[Fault, ...] = (
    *(
        Fault(
            f"stream/unlinked{suffix}",
            f"the phone unlinks the device; WhatsApp says so {how}",
            (acts.unlinks(close=close),),
            PairsAfresh(8),
            dials=3,
        )
        for close, (suffix, how) in ((c, _ending(close=c)) for c in (True, False))
    ),
    *(
        Fault(
            f"stream/replaced{suffix}",
            f"another program takes the session over {how}",
            (acts.says(conflict="replaced", close=close),),
            Recovers(8),
            records="StreamReplaced",
        )
        for close, (suffix, how) in ((c, _ending(close=c)) for c in (True, False))
    ),
    Fault(
        "stream/replaced-thrice",
        "another program takes the session over again and again",
        (
            acts.says(conflict="replaced", close=False),
            waits.comes_back,
            acts.says(conflict="replaced", close=False),
            waits.comes_back,
            acts.says(conflict="replaced", close=False),
            waits.mended,
        ),
        Holds("replaced"),
        dials=3,
    ),
    Fault(
        "stream/removed-without-401",
        "device_removed without the code 401, and closes",
        (acts.says(conflict="device_removed", close=True),),
        Recovers(5),
        soak=True,
    ),
    *(
        Fault(
            f"stream/{name}-open",
            f"{what}, and leaves the socket open",
            (acts.says(code, conflict, close=False),),
            Stays(),
            dials=0,
        )
        for name, what, code, conflict in (
            ("removed-without-401", "device_removed without the code 401", None, "device_removed"),
            ("401-alone", "the code 401 without device_removed", "401", None),
        )
    ),
    Fault(
        "stream/401-alone",
        "the code 401 without device_removed, and closes",
        (acts.says("401", close=True),),
        Recovers(5),
        soak=True,
    ),
    *(
        Fault(
            f"stream/{code}",
            f"stream error {code}, and closes",
            (acts.says(code, close=True),),
            Recovers(5),
            soak=True,
        )
        for code in ("500", "503", "516")
    ),
    *(
        Fault(
            f"stream/{code}-open",
            f"stream error {code}, and leaves the socket open",
            (acts.says(code, close=False),),
            Stays(),
            dials=0,
            soak=True,
        )
        for code in ("500", "503", "516")
    ),
    Fault(
        "stream/515",
        "stream error 515: the client is to come back",
        (acts.says("515", close=False),),
        Recovers(5),
        soak=True,
    ),
    Fault(
        "stream/end", "the stream ends (maintenance)", (acts.end_stream,), Recovers(5), soak=True
    ),
    Fault("stream/close", "the WebSocket is closed", (acts.close,), Recovers(5), soak=True),
)
