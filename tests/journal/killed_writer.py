"""Appends for ever and says on standard output which row is acknowledged. To be killed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from journal.rows import make_memory, make_record
from wa_supervisor.journal import Journal


def main() -> None:
    journal = Journal.open(Path(sys.argv[1]))
    memory = journal.memory()
    number = memory.session.generation if memory else 0
    os.write(1, b"ready\n")
    while True:
        number += 1
        journal.ignore(make_record(number, taken=False))
        journal.append(make_record(number), make_memory(number))
        os.write(1, b"%d\n" % number)


main()
