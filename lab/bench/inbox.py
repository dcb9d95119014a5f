"""What it costs to keep messages: in neonize's callback, through a reader, and at a start."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import statistics
import sys
import time
from contextlib import aclosing, closing
from pathlib import Path

from wa_supervisor.messages.inbox import Inbox, InboxOptions
from wa_supervisor.messages.log import LogOptions, LogWriter
from wa_supervisor.messages.protobuf import Field, Type
from wa_supervisor.messages.schema import EVENT, MESSAGE_EVENT, SCHEMA

from .figures import line
from .world import directory

MESSAGES = 100_000
OLD = 1_000_000
UNBOUNDED = InboxOptions(max_messages=1 << 40, max_bytes=1 << 50)
TEXT = "Good evening, is the shop open on Sunday? " * 5


async def append(runs: int) -> list[str]:
    """One `append` in the callback, at random moments and in a burst."""
    found: list[str] = []
    for durability in ("process", "power"):
        medians, high = [], []
        with directory() as where:
            options = LogOptions("power" if durability == "power" else "process")
            with closing(
                LogWriter.open(where / "log", generation=1, after=0, options=options)
            ) as log:
                for turn in range(max(runs, 20)):
                    event = message(turn)
                    times = []
                    for _ in range(1000):
                        began = time.perf_counter_ns()
                        log.append(MESSAGE_EVENT, event)
                        times.append((time.perf_counter_ns() - began) / 1000)
                    medians.append(statistics.median(times))
                    high.append(statistics.quantiles(times, n=100)[-1])
        found.append(line(f"append, {durability}", "us", median=medians, p99=high))
    return found


async def read(runs: int) -> list[str]:
    """10^5 messages through a reader that acknowledges each, in a process of its own."""
    rates, cpus, peaks, grown = [], [], [], []
    for _ in range(max(runs // 5, 3)):
        with directory() as where:
            write(where / "log", MESSAGES)
            said = await program("read", where / "log", MESSAGES)
        rates.append(said["rate"])
        cpus.append(said["cpu"] / MESSAGES * 1e6)
        peaks.append(said["peak"])
        grown.append(said["grown"])
    return [
        line("messages through a reader", "1/s", rate=rates),
        line("CPU of a message, from the log to its acknowledgement", "us", cpu=cpus),
        line("memory of the reading process at 10^5 messages", "MB", peak=peaks, grown=grown),
    ]


async def start(runs: int) -> list[str]:
    """The start with 10^6 old messages in the index, and the first message after it."""
    opened, first = [], []
    with directory() as where:
        write(where / "log", OLD)
        began = time.perf_counter()
        said = await program("index", where / "log", OLD)
        indexed = time.perf_counter() - began
        for _ in range(runs):
            each = await program("start", where / "log", OLD)
            opened.append(each["opened"] * 1e3)
            first.append(each["first"] * 1e3)
        for path in (where / "log").glob("index.db*"):
            path.unlink()
        lost = await program("start", where / "log", 0)
        size = sum(path.stat().st_size for path in (where / "log").glob("*.log")) / 1e6
    return [
        line("start with 10^6 old messages", "ms", opened=opened, first_message=first),
        f"index of 10^6 messages ({size:.0f} MB): {indexed:.3g} s, {said['cpu']:.3g} s of CPU",
        f"the first message when the index was lost: {lost['first'] * 1e3:.0f} ms",
    ]


def message(number: int) -> bytes:
    """A text of 200 characters from a number with a LID, with all that neonize tells of it."""
    jid = {"User": "4915112345678", "Server": "s.whatsapp.net", "IsEmpty": False}
    empty = {"User": "", "Server": "", "IsEmpty": True}
    source = {"Chat": jid, "Sender": jid, "IsFromMe": False, "SenderAlt": jid}
    info = {
        "MessageSource": source | {"RecipientAlt": empty},
        "ID": f"3EB0{number:016X}",
        "Pushname": "A customer",
        "Timestamp": 1_795_541_196_000,
        "Edit": "",
    }
    content = {"extendedTextMessage": {"text": TEXT}}
    marks = dict.fromkeys(("IsViewOnce", "IsViewOnceV2", "IsViewOnceV2Extension"), False)
    return _written(EVENT, {"Info": info, "Message": content, **marks, "RetryCount": 0})


def write(log: Path, count: int) -> None:
    with closing(LogWriter.open(log, generation=1, after=0)) as writer:
        for number in range(count):
            writer.append(MESSAGE_EVENT, message(number))


async def program(task: str, log: Path, count: int) -> dict[str, float]:
    """Do a task in a process of its own, whose memory is only its own."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __name__, task, str(log), str(count)),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    found: dict[str, float] = json.loads(out)
    return found


async def _read(log: Path, count: int) -> dict[str, float]:
    before = _memory()
    began = time.perf_counter()
    async with aclosing(await Inbox.open(log, options=UNBOUNDED)) as inbox:
        left = count
        async for _ in await inbox.read():
            left -= 1
            if not left:
                break
        rate = count / (time.perf_counter() - began)
    return {
        "rate": rate,
        "cpu": time.process_time(),
        "peak": _memory(),
        "grown": _memory() - before,
    }


async def _index(log: Path, count: int) -> dict[str, float]:
    async with aclosing(await Inbox.open(log, options=UNBOUNDED)) as inbox:
        while inbox.state.depth < count:
            await asyncio.sleep(0.05)
    return {"cpu": time.process_time()}


async def _start(log: Path, _: int) -> dict[str, float]:
    began = time.perf_counter()
    async with aclosing(await Inbox.open(log, options=UNBOUNDED)) as inbox:
        opened = time.perf_counter() - began
        await anext(await inbox.read())
        return {"opened": opened, "first": time.perf_counter() - began}


def _memory() -> float:
    """The most memory so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _written(name: str, values: dict[str, object]) -> bytes:
    return b"".join(_field(SCHEMA[name][each], value) for each, value in values.items())


def _field(field: Field, value: object) -> bytes:
    if isinstance(value, int):
        return _varint(field.number << 3) + _varint(value)
    if isinstance(value, dict):
        data = _written(field.message, value)
    else:
        assert field.type is Type.TEXT
        data = str(value).encode()
    return _varint(field.number << 3 | 2) + _varint(len(data)) + data


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*found, number))


TASKS = {"read": _read, "index": _index, "start": _start}

if __name__ == "__main__":
    answer = asyncio.run(TASKS[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3])))
    os.write(1, json.dumps(answer).encode())
