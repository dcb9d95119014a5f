"""The thread for what may wait for the disk."""

from __future__ import annotations

import asyncio
import gc
import threading

from wa_supervisor.messages.errors import InboxError
from wa_supervisor.messages.worker import Worker


async def test_a_call_that_fails_after_whoever_asked_was_cancelled_is_nobodys_error() -> None:
    said: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: said.append(context))
    worker, go_on = Worker("test", InboxError), threading.Event()

    def fail() -> None:
        go_on.wait(5)
        raise InboxError("the disk does not take it")

    asked = asyncio.create_task(worker.run(fail))
    await asyncio.sleep(0)
    asked.cancel()
    await asyncio.wait({asked})
    go_on.set()
    async with asyncio.timeout(5):
        await worker.run(lambda: None)  # it is done with what came before
    del asked
    gc.collect()
    worker.close()
    assert said == []
