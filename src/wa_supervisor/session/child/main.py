"""The session process: one neonize client, from its start to its end.

It is forked by the fork server, or run as `python -m wa_supervisor.session.child.main FD PID`. It
ends when the supervisor says so, when the supervisor goes away, or when connect() comes back.
"""

from __future__ import annotations

import os
import socket
import sys
import traceback
from typing import TYPE_CHECKING, Any, Final, NoReturn

from ...errors import BotUnusable, Misused, NoRoom, SessionError
from ...lifecycle import facts
from ...redaction import redact
from ..shared import protocol
from ..shared.role import become_session_process
from ..shared.spec import ExitCode
from . import bot_module, connect_wait, loopback_patch, preload
from .channel import Channel
from .client import Client
from .kernel import die_with, keep_from_forks, leave_no_core, take_signals

if TYPE_CHECKING:
    from ...lifecycle.facts import ChildFact

_MAX_DETAIL: Final = 300
_MAX_ADVICE: Final = 1500


def main(sock: socket.socket, *lock_descriptors: int) -> NoReturn:
    """Run what the first frame says. Never returns and never raises.

    `lock_descriptors` are a share of the session's lock. It is ours until we die; what a bot forks
    off and leaves behind must not have it.
    """
    try:
        become_session_process()
        leave_no_core()
        keep_from_forks(list(lock_descriptors))
        _run(sock)
    except BaseException:  # noqa: BLE001 - it ends here, and not with a code that a bot may use
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(ExitCode.DEFECT)


def _run(sock: socket.socket) -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    channel = Channel(sock)
    run = channel.receive_run()
    try:
        preload.preload()
        if not run.allow_unknown_neonize:
            preload.require_known_release()
        neonize = preload.load_library()
        _patch_library(run)
        connect_wait.sleep_until_woken()
    except NoRoom as error:
        print(error.advice, file=sys.stderr)
        channel.leave(run.generation, ExitCode.NO_ROOM)
    except SessionError as error:
        fact = facts.ClientUnusable(run.generation, redact(error.advice)[:_MAX_ADVICE])
        channel.send(protocol.fact_frame(fact))
        channel.leave(run.generation, ExitCode.UNUSABLE)
    client = Client(run, channel)
    channel.start(client.on_stop, client.on_call)
    channel.send(protocol.Hello(generation=run.generation, pid=os.getpid(), neonize=neonize))
    if run.bot is not None:
        _register_bot(run.bot, run, client.neonize, channel)
    client.connect()


def _patch_library(run: protocol.Run) -> None:
    if run.noise_root is not None:
        loopback_patch.swap_noise_root(preload.library_path(), run.noise_root)
    if run.keepalive is not None:
        loopback_patch.scale_keepalive(preload.library_path(), run.keepalive)


def _register_bot(bot: str, run: protocol.Run, client: Any, channel: Channel) -> None:
    """Have the bot subscribe to the client; the process ends if it cannot."""

    def fail(fact: ChildFact) -> NoReturn:
        channel.send(protocol.fact_frame(fact))
        channel.leave(run.generation, ExitCode.BOT_FAILED)

    def too_late(place: str) -> None:
        fail(
            facts.BotFailed(
                run.generation,
                f"{bot} did not return within {run.bot_start:g} s; it is at {place}. It is to "
                "subscribe to events and return; what takes long belongs on a thread",
            )
        )

    try:
        run.inheritance.adopt()
        with bot_module.bounded(run.bot_start, too_late):
            bot_module.register(bot, client)
    except (BotUnusable, Misused) as error:
        fail(facts.BotFailed(run.generation, redact(error.advice)[:_MAX_ADVICE]))
    except BaseException as error:  # noqa: BLE001 - whatever a bot raises, SystemExit too
        bot_module.print_from_the_bot_on(error)
        last = redact(traceback.format_exception_only(error)[-1].strip())
        fail(facts.BotFailed(run.generation, last[:_MAX_DETAIL]))


if __name__ == "__main__":
    die_with(int(sys.argv[2]))
    take_signals()
    line, *lock_descriptors = int(sys.argv[1]), *map(int, sys.argv[3:])
    for descriptor in (line, *lock_descriptors):  # what a bot starts must not hold them
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - a function of C
    main(socket.socket(fileno=line), *lock_descriptors)
