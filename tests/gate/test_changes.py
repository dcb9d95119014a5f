"""What is changed by command, on top of the settings."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wa_supervisor.errors import StoreError
from wa_supervisor.gate import Entry, GatePolicy, Group, Lid, Phone, Wildcard, entry_text
from wa_supervisor.gate.changes import Changes
from wa_supervisor.gate_file import keep_changes, read_changes
from wa_supervisor.hints import Action

if TYPE_CHECKING:
    from pathlib import Path

ANN, BOB = Phone("4915100000001"), Phone("4915100000002")
ENTRIES: list[Entry] = [ANN, Lid(ANN.user), BOB, Group("1203"), Wildcard.ANYONE]
entries = st.sampled_from(ENTRIES)
lists = st.frozensets(entries)
orders = st.lists(st.tuples(st.booleans(), entries))


def settings(allow: frozenset[Entry]) -> GatePolicy:
    return GatePolicy.model_validate({"allow": [entry_text(each) for each in allow]})


@given(lists, orders, lists)
def test_the_last_order_about_an_entry_holds_and_the_rest_is_the_settings(
    allow: frozenset[Entry], given_orders: list[tuple[bool, Entry]], later: frozenset[Entry]
) -> None:
    before, changes, last = settings(allow), Changes(), dict[Entry, bool]()
    for allowed, entry in given_orders:
        change = changes.allowing if allowed else changes.denying
        changes = change(entry, before)
        last[entry] = allowed
        assert (entry in changes.apply(before).allow) is allowed
    holds = changes.apply(before).allow
    assert all((entry in holds) is last.get(entry, entry in allow) for entry in ENTRIES)
    assert not changes.allowed & changes.denied
    # Who is taken out of the settings is out, unless it was allowed beside them.
    assert changes.apply(settings(later)).allow <= later | changes.allowed
    assert Changes.parse(**changes.reveal()).apply(before) == changes.apply(before) or not last


def test_a_gate_that_nobody_gave_is_given_by_the_first_change_for_good() -> None:
    none = GatePolicy()
    assert not Changes().apply(none).is_given
    changes = Changes().allowing(ANN, none)
    assert changes.apply(none).is_given
    # Else a bot would hear everybody once the last one is taken off.
    assert changes.denying(ANN, none).apply(none).is_given


def test_it_is_kept_in_a_private_file(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    assert read_changes(inbox) == Changes()
    changes = Changes().allowing(ANN, GatePolicy()).denying(BOB, settings(frozenset({BOB})))
    keep_changes(inbox, changes)
    assert read_changes(inbox) == changes
    assert stat.S_IMODE((inbox / "gate.json").stat().st_mode) == 0o600
    assert ANN.user not in repr(changes)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"version": 2, "allowed": [], "denied": []}',
        '{"version": 1, "allowed": ["4915100001"], "denied": []}',
        '{"version": 1, "allowed": 1, "denied": []}',
        '{"version": 1, "allowed": "*", "denied": []}',
        '{"version": 1, "allowed": {"*": 1}, "denied": []}',
        "[" * 100_000,
        "\xff",
    ],
)
def test_a_file_that_cannot_be_read_lets_nobody_in_and_is_not_quoted(
    tmp_path: Path, content: str
) -> None:
    (tmp_path / "gate.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(StoreError, match="does not say who was allowed") as caught:
        read_changes(tmp_path)
    assert "4915100001" not in str(caught.value)
    assert caught.value.hint is not None
    assert caught.value.hint.action is Action.MOVE_AWAY


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text('{"version": 1, "allowed": ["*"], "denied": []}')
    (tmp_path / "gate.json").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError):
        read_changes(tmp_path)
