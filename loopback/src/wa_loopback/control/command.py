"""`wa-loopback`: the server as a program that others start and command."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import sys
from importlib.metadata import version
from pathlib import Path

from ..errors import LoopbackError
from ..server import LoopbackServer
from ..trace import Tracer
from . import describe
from .api import ControlApi

_LATENCY, _RESTART_AFTER = 0.03, 0.2
_EXAMPLE = """\
Start it, point a client at it, and command the phone:

  wa-loopback --json
  curl -s 127.0.0.1:CONTROL/scan -d '{"qr": "..."}'
  curl -s 127.0.0.1:CONTROL/openapi.json
"""


def main() -> None:
    """Run the command."""
    options = _parser().parse_args()
    try:
        asyncio.run(_run(options))
    except (LoopbackError, OSError) as error:
        hint = getattr(error, "hint", None)
        sys.exit(f"wa-loopback: {error}" + (f" ({hint})" if hint else ""))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="wa-loopback",
        description="A WhatsApp-shaped server on this machine, for tests of any client.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--ws-port", type=int, default=0, metavar="P", help="of the plain ws:// door; 0: any")
    add("--proxy-port", type=int, default=0, metavar="P", help="of the HTTPS proxy door; 0: any")
    add("--control-port", type=int, default=0, metavar="P", help="of the control API; 0: any")
    add("--host", default="127.0.0.1", help="address to listen at, of this machine alone")
    add(
        "--reachable",
        action="store_true",
        help="let other machines in, for containers: listens at every address, or at --host",
    )
    add("--seed", type=int, metavar="N", help="the same Noise root key each time; else a new one")
    add("--ca-file", type=Path, metavar="FILE", help="where the TLS authority's certificate goes")
    add(
        "--latency",
        type=float,
        default=_LATENCY,
        metavar="S",
        help=f"seconds by which each answer is late; {_LATENCY} if not given",
    )
    add("--trace", action="store_true", help="write every node to standard error, without secrets")
    add("--trace-secrets", action="store_true", help="the same, with numbers, words and keys")
    add("--json", action="store_true", help="say where everything is as one line of JSON")
    add("--version", action="version", version=version("wa-loopback"))
    return parser


async def _run(options: argparse.Namespace) -> None:
    """Serve until a signal, or until nobody holds our standard input's other end any more."""
    host = "0.0.0.0" if options.reachable and options.host == "127.0.0.1" else options.host  # noqa: S104
    server = LoopbackServer(
        host=host,
        port=options.proxy_port,
        ws_port=options.ws_port,
        ca_file=options.ca_file,
        seed=options.seed,
        reachable=options.reachable,
    )
    server.latency, server.restart_after = options.latency, _RESTART_AFTER
    if options.trace or options.trace_secrets:
        server.tracer = Tracer(sys.stderr, secrets=options.trace_secrets)
    control = ControlApi(server, host=host, port=options.control_port, reachable=options.reachable)
    stopped = asyncio.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(each, stopped.set)
    async with server:
        control.open()
        try:
            _say(describe.endpoint(server, control.url), as_json=options.json)
            await stopped.wait()
        finally:
            await control.close()


def _say(where: dict[str, str], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(where) + "\n")
    else:
        sys.stdout.writelines(f"{name:<12}{value}\n" for name, value in where.items())
    sys.stdout.flush()
