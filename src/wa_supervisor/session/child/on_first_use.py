"""Libraries that neonize imports for what few sessions do: imported when that is done.

Drawing a QR, previewing a link, fetching a file by its address and formatting a number take two
thirds of neonize's import and half of its memory, in the fork server and in every session process.
"""

from __future__ import annotations

import importlib
import sys
import types
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

SELDOM_USED: Final = ("httpx", "linkpreview", "phonenumbers", "requests", "segno", "tqdm")
"""What stands for neonize's `import httpx`, `from tqdm import tqdm` and so on until it is used.

Pillow is not among them: neonize's annotations name its classes.
"""


class _Library(types.ModuleType):
    """Stands for a library in whoever imported it meanwhile."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the library has
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:  # `from library import name`
            return _Name(self.__name__, name)
        return getattr(importlib.import_module(self.__name__), name)


class _Name:
    """Stands for what was imported from a library by name."""

    def __init__(self, library: str, name: str) -> None:
        self._library = library
        self._name = name

    def __call__(self, *arguments: object, **named: object) -> Any:  # noqa: ANN401 - as above
        return self._real()(*arguments, **named)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as above
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._real(), name)

    def _real(self) -> Any:  # noqa: ANN401 - as above
        return getattr(importlib.import_module(self._library), self._name)


@contextmanager
def imported_on_first_use() -> Iterator[None]:
    """Let what is imported within this have stand-ins for `SELDOM_USED`.

    One that is imported already is used as it is. Afterwards everybody imports the libraries
    themselves.
    """
    libraries = [_Library(name) for name in SELDOM_USED if name not in sys.modules]
    sys.modules.update({library.__name__: library for library in libraries})
    try:
        yield
    finally:
        for library in libraries:
            del sys.modules[library.__name__]
