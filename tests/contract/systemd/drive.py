"""Runs the unit under the systemd that `boot.sh` booted, and writes down what it saw."""

# ruff: noqa: ASYNC240 - nothing else wants the loop while a file is read

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from wa_loopback import LoopbackServer

if TYPE_CHECKING:
    from collections.abc import Callable

UNIT = "wa-supervisor-shop.service"
PAIRING = Path("/run/wa-supervisor/shop/pairing")
LOG = Path("/run/service.log")
PROPERTIES = ("StatusText", "ActiveState", "MainPID", "NRestarts", "Result", "ExecMainStatus")


def systemctl(*arguments: str) -> str:
    done = subprocess.run(
        ["systemctl", *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    return done.stdout + done.stderr


def seen() -> dict[str, str]:
    text = systemctl("show", UNIT, "--property", ",".join(PROPERTIES))
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


async def until(condition: Callable[[], bool], within: float = 60.0) -> None:
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - another program sends no events
            await asyncio.sleep(0.1)


def connected() -> bool:
    return seen()["StatusText"].startswith("Connected (online)")


def session_processes() -> list[int]:
    procs = Path("/sys/fs/cgroup/system.slice", UNIT, "cgroup.procs").read_text().split()
    return sorted(map(int, procs))


async def drive(server: LoopbackServer, told: dict[str, Any]) -> None:
    endpoint, trust = server.endpoint, Path("/run/loopback-ca.pem")
    trust.write_bytes(Path(endpoint.ca_file).read_bytes())
    # By its name, so that Go has to look it up from inside.
    proxy = endpoint.proxy.replace("127.0.0.1", "localhost")
    override = Path("/run/systemd/system", f"{UNIT}.d", "test.conf")
    override.parent.mkdir(parents=True)
    variables = {
        "HTTPS_PROXY": proxy,
        "PYTHONPATH": os.environ["PYTHONPATH"],
        "PYTHONDONTWRITEBYTECODE": "1",
        "WA_SUPERVISOR_ENDPOINT__PROXY": proxy,
        "WA_SUPERVISOR_ENDPOINT__CA_FILE": str(trust),
        "WA_SUPERVISOR_ENDPOINT__NOISE_ROOT": endpoint.noise_root,
    }
    lines = [f"Environment={name}={value}" for name, value in variables.items()]
    lines += [f"StandardOutput=append:{LOG}", f"StandardError=append:{LOG}"]
    override.write_text("\n".join(["[Service]", *lines, ""]))
    await until(Path("/run/systemd/private").exists)
    told["reload"] = systemctl("daemon-reload")
    told["start"] = await asyncio.to_thread(systemctl, "start", UNIT)
    await until(PAIRING.exists)
    info = PAIRING.stat()
    told["pairing"] = {"mode": info.st_mode & 0o777, "uid": info.st_uid}
    device = await server.phone().scan(SecretStr(PAIRING.read_text()))
    await server.wait_connected(device)
    await until(connected)
    told["connected"] = seen()
    main = int(told["connected"]["MainPID"])
    told["seccomp"] = "Seccomp:\t2" in Path(f"/proc/{main}/status").read_text()

    *_, client = session_processes()
    os.kill(client, signal.SIGKILL)
    await until(lambda: "retry 1" in seen()["StatusText"])
    await until(connected)
    told["client killed"] = seen()

    begun = time.monotonic()
    os.kill(main, signal.SIGSTOP)
    await until(lambda: seen()["NRestarts"] == "1")
    told["hung for"] = time.monotonic() - begun
    await until(connected)
    told["hung"] = seen()

    begun = time.monotonic()
    await asyncio.to_thread(systemctl, "stop", UNIT)
    told["stopped in"] = time.monotonic() - begun
    told["stopped"] = seen()
    told["overlaps"] = len(server.overlaps)


async def main(report: Path) -> None:
    told: dict[str, Any] = {}
    try:
        async with asyncio.timeout(200), LoopbackServer() as server:
            await drive(server, told)
    except BaseException:  # noqa: BLE001 - whatever it was, the test must read it
        told["error"] = traceback.format_exc()
    told["log"] = LOG.read_text() if LOG.exists() else ""
    report.write_text(json.dumps(told))
    systemctl("--force", "--force", "poweroff")


asyncio.run(main(Path(sys.argv[1])))
