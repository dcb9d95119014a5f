"""What mkdocs is told beside mkdocs.yml: the README is the first page, and links lead somewhere.

The pages are read in the repository as well, so they link to files outside of docs/. Of those the
pictures become part of the site, and the rest leads to the repository.
"""

from __future__ import annotations

import re
from pathlib import Path
from posixpath import normpath
from typing import TYPE_CHECKING, Final

from mkdocs.structure.files import File, Files

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.pages import Page

_ROOT: Final = Path(__file__).parents[1]
_HOME: Final = "index.md"
_LINK: Final = re.compile(r"(\]\()(?!https?:|#|mailto:)([^)#\s]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the README as the first page, and the diagrams."""
    readme = (_ROOT / "README.md").read_text(encoding="utf-8")
    files.append(File.generated(config, _HOME, content=readme))
    for picture in sorted((_ROOT / "diagrams").glob("*.svg")):
        name = f"diagrams/{picture.name}"
        files.append(File.generated(config, name, abs_src_path=str(picture)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Have every link of a page lead to a page or picture of the site, or to the repository."""
    where = "" if page.file.src_uri == _HOME else "docs/"

    def led(found: re.Match[str]) -> str:
        target = normpath(f"{where}{found[2]}")
        inside = target.removeprefix("docs/")
        if target.startswith(("docs/", "diagrams/")) and files.get_file_from_path(inside):
            return f"{found[1]}{inside}"
        if target == "README.md":
            return f"{found[1]}{_HOME}"
        if not (_ROOT / target).exists():
            return found[0]  # strict: the build says so
        return f"{found[1]}{config.repo_url}/blob/main/{target}"

    return _LINK.sub(led, markdown)
