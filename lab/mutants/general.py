"""Mutants that nobody chose: every comparison, condition, call, return and number of a file."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from .mutation import ROOT, Mutant

if TYPE_CHECKING:
    from collections.abc import Iterator

_OTHER: Final[dict[type[ast.cmpop], str]] = {
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.Lt: "<=",
    ast.LtE: "<",
    ast.Gt: ">=",
    ast.GtE: ">",
    ast.Is: "is not",
    ast.IsNot: "is",
    ast.In: "not in",
    ast.NotIn: "in",
}
_SAID_ONLY: Final = frozenset({"log"})
"""Whose calls change nothing but what is logged: their loss is no broken promise."""


def mutants_of(file: str, tests: tuple[str, ...]) -> list[Mutant]:
    """List the mutants of a file of the package, relative to it, in their order."""
    text = (ROOT / "src" / "wa_supervisor" / file).read_bytes()
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def span(node: ast.expr | ast.stmt) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        begin = starts[node.lineno - 1] + node.col_offset
        return begin, starts[node.end_lineno - 1] + node.end_col_offset

    def source(node: ast.expr | ast.stmt) -> str:
        begin, end = span(node)
        return text[begin:end].decode()

    found = []
    for function in ast.walk(ast.parse(text)):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in (inner for statement in function.body for inner in ast.walk(statement)):
                for new in _changes(node, source):
                    assert isinstance(node, ast.expr | ast.stmt)
                    old, (at, _) = source(node), span(node)
                    shown = " ".join(f"{old} -> {new}".split())[:70]
                    name = f"{file}:{node.lineno} {shown}"
                    found.append(Mutant(name, file, old, new, tests, at))
    return list(dict.fromkeys(found))  # a function within a function is met twice


def _changes(node: ast.AST, source: object) -> Iterator[str]:  # noqa: C901 - a table
    assert callable(source)
    match node:
        case ast.Compare(left, [operator], [right]):
            yield f"{source(left)} {_OTHER[type(operator)]} {source(right)}"
        case ast.BoolOp(operator, values):
            word = " or " if isinstance(operator, ast.And) else " and "
            yield f"({word.join(source(value) for value in values)})"
        case ast.UnaryOp(ast.Not(), operand):
            yield f"({source(operand)})"
        case ast.IfExp(test, body, orelse):
            yield f"({source(orelse)} if {source(test)} else {source(body)})"
        case ast.Constant(value=bool(value)):
            yield str(not value)
        case ast.Constant(value=int(number)):
            yield str(number + 1)
        case ast.Expr(ast.Call(ast.Attribute(ast.Name(name)))) if name in _SAID_ONLY:
            pass
        case ast.Expr(ast.Call() | ast.Await()) | ast.Raise() | ast.Delete():
            yield "pass"
        case ast.Return(ast.Constant()) | ast.Return(None):
            pass
        case ast.Return():
            yield "return None"
