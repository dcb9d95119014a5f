"""`python -m wa_supervisor.diagrams`: draw every generated file of the repository afresh."""

from __future__ import annotations

import sys
from pathlib import Path

from ..errors import ConfigError
from .generated import write


def main() -> int:
    """Write the files into the current directory, which is the repository's root."""
    try:
        for path in write(Path.cwd()):
            sys.stdout.write(f"{path.relative_to(Path.cwd())}\n")
    except ConfigError as error:
        sys.stderr.write(f"{error}\n  try: {error.hint}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
