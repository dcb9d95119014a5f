"""How a status reads on a terminal of 80 columns: who must act first, then what is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..lifecycle import State
from ..redaction import printable
from ..times import from_now, local, span
from .exits import Exit
from .explain import details
from .wrap import wrapped

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from ..status import Status
    from ..status_parts import ProcessState
    from .session_options import SessionOptions

_LABEL: Final = 13  # columns before what a row says
_WHO: Final = {"operator": "You", "phone": "The person with the phone"}
_FULL_BUDGETS: Final = {
    "dials": "dials",
    "windows": "QR windows",
    "conflicts": "conflicts",
    "bans": "bans",
    "flaps": "flapping",
    "crashes": "crashes",
}
_WINDOWS: Final = {3600.0: "this hour", 86400.0: "in 24 h"}


def colour(status: Status) -> str:
    """Return the colour of the first line: green is heard, red needs a person."""
    if status.needs_person:
        return "red"
    return "green" if status.is_ready else "yellow"


def headline(status: Status) -> str:
    """Say in a line where the session is and for how long."""
    where = status.state.value
    if status.substate:
        where += f" ({status.substate})"
    length = f", for {span(status.ts - status.since)}" if status.since else ""
    gone = status.state in {State.GAVE_UP, State.STOPPED}
    match status.supervisor:
        case "running":
            said = f"{where}{length}"
        case "starting":
            said = "its supervisor is starting"
        case "silent":
            said = f"its supervisor does not answer; it was {where}"
        case "never":
            said = "never run here"
        case "elsewhere":
            said = "a fleet has it, and it does not run here now"
        case _ if status.trouble:
            said = "no supervisor answers, and what it left cannot be read"
        case _ if gone:
            said = f"{where}{length}; no supervisor runs"
        case _:
            said = f"no supervisor runs; it was {where} when that ended"
    return f"{status.session}: {said}"


def lines(
    status: Status, options: SessionOptions, *, full: bool = True, number: bool = False
) -> Iterator[str]:
    """Say how a session stands, the first line first, and `full` with all that is known.

    `number` shows the account's phone number.
    """
    yield headline(status)
    yield from _reason(status)
    yield from _who(status, options)
    if full:
        for label, said in _rows(status, options, number=number):
            yield from wrapped(printable(said), f"  {label:{_LABEL - 2}}", " " * _LABEL)


def _reason(status: Status) -> Iterator[str]:
    if status.sentence and status.reason:
        yield from wrapped(f"{status.sentence} [{status.reason.value}]")
    yield from (f"  {line}" for line in details(status.detail))
    if status.cause and status.cause != status.reason:
        cause = status.cause
        yield from wrapped(f"It began with: {cause.explanation.sentence} [{cause.value}]")
    if status.trouble and status.supervisor != "silent":  # the first line says that
        yield from wrapped(printable(status.trouble))


def _who(status: Status, options: SessionOptions) -> Iterator[str]:
    if not status.hints:
        return
    who = _WHO.get(status.who)
    said = options.advice(*status.hints)
    yield from wrapped(f"{who} must act: {said}." if who else f"{said}.")


def _rows(status: Status, options: SessionOptions, *, number: bool) -> Iterator[tuple[str, str]]:
    """Give what else there is to know; what is as it should be and dull is left out."""
    yield from _pairing(status, options)
    yield from _waits(status)
    yield from _account(status, number=number)
    yield from _messages(status, options)
    yield from _budgets(status)
    if status.order:
        yield "order", f"`{status.order}` is kept for the next start"
    for channel, why in status.notify.items():
        yield "calling", f"nobody can be called by {channel}: {why}"
    if status.journal:
        yield "recording", f"steps cannot be recorded: {status.journal}"
    yield from _processes(status)
    yield from _last_run(status)
    if status.versions:
        yield "versions", ", ".join(f"{name} {which}" for name, which in status.versions.items())


def _pairing(status: Status, options: SessionOptions) -> Iterator[tuple[str, str]]:
    pairing = status.pairing
    if pairing is None:
        return
    what = {"qr": "a QR", "pair_code": "a pair code", None: "no code"}[pairing.kind]
    left = f" for {span(pairing.until - status.ts)} more" if pairing.until else " just now"
    where = f" on {', '.join(pairing.shown_on)}" if pairing.shown_on else ""
    here = options.repeat_in("`wa-supervisor qr`")
    yield "code", f"{what} shows{left}{where}; {here} shows it here"
    if pairing.window_until:
        yield "", f"the window to scan it is over {from_now(pairing.window_until, status.ts)}"


def _waits(status: Status) -> Iterator[tuple[str, str]]:
    if status.not_before and status.not_before > status.ts:
        yield "next dial", from_now(status.not_before, status.ts)
    if status.retries:
        yield "retries", f"{status.retries} since the last stable connection"
    if status.ban_until and status.ban_until > status.ts:
        yield "banned until", from_now(status.ban_until, status.ts)


def _account(status: Status, *, number: bool) -> Iterator[tuple[str, str]]:
    device = status.device
    if device.paired is False:
        yield "account", "not paired: there are no keys"
    elif device.paired:
        name = ""
        if number and device.number:
            name = f"+{device.number.get_secret_value()}, "
        elif device.ending:
            name = f"number ends in {device.ending}, "
        since = f" since {local(device.paired_at)}" if device.paired_at else ""
        yield "account", f"{name}paired{since}"
    if device.session_ends_without_phone and device.phone_seen_at:
        yield (
            "phone",
            _countdown(
                status, device.phone_seen_at, device.session_ends_without_phone, "stays away"
            ),
        )
    if device.session_ends_unused and device.connected_at:
        yield (
            "device",
            _countdown(status, device.connected_at, device.session_ends_unused, "stays unused"),
        )


def _countdown(status: Status, seen: datetime, end: datetime, unless: str) -> str:
    if end < status.ts and status.state is State.CONNECTED:
        return f"last sign noticed {span(status.ts - seen)} ago; WhatsApp has kept the device since"
    left = span(end - status.ts)
    return (
        f"last sign {span(status.ts - seen)} ago; unlinked in {left} at the earliest if it {unless}"
    )


def _messages(status: Status, options: SessionOptions) -> Iterator[tuple[str, str]]:
    if status.bot_busy:
        yield "bot", "busy: a handler has been at work for too long; what came since waits for it"
    received = status.received
    if received is not None:
        said = f"{received.waiting} waiting"
        if len(received.readers) > 1 and received.waiting:
            said += f" for reader {max(received.readers, key=received.readers.__getitem__)!r}"
        if received.oldest and received.waiting:
            said += f", the oldest for {span(status.ts - received.oldest)}"
        if received.is_full:
            said += "; full: the rest waits at WhatsApp"
        yield "inbox", f"{said}; {received.trouble}" if received.trouble else said
        if received.refused:
            each = ", ".join(f"{count} {why}" for why, count in received.refused.items())
            yield "gate", f"refused since the start: {each}"
            if received.refused_lately:
                typed = options.repeat_in("`wa-supervisor gate show`")
                yield "", f"{typed} says whom, and what would let them in"
    if status.restricted_at:
        ago = span(status.ts - status.restricted_at)
        yield "restricted", f"WhatsApp refused a message to a new contact (463) {ago} ago"


def _budgets(status: Status) -> Iterator[tuple[str, str]]:
    if status.supervisor == "elsewhere":
        return  # they are counted in the fleet's database
    for name, budget in status.budgets.items():
        if name != "dials" and not budget.spent:
            continue
        when = _WINDOWS.get(budget.window, f"in {budget.window / 86400:g} days")
        if budget.window < min(_WINDOWS):
            when = f"in {budget.window / 60:g} min"
        said = f"{budget.spent} of {budget.limit} {when}"
        if budget.room_at:
            said += f"; room again {from_now(budget.room_at, status.ts)}"
        yield _FULL_BUDGETS.get(name, name), said


def _processes(status: Status) -> Iterator[tuple[str, str]]:
    if status.process:
        yield "supervisor", _process(status.process, status)
    if status.client:
        yield "client", f"{_process(status.client, status)}, number {status.generation}"


def _process(process: ProcessState, status: Status) -> str:
    said = f"pid {process.pid}"
    if process.started_at:
        said += f", up {span(status.ts - process.started_at)}"
    return f"{said}, {process.memory / (1 << 20):.0f} MiB" if process.memory else said


def _last_run(status: Status) -> Iterator[tuple[str, str]]:
    last = status.last_run
    if last is None:
        return
    began = f" from {local(last.started_at)}" if last.started_at else ""
    said = f"pid {last.pid} on {last.host}{began}"
    if last.ended_at is None:
        yield "last run", f"{said}; nobody noted its end: it was killed, or the machine went down"
        return
    said += f" to {local(last.ended_at)}"
    if last.exit_code is not None:
        said += f", exit code {last.exit_code}"
        if last.exit_code in {code.value for code in Exit}:
            said += f" ({Exit(last.exit_code).name})"
    yield "last run", said
