"""The command line: a thin face on the API."""

from __future__ import annotations

import gc
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


_HELP = {"-h", "--help"}


def main() -> NoReturn:
    """Run the command that the arguments name."""
    _before_all_imports(sys.argv[1:2], sys.argv[2:])
    # Hundreds of modules are imported now, and little of what they make is garbage: looking for it
    # again and again takes a tenth of the time. `Commands` has it looked for from then on. What is
    # to run for months rather begins without holes in its memory.
    if sys.argv[1:2] != ["run"]:
        gc.disable()
    from .app import main as run  # noqa: PLC0415

    run()


def _before_all_imports(command: list[str], arguments: list[str]) -> None:
    """Do what can be done before anything else of ours is imported; it may end the program."""
    if command == ["health"]:
        import os  # noqa: PLC0415

        from ..health import quick_answer  # noqa: PLC0415

        code = quick_answer(arguments, os.environ)
        if code is not None:
            sys.exit(code)
    elif command == ["status"]:
        import os  # noqa: PLC0415

        from ..health import quick_status  # noqa: PLC0415

        line = quick_status(arguments, os.environ)
        if line is not None:
            sys.stdout.buffer.write(line)
            sys.exit(0)
    elif command == ["run"] and sys.platform == "linux" and not _HELP & {*arguments}:
        import os  # noqa: PLC0415

        from ..session.parent.begun_server import begin_early  # noqa: PLC0415

        _end_on_sigterm()
        begin_early(os.environ)  # it imports what it needs while we do


def _end_on_sigterm() -> None:
    """Have SIGTERM end the program with the code of a stop, until `run` has a session to stop.

    Nothing is begun before that but the fork server, which ends with us.
    """
    import os  # noqa: PLC0415
    import signal  # noqa: PLC0415

    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
