"""Looks a bot up by its name, without running any of its code.

The supervisor does so before its first dial: a mistyped name is an error of who typed it, and no
reason to dial, wait and try again. What only running the code can show is left to the session
process. Nothing is imported here: a bot imports neonize, and with it Go.
"""

from __future__ import annotations

import ast
import difflib
import sys
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ...errors import BotUnusable

if TYPE_CHECKING:
    from collections.abc import Sequence

_DYNAMIC: Final = (b"globals(", b"exec(", b"__getattr__")
"""With these a module may hold what its source does not show."""


def split(bot: str) -> tuple[str, str]:
    """Return module and function of `module:function`.

    Raises BotUnusable if it is not written so, or names the module that a script runs as.
    """
    module, colon, function = bot.partition(":")
    if not (module and colon and function):
        raise BotUnusable(f"a bot is written module:function, not {bot!r}")
    if module == "__main__":
        raise BotUnusable(
            f"{bot} cannot be found: __main__ is another program in the session process. Put the "
            "bot into a module of its own and name that"
        )
    return module, function


def check(bot: str) -> None:
    """See that there is such a bot, as far as that can be seen from its source.

    Raises BotUnusable if there is no such module, or nothing in it that could be the function.
    """
    module, function = split(bot)
    try:
        spec = _find(module)
    except KeyError:  # a directory without `__init__.py` wants its parent package imported
        return
    if not isinstance(spec.loader, SourceFileLoader) or spec.origin is None:
        return
    source = Path(spec.origin).read_bytes()
    names = _TopLevel()
    try:
        names.visit(ast.parse(source))
    except (SyntaxError, ValueError):  # the session process will say where
        return
    if names.complete and not any(word in source for word in _DYNAMIC):
        _require(function, names, module, spec.origin)


def no_module(module: str) -> BotUnusable:
    """Return the error for a module that is not there."""
    places = dict.fromkeys([str(Path.cwd()), *filter(None, sys.path)])
    return BotUnusable(f"there is no module {module!r}; looked in {', '.join(places)}")


def no_function(
    function: str, module: str, origin: str | None, others: Sequence[str]
) -> BotUnusable:
    """Return the error for a module that has no such function."""
    near = difflib.get_close_matches(function, others, 1)
    hint = f"; did you mean {module}:{near[0]}?" if near else ""
    return BotUnusable(f"{_place(module, origin)} has no {function!r}{hint}")


def not_callable(function: str, module: str, origin: str | None, kind: str) -> BotUnusable:
    """Return the error for something of that name that cannot be called."""
    return BotUnusable(f"{function!r} in {_place(module, origin)} is no function but {kind}")


def never_awaited(function: str, module: str, origin: str | None) -> BotUnusable:
    """Return the error for a coroutine function."""
    return BotUnusable(
        f"{function!r} in {_place(module, origin)} is async, which nobody awaits; make it a "
        "plain def"
    )


def _place(module: str, origin: str | None) -> str:
    return f"the module {module} ({origin or 'no file'})"


def _find(module: str) -> ModuleSpec:
    """Find a module as `import` would, its packages too, and import none of them."""
    path: Sequence[str] | None = None
    spec: ModuleSpec | None = None
    parts = module.split(".")
    for number in range(1, len(parts) + 1):
        name = ".".join(parts[:number])
        spec = None if spec is not None and path is None else _spec_of(name, path)
        if spec is None:
            raise no_module(name)
        path = spec.submodule_search_locations
    assert spec is not None  # a name has at least one part
    return spec


def _spec_of(name: str, path: Sequence[str] | None) -> ModuleSpec | None:
    """Ask Python's finders. At the top the working directory comes first, as for the bot."""
    if path is None:
        own = PathFinder.find_spec(name, [str(Path.cwd())])
        if own is not None:
            return own
    specs = (finder.find_spec(name, path) for finder in sys.meta_path)
    return next(filter(None, specs), None)


class _TopLevel(ast.NodeVisitor):
    """What a module defines when it is imported, as far as its source says."""

    def __init__(self) -> None:
        self.defined: dict[str, ast.AST] = {}
        self.complete = True
        """Whether nothing is imported by `*`."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.defined[node.name] = node  # and what is in it defines nothing

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.defined[node.name] = node

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.defined[node.name] = node

    def visit_Lambda(self, node: ast.Lambda) -> None:
        pass

    def visit_alias(self, node: ast.alias) -> None:
        self.complete = self.complete and node.name != "*"
        self.defined[node.asname or node.name.partition(".")[0]] = node

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):
            self.defined[node.id] = node

    def visit_Assign(self, node: ast.Assign) -> None:
        self.generic_visit(node)
        for target in node.targets:
            if isinstance(target, ast.Name):
                self.defined[target.id] = node.value


def _require(function: str, names: _TopLevel, module: str, origin: str) -> None:
    match names.defined.get(function):
        case None:
            raise no_function(function, module, origin, [*names.defined])
        case ast.AsyncFunctionDef(decorator_list=[]):
            raise never_awaited(function, module, origin)
        case ast.Constant(value=value):
            raise not_callable(function, module, origin, type(value).__name__)
        case _:
            pass
