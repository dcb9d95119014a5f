"""The documentation site: every link leads somewhere, and nothing is loaded from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
LOADED: Final = re.compile(
    r"<(?:script|img|source|iframe)[^>]*\ssrc=\"(https?:)?//"
    r"|<link[^>]*\srel=\"(?:stylesheet|preload|preconnect|icon)\"[^>]*\shref=\"(https?:)?//"
    r"|<link[^>]*\shref=\"(https?:)?//[^\"]*\"[^>]*\srel=\"(?:stylesheet|preload|preconnect|icon)\""
)


def build(root: Path, site: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)]
    return subprocess.run(
        command,
        cwd=root,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("site")
    done = build(ROOT, made)
    assert done.returncode == 0, done.stderr
    return made


def test_it_is_built_with_every_page_and_no_link_into_nowhere(site: Path) -> None:
    for page in (ROOT / "docs").glob("*.md"):
        assert (site / page.stem / "index.html").exists(), page.name
    assert "tells the truth about it" in (site / "index.html").read_text(encoding="utf-8")
    assert (site / "diagrams" / "overview.svg").exists()


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 15
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert not LOADED.search(text), page.name
        assert 'class="mermaid"' not in text, "its script would come from elsewhere"


def test_a_link_that_leads_nowhere_fails(tmp_path: Path) -> None:
    for name in ("mkdocs.yml", "README.md", "lab", "diagrams", "loopback", "examples", "src"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "docs").mkdir()
    for page in (ROOT / "docs").iterdir():
        (tmp_path / "docs" / page.name).symlink_to(page)
    (tmp_path / "docs" / "start.md").unlink()
    (tmp_path / "docs" / "start.md").write_text("# Begin\n\n[away](gone.md)\n")
    done = build(tmp_path, tmp_path / "site")
    assert done.returncode != 0
    assert "gone.md" in done.stderr
