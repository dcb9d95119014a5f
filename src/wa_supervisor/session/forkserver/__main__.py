"""`python -m wa_supervisor.session.forkserver FD PARENT`: from its first import on."""

from __future__ import annotations

import gc
import sys


def run() -> int:
    """Serve; return the exit code."""
    # None of what 800 modules make is garbage, and a session has the collector switched on.
    gc.disable()
    from .main import begin  # noqa: PLC0415

    return begin(int(sys.argv[1]), int(sys.argv[2]))


if __name__ == "__main__":
    sys.exit(run())
