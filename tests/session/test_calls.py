from __future__ import annotations

import asyncio

from wa_supervisor.session.parent.calls import Answer, Calls
from wa_supervisor.session.shared import protocol
from wa_supervisor.session.shared.watch import Watch


class Line:
    """A process that answers, or not."""

    def __init__(self, *, answers: bool = True, listens: bool = True) -> None:
        self.answers, self.listens = answers, listens
        self.asked: list[protocol.Call | protocol.Request | protocol.Deliver] = []
        self.calls = Calls(1, self._send)

    def _send(self, call: protocol.Call | protocol.Request | protocol.Deliver) -> bool:
        self.asked.append(call)
        if self.answers:
            reply = protocol.Reply(generation=1, id=call.id)
            asyncio.get_running_loop().call_soon(self.calls.answered, reply)
        return self.listens


async def test_an_answer_without_a_problem_is_none() -> None:
    assert await Line().calls.ask("probe", 1) == Answer()


async def test_no_answer_in_time_is_a_problem() -> None:
    assert await Line(answers=False).calls.ask("probe", 0.01) == Answer(
        "no answer within 0.01 s", "send_timeout"
    )


async def test_a_process_that_does_not_listen_is_told_at_once() -> None:
    line = Line(answers=False, listens=False)
    assert await line.calls.ask("probe", 60) == Answer(
        "the session process does not listen", "client_gone"
    )


async def test_who_waits_learns_that_the_process_is_gone() -> None:
    line = Line(answers=False)
    waiting = asyncio.create_task(line.calls.ask("probe", 60))
    await asyncio.sleep(0)
    line.calls.close()
    assert await asyncio.wait_for(waiting, 1) == Answer(
        "the session process is gone", "send_unknown"
    )


async def test_a_late_answer_goes_to_nobody() -> None:
    line = Line(answers=False)
    await line.calls.ask("pulse", 0.001)
    line.calls.answered(protocol.Reply(generation=1, id=1))


async def test_two_missed_pulses_in_a_row_are_silence_and_it_is_told_once() -> None:
    line, silent = Line(answers=False), []
    line.calls.watch(Watch(pulse=0.01, pulse_timeout=0.01), lambda: silent.append(1))
    await asyncio.sleep(0.2)
    assert silent == [1]
    assert len(line.asked) == 2


async def test_one_missed_pulse_is_a_machine_that_was_asleep() -> None:
    line, silent = Line(answers=False), []
    line.calls.watch(Watch(pulse=0.01, pulse_timeout=0.02), lambda: silent.append(1))
    async with asyncio.timeout(1):
        while not line.asked:  # noqa: ASYNC110 - whatever the pulse is
            await asyncio.sleep(0.001)
    line.answers = True
    await asyncio.sleep(0.2)
    assert silent == []
    line.calls.close()
