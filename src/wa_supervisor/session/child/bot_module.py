"""Finds the user's bot, and hands it the client.

What is wrong with the name alone is told apart from what goes wrong in the bot's own code: a name
stays wrong, whereas code may fail for want of something that comes back.
"""

from __future__ import annotations

import importlib
import inspect
import sys
import threading
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from ...errors import BotUnusable
from ..shared import bot_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType, ModuleType

_OWN_NAME: Final = __name__.partition(".")[0]


def register(bot: str, client: Any) -> None:
    """Import `module:function` and call the function with the client.

    Raises BotUnusable if there is no such function or it cannot be a bot, and whatever the module
    or the function raises.
    """
    function = _find(bot)
    result = function(client)
    if inspect.isawaitable(result):
        if inspect.iscoroutine(result):
            result.close()  # or Python warns that it was never awaited
        raise BotUnusable(f"{bot} returned an awaitable, which nobody awaits: make it a plain def")


def _find(bot: str) -> Callable[[Any], object]:
    name, function = bot_names.split(bot)
    module = _import(name)
    found = getattr(module, function, None)
    origin = getattr(module, "__file__", None)
    if found is None:
        callables = [each for each, value in vars(module).items() if callable(value)]
        raise bot_names.no_function(function, name, origin, callables)
    if not callable(found):
        raise bot_names.not_callable(function, name, origin, type(found).__name__)
    if inspect.iscoroutinefunction(found):
        raise bot_names.never_awaited(function, name, origin)
    return found  # type: ignore[no-any-return]


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if missing != name and not name.startswith(f"{missing}."):
            raise  # the module is there; what it imports is not
        raise bot_names.no_module(missing) from error


def print_from_the_bot_on(error: BaseException) -> None:
    """Print its traceback without how we, and Python's import, came to the bot."""
    frames = error.__traceback__
    while frames is not None and frames.tb_next is not None and _leads_there(frames.tb_frame):
        frames = frames.tb_next
    traceback.print_exception(type(error), error, frames)


def _leads_there(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).partition(".")[0] in {_OWN_NAME, "importlib"}


@contextmanager
def bounded(seconds: float, too_late: Callable[[str], None]) -> Iterator[None]:
    """Call `too_late` on another thread, with where we are, if this takes longer than that."""
    thread = threading.get_ident()

    def look() -> None:
        frame = sys._current_frames().get(thread)  # noqa: SLF001 - documented, in spite of its name
        stack = traceback.extract_stack(frame)
        print("".join(["The bot's start has taken too long. It is here:\n", *stack.format()]))
        places = [f"{entry.filename}, line {entry.lineno}" for entry in stack if _is_bots(entry)]
        too_late(places[-1] if places else "an unknown place")

    timer = threading.Timer(seconds, look)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _is_bots(entry: traceback.FrameSummary) -> bool:
    """Tell whether a place is in the bot's own code: no library's, and not ours."""
    own = f"/{_OWN_NAME}/" in entry.filename
    library = entry.filename.startswith(("<frozen", sys.prefix, sys.base_prefix)) or (
        "/site-packages/" in entry.filename
    )
    return not own and not library
