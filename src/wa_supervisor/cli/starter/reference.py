"""Every setting with its meaning and default as commented TOML, read from the models."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from enum import Enum
from itertools import pairwise
from json import dumps
from typing import Any, Final

from pydantic import BaseModel

from ...settings import Settings

Key = tuple[str, ...]

_LEFT_OUT: Final = {  # for a test server only
    ("endpoint", "ca_file"),
    ("endpoint", "noise_root"),
    ("endpoint", "keepalive"),
}

_EXAMPLES: Final[Mapping[Key, Any]] = {
    ("bot",): "mybot:register",
    ("data_dir",): "~/wa-sessions",
    ("database",): "postgres://USER:PASSWORD@HOST/NAME?sslmode=require",
    ("endpoint", "proxy"): "http://127.0.0.1:3128",
    ("fleet", "capacity"): 500,
    ("fleet", "database"): "postgres://USER:PASSWORD@HOST/NAME?sslmode=require",
    ("fleet", "name"): "worker-1",
    ("notify", "command"): "/usr/local/bin/call-me",
    ("notify", "heartbeat"): "https://hc-ping.com/00000000-0000-0000-0000-000000000000",
    ("notify", "page"): "https://example.org/whatsapp",
    ("notify", "webhook"): "https://example.org/hook",
    ("notify", "webhook_secret"): "whsec_c2VjcmV0",
    ("pairing", "phone"): "+15550001111",
    ("web", "listen"): "127.0.0.1:8765",
    ("web", "origin"): "https://bot.example.org",
    ("policy", "backoff", "max_retries"): 10,
}
"""What is written where there is no default; not what anybody should take."""

_WIDTH: Final = 88


def settings_file(given: Mapping[Key, Any]) -> str:
    """Write a settings file in which `given` is set, and all else stands with its default."""
    parts = [*_group(Settings, (), given)]
    return "\n".join(parts).strip() + "\n"


def _group(model: type[BaseModel], above: Key, given: Mapping[Key, Any]) -> Iterator[str]:
    """Write the settings of a group, then the groups in it: TOML wants them in this order."""
    docs = attribute_docstrings(model)
    groups = []
    for name, info in model.model_fields.items():
        key = (*above, name)
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            groups.append((key, info.annotation, docs.get(name)))
        elif key not in _LEFT_OUT:
            yield from _comment(docs.get(name, ""))
            if key in given:
                yield f"{name} = {dumps(given[key])}"
            else:
                default = info.get_default(call_default_factory=True)
                unset = " # not set" if default is None else ""
                value = _default(key, default)
                yield f"#{name} = {dumps(value)}{unset}"
            yield ""
    for key, inner, doc in groups:
        yield f"[{'.'.join(key)}]"
        yield from _comment(doc or inspect.getdoc(inner) or "")
        yield ""
        yield from _group(inner, key, given)


def _default(key: Key, default: object) -> object:
    """Give a default as TOML has it; of a group that has other defaults here, those."""
    if len(key) > 1:
        value: Any = Settings()
        for name in key:
            value = getattr(value, name)
        default = value
    if default is None:
        return _EXAMPLES[key]
    if isinstance(default, Enum):
        return default.value
    return sorted(default) if isinstance(default, frozenset) else default


def _comment(doc: str) -> Iterator[str]:
    text = re.sub(r"\bNone\b", "not set", " ".join(doc.split()))
    yield from textwrap.wrap(
        text,
        _WIDTH,
        initial_indent="# ",
        subsequent_indent="# ",
        break_on_hyphens=False,
        break_long_words=False,
    )


def attribute_docstrings(model: type[BaseModel]) -> dict[str, str]:
    """Read the string that follows each field in the source of a model."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(model)))
    (body,) = (node.body for node in tree.body if isinstance(node, ast.ClassDef))
    docs = {}
    for field, after in pairwise(body):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
        ):
            docs[field.target.id] = inspect.cleandoc(str(after.value.value))
    return docs
