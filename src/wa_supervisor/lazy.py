"""Public names of a package that are imported when they are first asked for."""

from __future__ import annotations

import sys
from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def exports(package: str, homes: Mapping[str, str]) -> Callable[[str], object]:
    """Return the `__getattr__` of a package (PEP 562); `homes` names the module of each name.

    A name whose module is called like it is the module itself.
    """

    def get(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        home = import_module(f".{homes[name]}", package)
        value: object = home if homes[name] == name else getattr(home, name)
        setattr(sys.modules[package], name, value)  # so that this is asked once
        return value

    return get
