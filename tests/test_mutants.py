"""Each mutant of `lab/mutants/*.toml` can still be made, and the tests to notice it exist."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest

from lab.mutants.mutation import ROOT, Mutant
from lab.mutants.rooms import ROOMS, Room

if TYPE_CHECKING:
    from collections.abc import Iterator


def _paths(tests: tuple[str, ...]) -> Iterator[str]:
    """Name what pytest is to collect, of all that it is called with."""
    words = iter(tests)
    for word in words:
        if word == "-k":
            next(words)
        elif not word.startswith("-"):
            yield word.partition("::")[0]


def _is_whole(mutant: Mutant) -> bool:
    """Whether a mutant changes its file into Python that can be collected. Raises Misfit."""
    text = (ROOT / "src" / "wa_supervisor" / mutant.file).read_bytes()
    return mutant.apply(text) != text and bool(ast.parse(mutant.apply(text)))


@pytest.mark.parametrize("room", ROOMS)
def test_every_chosen_mutant_fits_its_source(room: str) -> None:
    chosen = Room.load(room).chosen
    assert chosen
    assert len({mutant.name for mutant in chosen}) == len(chosen)
    assert all(_is_whole(mutant) for mutant in chosen)


@pytest.mark.parametrize("room", ROOMS)
def test_the_tests_that_are_to_notice_a_mutant_exist(room: str) -> None:
    loaded = Room.load(room)
    called = {mutant.tests for mutant in (*loaded.chosen, *loaded.general)}
    paths = {path for tests in called for path in _paths(tests)}
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []
