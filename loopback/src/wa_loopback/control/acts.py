"""What each request of the control API does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any

from ..answers import (
    REPLACED,
    Accept,
    Failure,
    Refs,
    RefuseMessage,
    Silence,
    StreamError,
    Success,
)
from ..phone import PairFault
from ..world import Impostor
from . import describe
from .desk import Desk
from .http import Refused

Given = dict[str, Any]
_DONE: dict[str, Any] = {}
_BAN_CODE, _BAN_SECONDS = 101, 3600
_PLAIN_SWITCHES = (
    "latency",
    "restart_after",
    "restart_closes_after",
    "stalled",
    "proxy_status",
    "upgrade_status",
    "answer_iqs",
    "rate_limit_pair_codes",
    "replace_older",
)


async def endpoint(desk: Desk, _given: Given) -> Any:
    return describe.endpoint(desk.server, desk.address)


async def state(desk: Desk, _given: Given) -> Any:
    return describe.state(desk.server)


async def events(desk: Desk, given: Given) -> Any:
    return _events(desk, int(given.get("after", "0")))


async def _events(desk: Desk, position: int) -> AsyncIterator[str]:
    log = desk.server.log
    while True:
        while position < len(log):
            position += 1
            yield json.dumps(describe.observation(position, log[position - 1]))
        await desk.server.changes.next()


async def phone(desk: Desk, given: Given) -> Any:
    multidevice = given.get("multidevice", True)
    found = desk.server.phone(given.get("number"), multidevice=multidevice)
    return {"number": found.number, "lid": str(found.lid)}


async def scan(desk: Desk, given: Given) -> Any:
    phone = desk.server.phone(given.get("number"))
    return describe.device(await phone.scan(given["qr"], fault=_fault(given)))


async def enter_code(desk: Desk, given: Given) -> Any:
    phone = desk.server.phone(given["number"])
    await desk.server.changes.until(
        lambda: phone.is_waited_for() or None,
        within=desk.seconds(given),
        what="a client's request for a pair code for this phone",
    )
    return describe.device(await phone.enter_code(given["code"], fault=_fault(given)))


def _fault(given: Given) -> PairFault | None:
    return PairFault(given["fault"]) if "fault" in given else None


async def wait_connected(desk: Desk, given: Given) -> Any:
    seconds = desk.seconds(given)
    return describe.connection(await desk.server.wait_connected(desk.who(given), timeout=seconds))


async def wait_acknowledged(desk: Desk, given: Given) -> Any:
    await desk.server.wait_acknowledged(desk.who(given), timeout=desk.seconds(given))
    return _DONE


async def wait_closed(desk: Desk, given: Given) -> Any:
    await desk.server.changes.until(
        lambda: None if desk.lines(given) else True,
        within=desk.seconds(given),
        what="the end of every login",
    )
    return _DONE


async def revoke(desk: Desk, given: Given) -> Any:
    phone = desk.phone(given)
    devices = [each for each in phone.devices if given.get("device") in {None, each.index}]
    if not devices:
        raise Refused(HTTPStatus.NOT_FOUND, "the phone has no such device linked")
    for device in devices:
        if given.get("tell", True):
            await phone.remove(device)
        else:
            phone.revoke(device, by_phone=True)
    return _DONE


async def replace(desk: Desk, given: Given) -> Any:
    await desk.line(given).finish_with(REPLACED)
    return _DONE


async def ban(desk: Desk, given: Given) -> Any:
    line = desk.line(given)
    code, expire = given.get("code", _BAN_CODE), given.get("expire", _BAN_SECONDS)
    desk.server.on_login(Failure(402, code=code, expire=expire), times=given.get("times", 1))
    await line.drop()
    return _DONE


async def drop(desk: Desk, given: Given) -> Any:
    await desk.line(given).drop()
    return _DONE


async def close(desk: Desk, given: Given) -> Any:
    await desk.line(given).close()
    return _DONE


async def end_stream(desk: Desk, given: Given) -> Any:
    await desk.line(given).xmlstreamend()
    return _DONE


async def go_silent(desk: Desk, given: Given) -> Any:
    desk.line(given).mute()
    return _DONE


async def speak_again(desk: Desk, given: Given) -> Any:
    desk.line(given).unmute()
    return _DONE


async def freeze(desk: Desk, given: Given) -> Any:
    desk.line(given).freeze()
    return _DONE


async def end(desk: Desk, given: Given) -> Any:
    await desk.line(given).finish_with(_ending(given))
    return _DONE


def _ending(given: Given) -> Failure | StreamError:
    close = given.get("close", True)
    if given["what"] == "stream-error":
        return StreamError(given.get("code"), given.get("conflict"), close)
    if "reason" not in given:
        raise Refused(HTTPStatus.BAD_REQUEST, "a failure needs a reason")
    code = given.get("code")
    if code is not None and not code.isdecimal():
        raise Refused(HTTPStatus.BAD_REQUEST, "the code of a failure is a number")
    number = None if code is None else int(code)
    return Failure(given["reason"], number, given.get("expire"), close=close)


async def answer_logins(desk: Desk, given: Given) -> Any:
    simple = {"usual": None, "success": Success(), "silence": Silence()}
    answer = simple[given["what"]] if given["what"] in simple else _ending(given)
    desk.server.on_login(answer, times=given.get("times", 1))
    return _DONE


async def answer_registrations(desk: Desk, given: Given) -> Any:
    simple = {"usual": None, "refs": Refs(given.get("count", 6)), "silence": Silence()}
    answer = simple[given["what"]] if given["what"] in simple else _ending(given)
    desk.server.on_registration(answer, times=given.get("times", 1))
    return _DONE


async def answer_messages(desk: Desk, given: Given) -> Any:
    if given["what"] == "refuse" and "code" not in given:
        raise Refused(HTTPStatus.BAD_REQUEST, "a refusal needs a code")
    refusal = RefuseMessage(given.get("code", 0))
    answers = {"usual": None, "accept": Accept(), "refuse": refusal, "silence": Silence()}
    desk.server.on_message(answers[given["what"]], times=given.get("times", 1))
    return _DONE


async def switches(desk: Desk, _given: Given) -> Any:
    server = desk.server
    return {
        **{name: getattr(server, name) for name in _PLAIN_SWITCHES},
        "impostor": server.impostor,
        "withhold_acks": server.withheld_acks is not None,
        "listening": server.listening,
    }


async def set_switches(desk: Desk, given: Given) -> Any:
    server = desk.server
    for name in _PLAIN_SWITCHES:
        if name in given:
            setattr(server, name, given[name])
    if given.get("stalled") is not None:
        server.stall(given["stalled"])
    if "impostor" in given:
        server.impostor = None if given["impostor"] is None else Impostor(given["impostor"])
    if "withhold_acks" in given:
        (server.withhold_acks if given["withhold_acks"] else server.send_acks)()
    if "listening" in given:
        (server.accept if given["listening"] else server.refuse)()
    return await switches(desk, {})


async def contact(desk: Desk, given: Given) -> Any:
    found = desk.server.contact(given.get("name", "Ann"), number=given.get("number"))
    found.confirms = given.get("confirms", True)
    return {"number": found.number, "jid": str(found.jid), "lid": str(found.lid)}


async def say(desk: Desk, given: Given) -> Any:
    said = desk.contact(given).say(desk.phone(given), given["text"])
    return {"id": said.id, "copies": len(said.deliveries)}


async def hear(desk: Desk, given: Given) -> Any:
    return describe.heard(await desk.contact(given).next_message(timeout=desk.seconds(given)))


async def typing(desk: Desk, given: Given) -> Any:
    desk.contact(given).chat_state(desk.phone(given), given.get("state", "composing"))
    return _DONE
