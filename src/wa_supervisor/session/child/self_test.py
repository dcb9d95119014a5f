"""A program that says whether neonize can be used here: `python -m`, one JSON object, no dial."""

from __future__ import annotations

import json
import sys

from ...errors import SessionError
from ...hints import Hint
from .preload import load_library, preload, require_known_release


def main() -> None:
    """Import neonize, load its library, and say its version or what is wrong."""
    try:
        preload()
        require_known_release()
        answer: dict[str, str | None] = {"version": load_library()}
    except SessionError as error:
        hint = error.hint or Hint()
        action = hint.action.name if hint.action else None
        answer = {"error": str(error), "action": action, "subject": hint.subject, "note": hint.note}
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
