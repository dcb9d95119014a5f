"""Every write-through taken away, one at a time: some power cut must miss each."""

from __future__ import annotations

from typing import Final

from .mutation import Mutant, Suite

_PRIVATE, _INTENT, _QUARANTINE = "private_files.py", "store/intent.py", "store/quarantine.py"

POWER_CUT: Final = Suite(
    tests=("tests/store/test_power_cut.py",),
    mutants=(
        Mutant(
            "a new file is not synced",
            _PRIVATE,
            "        if durable:\n            os.fsync(descriptor)\n        return os.fstat",
            "        return os.fstat",
        ),
        Mutant(
            "a replaced file's name is not synced",
            _PRIVATE,
            "    if durable:\n        sync_directory(path.parent)\n    return made",
            "    return made",
        ),
        Mutant(
            "a copied file is not synced",
            _PRIVATE,
            "                _write_all(writing, chunk)\n            os.fsync(writing)\n",
            "                _write_all(writing, chunk)\n",
        ),
        Mutant(
            "a new directory's name is not synced",
            _PRIVATE,
            "        if durable:\n            sync_directory(directory.parent)\n",
            "",
        ),
        Mutant(
            "an intent's draft is not synced where it lies",
            _INTENT,
            "    private_files.sync_directory(files.staging)\n"
            "    private_files.sync_directory(files.directory)  # the",
            "    private_files.sync_directory(files.directory)  # the",
        ),
        Mutant(
            "the staging directory's name is not synced before the intent",
            _INTENT,
            "    private_files.sync_directory(files.directory)  # the staging directory's own name,"
            " first\n",
            "",
        ),
        Mutant(
            "an intent is not synced",
            _INTENT,
            "    private_files.rename(draft, files.intent)\n"
            "    private_files.sync_directory(files.directory)\n",
            "    private_files.rename(draft, files.intent)\n",
        ),
        Mutant(
            "the intent's removal is not synced",
            _INTENT,
            "    files.intent.unlink()\n    private_files.sync_directory(files.directory)\n"
            "    private_files.remove_tree(files.staging)\n\n\ndef _move_aside",
            "    files.intent.unlink()\n"
            "    private_files.remove_tree(files.staging)\n\n\ndef _move_aside",
        ),
        Mutant(
            "what was moved aside is not synced where it is",
            _INTENT,
            "    private_files.sync_directory(waiting)\n",
            "",
        ),
        Mutant(
            "what was moved aside is not synced where it was",
            _INTENT,
            "    private_files.sync_directory(files.directory)\n"
            "    private_files.rename(waiting, final)\n",
            "    private_files.rename(waiting, final)\n",
        ),
        Mutant(
            "the quarantine is not synced",
            _INTENT,
            "    private_files.sync_directory(files.quarantine)\n"
            "    private_files.sync_directory(files.staging)\n",
            "",
        ),
        Mutant(
            "a restored database's name is not synced",
            _INTENT,
            "    incoming(files).replace(database)\n"
            "    private_files.sync_directory(files.directory)\n",
            "    incoming(files).replace(database)\n",
        ),
        Mutant(
            "a rename cut in two is not mended",
            _INTENT,
            "        elif _is_one_file(source, target):\n            source.unlink()\n",
            "",
        ),
        Mutant(
            "a restore cut in two is not known",
            _INTENT,
            "    if _is_one_file(incoming(files), database):\n        return\n",
            "",
        ),
        Mutant(
            "a manifest's name is not synced",
            _QUARANTINE,
            "    private_files.sync_directory(waiting)\n",
            "",
        ),
        Mutant(
            "an expired session's move is not synced",
            _QUARANTINE,
            "            private_files.sync_directory(files.quarantine)\n",
            "",
        ),
        Mutant(
            "a snapshot's content is not synced",
            "store/sqlite/vault.py",
            "            private_files.sync_file(draft)\n",
            "",
        ),
        Mutant(
            "a snapshot's name is not synced",
            "store/snapshots.py",
            "    private_files.sync_directory(files.snapshots)\n",
            "",
        ),
        Mutant(
            "the journal is only NORMAL",
            "journal/schema.py",
            "PRAGMA synchronous = FULL",
            "PRAGMA synchronous = NORMAL",
        ),
        Mutant(
            "a journal set aside is not synced",
            "sqlite_files.py",
            "    private_files.sync_directory(path.parent)  # else",
            "    # else",
        ),
        Mutant(
            "a counted dial is not synced",
            "journal/reserve.py",
            "                os.fsync(descriptor)\n",
            "",
        ),
        Mutant(
            "dials are counted in one slot",
            "journal/reserve.py",
            "number % _SLOTS * _SLOT",
            "0",
        ),
    ),
)
