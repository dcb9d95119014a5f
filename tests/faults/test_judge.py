"""A judge that cannot say no is worth nothing: promises that are broken on purpose."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.faults import FAULTS, acts, play, waits
from lab.faults.fault import Fault, Holds, PairsAfresh, Recovers, Stays
from lab.faults.rig import Rig

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.long,
]


async def _complaints(fault: Fault) -> str:
    verdict = await play(fault)
    assert not verdict.kept
    return "; ".join(verdict.complaints)


async def test_a_session_that_is_not_back_in_time_is_told() -> None:
    gone = Fault("x", "the server goes for good", (acts.refuse, acts.drop), Recovers(2), dials=9)
    assert "a connection did not happen within" in await _complaints(gone)


async def test_a_dial_too_many_is_told() -> None:
    fault = replace(FAULTS["client/sigkill"], dials=0)
    assert "1 dials, at most 0 were promised" in await _complaints(fault)


async def test_a_hold_for_another_reason_is_told() -> None:
    fault = replace(FAULTS["login/403"], promise=Holds("banned", within=3))
    assert "GaveUp, banned did not happen" in await _complaints(fault)


async def test_keys_that_were_purged_against_the_promise_are_told() -> None:
    fault = replace(FAULTS["stream/unlinked"], promise=Recovers(3))
    said = await _complaints(fault)
    assert "a connection did not happen" in said
    assert "the keys were purged" in said


async def test_a_connection_that_was_made_anew_did_not_stay() -> None:
    fault = replace(FAULTS["stream/close"], promise=Stays())
    assert "it was connected anew" in await _complaints(fault)


async def test_a_code_that_never_comes_is_told() -> None:
    fault = replace(FAULTS["client/sigkill"], promise=PairsAfresh(2))
    assert "a fresh code did not happen" in await _complaints(fault)


async def test_a_fact_that_was_to_be_told_is_missed() -> None:
    fault = replace(FAULTS["client/sigkill"], records="TemporaryBan")
    assert "it never recorded TemporaryBan" in await _complaints(fault)


async def test_two_clients_of_one_device_are_seen() -> None:
    async def second(rig: Rig) -> None:
        """Start another client on the same keys, as somebody does who copies a directory."""
        program = rig.supervised
        assert program is not None
        rig.server.replace_older = False
        copy = program.files.directory.parent / "copy"
        copy.mkdir(mode=0o700)
        (copy / "session.db").write_bytes(program.database.read_bytes())
        (copy / "session.db").chmod(0o600)
        other = type(program)(
            program.endpoint, program.directory, session="copy", keepalive=program.keepalive
        )
        try:
            await other.start()
            await rig.until(lambda: len(rig.server.overlaps) > 0, what="the second client")
        finally:
            await other.clear_away()

    fault = Fault("x", "a second client", (second, waits.mended), Stays(), dials=1)
    assert "logins of a device that had an older one open" in await _complaints(fault)
