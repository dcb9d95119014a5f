"""The versions that a person names in a report of a defect. Nothing of neonize is imported."""

from __future__ import annotations

import functools
import importlib.util
import mmap
import platform
import re
from importlib import metadata
from pathlib import Path
from typing import Final

PACKAGES: Final = ("wa-supervisor", "neonize")

# Go writes the modules of a program into it (debug/buildinfo): a tab before the version.
_WHATSMEOW: Final = re.compile(rb"go\.mau\.fi/whatsmeow\t(v[0-9A-Za-z.+-]{5,60})")


@functools.cache
def versions() -> dict[str, str]:
    """Return the version of each part by name; "not installed" or "unknown" where there is none.

    Reads neonize's library, which takes some milliseconds the first time.
    """
    return {name: _of(name) for name in PACKAGES} | {
        "whatsmeow": _whatsmeow(),
        "python": platform.python_version(),
    }


def _of(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _whatsmeow() -> str:
    package = importlib.util.find_spec("neonize")
    for place in (package and package.submodule_search_locations) or ():
        for library in Path(place).glob("neonize-*"):
            try:
                with (
                    library.open("rb") as file,
                    mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
                ):
                    found = _WHATSMEOW.search(content)
                    if found:
                        return found[1].decode()
            except (OSError, ValueError):  # unreadable, or empty
                continue
    return "unknown"
