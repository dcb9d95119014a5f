"""The same session for threads."""

from __future__ import annotations

import asyncio
import inspect
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from wa_supervisor import (
    Hopeless,
    LockHeld,
    Message,
    Misused,
    NotConnected,
    ReaderBusy,
    State,
    Supervisor,
    SyncDelivery,
    SyncSupervisor,
)
from wa_supervisor.messages.delivery import Deliveries
from wa_supervisor.step_stream import StepStream
from wa_supervisor.sync import SyncMessages, SyncSteps
from wa_supervisor.testing import FakeSession, MemoryStore, PlayedLink


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


def test_steps_that_came_before_the_end_are_read_after_it() -> None:
    with SyncSupervisor(FakeSession()) as session:
        steps = session.steps()
    assert [step.after for step in steps][-1] is State.STOPPED
    assert steps.missed == 0


def test_messages_are_iterated_and_what_was_not_finished_comes_again() -> None:
    fake = FakeSession()
    with SyncSupervisor(fake) as session:
        with session.messages():  # from now on they are kept
            pass
        for text in ("one", "two", "three"):
            session.wait(fake.receive(text))
        seen = []
        for message in session.messages():
            seen.append(message.text)
            if message.text == "two":
                session.reply(message, "enough")
                break
        # A break has let go of the name, and "two" was in the program's hands.
        messages = session.messages()
        again = next(messages)
        assert (again.text, again.redelivered) == ("two", True)
        assert next(messages).text == "three"
        with pytest.raises(ReaderBusy):
            next(session.messages())
    assert seen == ["one", "two"]
    assert [(each.text, each.reply_to) for each in fake.sent] == [("enough", again.id)]


def test_a_message_is_acknowledged_by_hand_from_a_thread_of_its_own() -> None:
    store = MemoryStore(paired=True)
    fake = FakeSession(store=store)
    with SyncSupervisor(fake) as session, session.messages(ack="manual") as messages:
        for text in ("one", "two", "three"):
            session.wait(fake.receive(text))
        _, two, _ = (next(messages) for _ in range(3))
        assert isinstance(two, Message)
        with ThreadPoolExecutor() as threads:
            threads.submit(two.ack).result(timeout=10)
        assert repr(two).startswith("<message text")
    with SyncSupervisor(FakeSession(store=store)) as session:
        left = session.messages(ack="manual")
        assert [next(left).text for _ in range(2)] == ["one", "three"]


def test_leaving_ends_what_other_threads_wait_for() -> None:
    taken: list[SyncDelivery] = []

    def take(session: SyncSupervisor) -> str:
        taken.extend(session.messages())
        return "the end"

    with ThreadPoolExecutor() as threads:
        with SyncSupervisor(FakeSession(connects=False)) as session:
            reading = threads.submit(take, session)
            waiting = threads.submit(session.wait_for, State.CONNECTED, timeout=3600)
            forever = threads.submit(session.wait, never())
            deadline = time.monotonic() + 10
            while not (reading.running() and waiting.running() and forever.running()):
                assert time.monotonic() < deadline
                time.sleep(0.01)
        assert reading.result(timeout=10) == "the end"
        with pytest.raises(Hopeless, match="will not be Connected"):
            waiting.result(timeout=10)
        with pytest.raises((Hopeless, Misused)):
            forever.result(timeout=10)


async def never() -> None:
    await asyncio.Event().wait()


def test_leaving_is_bounded_whatever_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wa_supervisor.sync.LEAVING_BOUND", -1.0)  # 1 s in all
    go_on = threading.Event()

    class Stuck(PlayedLink):
        async def aclose(self) -> None:
            go_on.wait(60)  # the loop stands

    session = SyncSupervisor(FakeSession(link=Stuck()))
    begun = time.monotonic()
    with session:
        session.wait_for(State.CONNECTED, timeout=10)
    assert time.monotonic() - begun < 15
    with pytest.raises(Misused):
        session.wait_for(State.STOPPED, timeout=10)
    go_on.set()


def test_it_has_what_the_session_has() -> None:
    of_a_loop = {"run", "run_forever", "on_step", "on_record", "is_idle", "post"}
    of_an_operator = {"update_policy", "update_gate", "incoming", "shown_code"}
    names = {name for name in vars(SyncSupervisor) | vars(Supervisor) if name[0] != "_"}
    names |= {name for name in dir(Supervisor) if name[0] != "_"}
    missing = {name for name in names if not hasattr(SyncSupervisor, name)}
    assert missing == of_a_loop | of_an_operator
    for name in sorted(names - missing - {"status", "wait"}):
        ours, theirs = getattr(SyncSupervisor, name), getattr(Supervisor, name)
        parameters = [list(inspect.signature(each).parameters) for each in (ours, theirs)]
        assert parameters[0] == parameters[1], name
    for mine, other in ((SyncMessages, Deliveries), (SyncSteps, StepStream)):
        public = {name for name in vars(other) if name[0] != "_"}
        assert public - {"begin", "ready", "put", "end"} <= set(dir(mine))


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
