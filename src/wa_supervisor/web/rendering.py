"""The pages' templates and the files that they load."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import Any, Final

import jinja2
from fastapi.responses import HTMLResponse

from ..times import span
from .access import Scope
from .view import ahead

ASSETS: Final = {
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
"""The files, and what each is."""

_templates = jinja2.Environment(
    loader=jinja2.PackageLoader(__package__),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.globals |= {"span": span, "ahead": ahead, "Scope": Scope}


def render(template: str, code: int = 200, /, **values: Any) -> HTMLResponse:  # noqa: ANN401 - of a template
    """Make a page of a template, answered with this HTTP status."""
    return HTMLResponse(_templates.get_template(template).render(**values), code)


@cache
def asset_bytes(name: str) -> bytes:
    """Return a file of the page."""
    return (files(__package__) / "static" / name).read_bytes()


@cache
def _version(name: str) -> str:
    return hashlib.sha256(asset_bytes(name)).hexdigest()[:12]


_templates.globals["asset"] = lambda name: f"/static/{name}?{_version(name)}"
