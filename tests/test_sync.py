"""The same session for threads."""

from __future__ import annotations

import signal
import threading
import time

import pytest

from wa_supervisor import Hopeless, LockHeld, Misused, NotConnected, State, SyncSupervisor
from wa_supervisor.testing import FakeSession, MemoryStore


def test_a_program_without_asyncio_holds_a_session() -> None:
    fake = FakeSession()
    with SyncSupervisor(fake) as session:
        session.wait_for(State.CONNECTED, timeout=10)
        sent = session.send_text("+4915112345678", "good morning")
        assert sent.id
        with session.typing("+4915112345678"):
            pass
    assert [each.text for each in fake.sent] == ["good morning"]
    assert fake.status.state is State.STOPPED
    assert "wa-supervisor" not in {thread.name for thread in threading.enumerate()}


def test_steps_are_iterated_and_end_with_the_session() -> None:
    with SyncSupervisor(FakeSession()) as session:
        steps = session.steps()
        threading.Timer(0.05, session.stop).start()
        states = [step.after for step in steps]
    assert states[-1] is State.STOPPED


def test_errors_are_those_of_the_session() -> None:
    store = MemoryStore()
    with SyncSupervisor(FakeSession(store=store, connects=False)) as session:
        with pytest.raises(LockHeld), SyncSupervisor(FakeSession(store=store)):
            raise AssertionError("never")
        with pytest.raises(NotConnected):
            session.send_text("+4915112345678", "now?", when_offline="raise")
        session.stop()
        with pytest.raises(Hopeless):
            session.wait_for(State.CONNECTED, timeout=10)


def test_an_exception_of_the_program_stops_the_session_and_comes_out() -> None:
    fake = FakeSession()
    with pytest.raises(LookupError), SyncSupervisor(fake):
        raise LookupError
    assert fake.status.state is State.STOPPED


def test_outside_the_context_nothing_is_waited_for() -> None:
    session = SyncSupervisor(FakeSession())
    with pytest.raises(Misused, match="within its context"):
        session.wait_for(State.CONNECTED, timeout=10)
    with session:
        pass
    with pytest.raises(Misused, match="within its context"):
        session.send_text("+4915112345678", "late")
    with pytest.raises(Misused, match="runs once"), session:
        raise AssertionError("never")


def test_an_interrupted_wait_leaves_the_session_in_order() -> None:
    fake = FakeSession(connects=False)
    begun = time.monotonic()
    threading.Timer(0.3, _interrupt).start()
    with pytest.raises(KeyboardInterrupt), SyncSupervisor(fake) as session:
        session.wait_for(State.CONNECTED, timeout=3600)
    assert time.monotonic() - begun < 10
    assert fake.status.state is State.STOPPED


def _interrupt() -> None:
    """As Ctrl-C does."""
    ident = threading.main_thread().ident
    assert ident is not None
    signal.pthread_kill(ident, signal.SIGINT)
