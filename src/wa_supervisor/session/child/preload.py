"""Imports all of neonize's Python without loading its Go library.

Go cannot be forked (its threads do not come along), but the import costs most of a second. So
the fork server imports neonize with a library object that only takes notes, and each session
process loads the real library, once, after the fork. What importing neonize does beside that is
kept in bounds: no handler on the root logger, no thread, no download, and no library that few
sessions use (`on_first_use`).
"""

from __future__ import annotations

import ctypes
import importlib
import logging
import re
import sys
import threading
import time
import types
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from ...errors import NeonizeUnusable, NoRoom, SessionError
from ...hints import Action, Hint
from ..shared.neonize_texts import LOGIN_STATUS_HOOK, NO_ROOM
from .on_first_use import imported_on_first_use

if TYPE_CHECKING:
    from collections.abc import Iterator

_REINSTALL: Final = Hint(Action.REINSTALL, "neonize")
_SETTINGS: Final = ("argtypes", "restype", "errcheck")

# The releases on which tests/contract_neonize passes; pyproject.toml names the same. 0.5.2 is the
# first in which StreamReplaced does not abort the process, and the newest there is.
OLDEST: Final = (0, 5, 2)
NEWEST: Final = (0, 5, 2)
INSTALL_KNOWN: Final = Hint(Action.INSTALL, f"neonize=={'.'.join(map(str, NEWEST))}")

_RELEASE_PARTS: Final = 3


def _blamed(what: str, error: Exception, hint: Hint) -> SessionError:
    """Return what is to be raised for an error of loading: it is neonize's fault or the host's."""
    if isinstance(error, MemoryError) or any(words in str(error) for words in NO_ROOM):
        return NoRoom(f"{what}: {error}", hint="free some memory, or raise the limits of the unit")
    return NeonizeUnusable(f"{what}: {error}", hint=hint)


class _Function:
    """Takes the settings neonize makes on a function of the library."""

    argtypes: Any
    restype: Any
    errcheck: Any

    def __call__(self) -> bytes:
        """Answer GetVersion, the one call of the import; `load` repeats it in earnest."""
        version: str = sys.modules["neonize.download"].__GONEONIZE_VERSION__
        return version.encode()


class LazyLibrary:
    """Stands in for `ctypes.CDLL` until `load`; afterwards it is the library."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._noted: dict[str, _Function] | None = {}
        self._library: ctypes.CDLL | None = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if self._noted is None:
            return getattr(self._library, name)
        return self._noted.setdefault(name, _Function())

    def load(self, version: str) -> None:
        """Load the library, check its version and apply the settings that were noted.

        Raises NeonizeUnusable if it cannot be loaded or is not what its Python expects.
        Raises NoRoom if there is no memory to load it into.
        """
        if self._noted is None:
            return
        try:
            library = ctypes.CDLL(self.path)
            library.GetVersion.restype = ctypes.c_char_p
            found = library.GetVersion().decode()
        except (OSError, AttributeError) as error:
            raise _blamed("neonize's Go library cannot be loaded", error, _REINSTALL) from error
        if found != version:
            raise NeonizeUnusable(
                f"neonize's Go library is version {found}, its Python expects {version}",
                hint=_REINSTALL,
            )
        for name, noted in self._noted.items():
            _apply(library, name, vars(noted))
        self._library, self._noted = library, None


def _apply(library: ctypes.CDLL, name: str, settings: dict[str, Any]) -> None:
    try:
        function = getattr(library, name)
    except AttributeError:
        # neonize sets only errcheck, and tolerantly, on names an older library had.
        if settings.keys() <= {"errcheck"}:
            return
        raise NeonizeUnusable(
            f"neonize's Go library has no function {name}", hint=_REINSTALL
        ) from None
    for key in _SETTINGS:
        if key in settings:
            setattr(function, key, settings[key])


def preload() -> types.ModuleType:
    """Import neonize, its client, events and messages; return the package.

    Raises NeonizeUnusable if it cannot be imported, or is not the neonize we know. Raises
    NoRoom if there is no memory to import it with.
    """
    if _is_preloaded():
        return sys.modules["neonize"]
    _ensure_magic()
    try:
        with _quiet_root(), imported_on_first_use(), _no_download(), _lazy_library():
            neonize = importlib.import_module("neonize")
            client = importlib.import_module("neonize.client")
            importlib.import_module("neonize.utils.ffmpeg")
            log = importlib.import_module("neonize.utils.log")
    except SessionError:
        raise
    except Exception as error:  # ImportError, mostly; 0.4.0 has an undefined name in it
        raise _blamed("neonize cannot be imported", error, INSTALL_KNOWN) from error
    _stop_log_worker(log)
    if not callable(getattr(client.NewClient, LOGIN_STATUS_HOOK, None)):
        raise NeonizeUnusable(
            f"neonize {neonize.__version__} has no NewClient.{LOGIN_STATUS_HOOK.partition('__')[2]}"
            ": it changed inside and wa-supervisor does not know this release",
            hint=INSTALL_KNOWN,
        )
    return neonize


def _is_preloaded() -> bool:
    binder = sys.modules.get("neonize._binder")
    if binder is None:
        return False
    if not isinstance(binder.gocode, LazyLibrary):
        raise NeonizeUnusable("neonize was imported, and its Go library loaded, before preload()")
    return True


def load_library() -> str:
    """Load the Go library into this process; return neonize's version. Call `preload` first.

    Raises NeonizeUnusable if it cannot be loaded or is not what its Python expects. Raises
    NoRoom if there is no memory to load it into.
    """
    version: str = sys.modules["neonize.download"].__GONEONIZE_VERSION__
    sys.modules["neonize._binder"].gocode.load(version)
    return version


def library_path() -> str:
    """Return the file of the Go library. Call `preload` first."""
    path: str = sys.modules["neonize._binder"].gocode.path
    return path


def require_known_release() -> None:
    """Refuse a neonize on which what we know of it was never tested. Call `preload` first.

    Raises NeonizeUnusable if it is older or newer than the releases we know.
    """
    version: str = sys.modules["neonize"].__version__
    parts = re.findall(r"\d+", version)[:_RELEASE_PARTS]
    if not OLDEST <= tuple(map(int, parts)) <= NEWEST:
        known = " to ".join(dict.fromkeys(".".join(map(str, each)) for each in (OLDEST, NEWEST)))
        raise NeonizeUnusable(
            f"neonize {version} is not a release that wa-supervisor was tested with ({known})",
            hint=replace(INSTALL_KNOWN, note="or set allow_unknown_neonize = true to try it"),
        )


def start_log_worker() -> None:
    """Start the thread that turns whatsmeow's log entries into log records.

    neonize starts one on import, but a thread does not survive a fork.
    """
    log = sys.modules["neonize.utils.log"]
    threading.Thread(target=log._worker, daemon=True, name="whatsmeow-log").start()  # noqa: SLF001


def flush_log(*, within: float) -> None:
    """Wait until what whatsmeow has logged was handed on, but no longer than so many seconds."""
    entries = sys.modules["neonize.utils.log"]._log_queue  # noqa: SLF001
    end = time.monotonic() + within
    while entries.unfinished_tasks and time.monotonic() < end:
        time.sleep(0.005)


def _stop_log_worker(log: types.ModuleType) -> None:
    log._log_queue.put(None)  # noqa: SLF001 - its own sentinel; shutdown_log_worker() never returns
    log._thread.join(5)  # noqa: SLF001
    if log._thread.is_alive():  # noqa: SLF001
        raise NeonizeUnusable("neonize's log thread does not end: it changed inside")


@contextmanager
def _quiet_root() -> Iterator[None]:
    """Keep `logging.basicConfig` from configuring the root logger: it yields to a handler."""
    root, guard = logging.getLogger(), logging.NullHandler()
    root.addHandler(guard)
    try:
        yield
    finally:
        root.removeHandler(guard)


@contextmanager
def _no_download() -> Iterator[None]:
    """Refuse what neonize does when its library is missing: fetch one from the network."""
    requests: Any = importlib.import_module("requests")

    def refuse(url: str, **_: object) -> NoReturn:
        name = url.rpartition("/")[2]
        raise NeonizeUnusable(
            f"neonize's Go library {name} is not installed; it would be downloaded now, unchecked, "
            "and that is refused",
            hint=_REINSTALL,
        )

    get = vars(requests).get("get")  # a stand-in has none
    requests.get = refuse
    try:
        yield
    finally:
        if get is None:
            del requests.get
        else:
            requests.get = get


@contextmanager
def _lazy_library() -> Iterator[None]:
    """Let `ctypes.CDLL` return a LazyLibrary for neonize's own library."""
    real = ctypes.CDLL

    def open_library(name: str | None = None, *args: Any, **kwargs: Any) -> Any:
        if name and Path(name).name.startswith("neonize-"):
            return LazyLibrary(name)
        return real(name, *args, **kwargs)

    ctypes.CDLL = open_library  # type: ignore[misc, assignment]
    try:
        yield
    finally:
        ctypes.CDLL = real  # type: ignore[misc]


def _ensure_magic() -> None:
    """Give neonize a stand-in for libmagic where the system has none; only media need it."""
    try:
        importlib.import_module("magic")
    except ImportError as error:
        stand_in = types.ModuleType("magic", f"Stands in for python-magic: {error}")

        def missing(name: str) -> Any:
            if name.startswith("__"):
                raise AttributeError(name)

            def refuse(*_: object, **__: object) -> NoReturn:
                raise NeonizeUnusable(
                    "libmagic is not installed; neonize needs it to tell the type of media",
                    hint=Hint(Action.INSTALL_SYSTEM, "libmagic1"),
                )

            return refuse

        stand_in.__getattr__ = missing  # type: ignore[method-assign]
        sys.modules["magic"] = stand_in
