"""What is wrong with a setting, in our words; pydantic's are about its types.

No sentence repeats a value: it may be a phone number or a password. It is only compared with the
words that are allowed, to guess which one was meant.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_TEXT: Final = "must be a text"
_NUMBER: Final = "must be a number"
_WHOLE: Final = "must be a whole number"
_SWITCH: Final = "must be true or false"
_LIST: Final = "must be a list"
_GROUP: Final = "is a group of settings and not one: set those in it"

# https://docs.pydantic.dev/latest/errors/validation_errors/; `{}` are the keys of its context.
_WORDS: Final[Mapping[str, str]] = {
    "bool_parsing": _SWITCH,
    "bool_type": _SWITCH,
    "dict_type": _GROUP,
    "finite_number": "must be a finite number",
    "float_parsing": _NUMBER,
    "float_type": _NUMBER,
    "frozen_set_type": _LIST,
    "greater_than": "must be more than {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "int_from_float": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": "is too large a number",
    "int_type": _WHOLE,
    "less_than": "must be less than {lt:g}",
    "less_than_equal": "must be at most {le:g}",
    "list_type": _LIST,
    "missing": "must be given",
    "model_attributes_type": _GROUP,
    "model_type": _GROUP,
    "path_type": "must be a path, as a text",
    "string_sub_type": _TEXT,
    "string_type": _TEXT,
    "string_unicode": _TEXT,
    "tuple_type": _LIST,
}

_CHOICES: Final = frozenset({"enum", "literal_error"})
_OURS: Final = "value_error"


def words(error: ErrorDetails) -> str:
    """Say what is wrong, as far as pydantic has said it; of what it knows of its types nothing."""
    kind, context = error["type"], error.get("ctx", {})
    if kind == _OURS:
        return str(context["error"])
    if kind in _CHOICES:
        allowed = str(context["expected"])
        known = re.findall(r"'([^']*)'", allowed)
        return f"{did_you_mean(str(error['input']), known)}allowed: {allowed}"
    return _WORDS.get(kind, "is not what can stand here").format_map(context)


def did_you_mean(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """Guess what was meant by a word that is not known; nothing is said of one like none."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=cutoff)
    return f"did you mean {close[0]!r}? " if close else ""
