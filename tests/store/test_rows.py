from __future__ import annotations

import json

import pytest

from wa_supervisor.errors import Damaged
from wa_supervisor.store.postgres.rows import Column, Copy, Table, decode

KEY = "bm9pc2Uta2V5"
COPY = Copy(
    version=15,
    tables=(
        Table(
            name="whatsmeow_device",
            columns=(Column(name="jid", type="text"), Column(name="noise_key", type="bytea")),
            rows=(("628123456789", KEY),),
        ),
    ),
)


def test_a_copy_is_read_as_it_was_written() -> None:
    assert decode(COPY.encode(), "x.json") == COPY
    assert COPY.tables[0].values() == [["628123456789", b"noise-key"]]
    assert COPY.device is not None
    assert not COPY.is_empty


def test_neither_keys_nor_numbers_are_in_a_repr() -> None:
    assert KEY not in repr(COPY)
    assert "628" not in repr(COPY)


@pytest.mark.parametrize(
    "change",
    [
        lambda tree: tree["tables"][0]["rows"][0].pop(),
        lambda tree: tree["tables"][0]["rows"][0].__setitem__(1, "not base64, 628123456789"),
        lambda tree: tree["tables"][0].__setitem__("name", "pg_authid"),
        lambda tree: tree["tables"][0]["rows"].append(["628123456789", {"x": 1}]),
        lambda tree: tree.__setitem__("format", 2),
        lambda tree: tree.pop("version"),
        lambda tree: tree.__setitem__("628123456789", 1),
    ],
)
def test_what_is_no_copy_is_damaged_and_not_quoted(change: object) -> None:
    tree = json.loads(COPY.encode())
    assert callable(change)
    change(tree)
    with pytest.raises(Damaged, match=r"x\.json is damaged") as caught:
        decode(json.dumps(tree).encode(), "x.json")
    assert KEY not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("cut", [0, 1, 50, -3])
def test_half_a_copy_is_damaged(cut: int) -> None:
    with pytest.raises(Damaged):
        decode(COPY.encode()[:cut], "x.json")
