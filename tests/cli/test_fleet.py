"""`wa-supervisor fleet` as an operator types it, on a real Postgres."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from fleet.owners import take
from fleet.rows import claim, write_worker
from journal.rows import make_memory, make_record
from wa_supervisor.cli.doctor import client
from wa_supervisor.cli.doctor.finding import Finding, Verdict
from wa_supervisor.cli.exits import Exit
from wa_supervisor.cli.fleet.worker import MOST, capacity_of
from wa_supervisor.errors import ConfigError
from wa_supervisor.fleet import orders
from wa_supervisor.fleet.database import FleetDatabase
from wa_supervisor.fleet.records import PostgresRecords
from wa_supervisor.fleet.sizing import connections
from wa_supervisor.journal import Journal
from wa_supervisor.multi.room import Limit
from wa_supervisor.redaction import url_secrets
from wa_supervisor.setting_groups import FleetSettings, JournalSettings
from wa_supervisor.store import SessionFiles
from wa_supervisor.store.fleet_note import FleetNote, write_note

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import SecretStr

    from cli.calling import Answer, Cli

NUMBER = "15550001111"


@pytest.fixture
def cli(program: Cli, postgres: SecretStr, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Call `wa-supervisor fleet` for a fleet that the environment names; no secret is ever said."""
    monkeypatch.setenv("WA_SUPERVISOR_FLEET__DATABASE", postgres.get_secret_value())

    def call(*arguments: str) -> Answer:
        answer = program("fleet", *arguments)
        for secret in (*url_secrets(postgres.get_secret_value()), "canary", NUMBER):
            assert secret not in answer.said
        return answer

    return call


def objects(answer: Answer) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer.out)
    return found


def test_a_session_is_added_listed_moved_and_removed(cli: Cli, postgres: SecretStr) -> None:
    answer = cli("add", "shop", "club")
    assert answer.code == 0, answer.said
    assert "shop: added" in answer.out
    assert objects(cli("list", "--json"))["sessions"][0]["session"] == "club"
    with FleetDatabase(postgres) as fleet:
        write_worker(fleet, "w1")
        write_worker(fleet, "w2")
        claim(fleet, "shop", "w1", state="Connected", substate="online")
        claim(fleet, "club", "w1", state="Connected", substate="online")
    assert objects(cli("move", "shop", "--json")) == {
        "session": "shop",
        "from_worker": "w1",
        "to_worker": "w2",
    }
    assert cli("move", "shop", "w2").out == "shop: it goes from w1 to w2.\n"
    assert "it is to move to w2" in cli("list").out
    assert objects(cli("drain", "w1", "--json")) == {
        "worker": "w1",
        "draining": True,
        "sessions": 2,
    }
    assert cli("drain", "w1", "--undo").out == "w1: it takes sessions again.\n"
    assert objects(cli("remove", "club", "--json")) == {"removed": "club"}
    assert "was removed" in cli("list").out


def test_a_history_is_the_same_from_any_machine_as_beside_a_journal(
    cli: Cli, program: Cli, postgres: SecretStr, tmp_path: Path
) -> None:
    files = SessionFiles.open("shop", tmp_path)
    here = Journal.open(files.journal)
    with FleetDatabase(postgres) as fleet:
        fleet.install()
        orders.add(fleet, "shop", {})
        there = PostgresRecords(fleet, take(fleet, "shop", "w1"), JournalSettings())
        for number in range(6):
            for journal in (here, there):
                journal.append(make_record(number), make_memory(number))
    here.close()
    for options in ([], ["--limit", "2"], ["--json", "--limit", "0"], ["--since", "9999-01-01"]):
        alone = program("history", "--session", "shop", "--data-dir", str(tmp_path), *options)
        answer = cli("history", "shop", *options)
        assert answer.code == alone.code == 0, answer.said
        assert answer.out == alone.out
    assert len(cli("history", "shop", "--json", "--limit", "0").out.splitlines()) == 6
    # Who looks on the worker's disk is sent there.
    write_note(files, FleetNote(worker="w1", epoch=1))
    answer = program("history", "--session", "shop", "--data-dir", str(tmp_path))
    assert "`wa-supervisor fleet history shop`" in " ".join(answer.err.split())


def test_the_settings_of_the_file_are_stored_without_what_a_worker_decides(
    cli: Cli, postgres: SecretStr, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "wa.toml"
    file.write_text(
        'data_dir = "/var/lib/wa"\nprofile = "zeroclaw"\n'
        '[fleet]\nname = "w1"\ninbox = "postgres"\n'
        "[sessions.shop.pairing]\n"
        f'mode = "code"\nphone = "+{NUMBER}"\n'
        "[sessions.club]\n"
    )
    monkeypatch.setenv("WA_SUPERVISOR_PAIRING__QR", "payload:/run/of-this-machine")
    answer = cli("add", "--all", "--config", str(file), "--json")
    assert objects(answer) == {"added": ["shop", "club"]}
    with FleetDatabase(postgres) as fleet, fleet.transaction() as connection:
        rows = connection.execute("SELECT name, settings FROM sessions ORDER BY name").fetchall()
    common = {"profile": "zeroclaw", "fleet": {"inbox": "postgres"}}
    assert [row["settings"] for row in rows] == [
        common,
        common | {"pairing": {"mode": "code", "phone": f"+{NUMBER}"}},
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["add"], Exit.USAGE, "name the sessions to add"),
        (["add", "--all"], Exit.USAGE, "it has none"),
        (["add", "no name"], Exit.USAGE, "cannot be a session name"),
        (["add", "shop"], Exit.FAILED, "has a session 'shop' already"),
        (["remove", "shpo"], Exit.FAILED, "did you mean 'shop'?"),
        (["move", "shop", "worker1"], Exit.FAILED, "did you mean 'worker-1'?"),
        (["move", "shop"], Exit.FAILED, "no other worker"),
        (["move", "club"], Exit.FAILED, "it is pairing"),
        (["history", "shpo"], Exit.FAILED, "did you mean 'shop'?"),
        (["drain", "w9"], Exit.FAILED, "the fleet has no worker 'w9'"),
        (["lst"], Exit.USAGE, "list"),
        (["status", "--watch"], Exit.USAGE, "fleet status --json"),
    ],
)
def test_what_cannot_be_done_is_said_with_what_helps(
    cli: Cli, postgres: SecretStr, arguments: list[str], code: Exit, said: str
) -> None:
    with FleetDatabase(postgres) as fleet:
        fleet.install()
        write_worker(fleet, "worker-1")
        for name in ("shop", "club"):
            orders.add(fleet, name, {})
        claim(fleet, "shop", "worker-1", state="Connected", substate="online")
        claim(fleet, "club", "worker-1", state="Pairing")
    answer = cli(*arguments)
    assert (answer.code, answer.out) == (code, ""), answer.said
    assert said in " ".join(answer.err.split())


def test_without_a_fleet_it_is_said_how_to_name_one_and_how_to_begin_it(
    cli: Cli, program: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = cli("status")
    assert answer.code == Exit.STORE
    assert "no tables of a fleet" in answer.err
    monkeypatch.delenv("WA_SUPERVISOR_FLEET__DATABASE")
    answer = program("fleet", "status")
    assert answer.code == Exit.USAGE
    assert "no fleet is set" in answer.err
    assert "fleet.database" in answer.err


def test_the_url_can_come_by_option_or_by_standard_input(
    program: Cli, cli: Cli, postgres: SecretStr, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli("add", "shop")
    monkeypatch.delenv("WA_SUPERVISOR_FLEET__DATABASE")
    url = postgres.get_secret_value()
    assert "shop" in program("fleet", "list", "--database", url).out
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{url}\n"))
    assert "shop" in program("fleet", "list", "--database", "-").out


@pytest.mark.parametrize("wrong", ["host", "password", "url"])
def test_a_database_that_cannot_be_had_is_said_without_its_password(
    cli: Cli, postgres: SecretStr, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    url = postgres.get_secret_value()
    place = url.partition("host=")[2].partition("&")[0]
    other = {
        "host": url.replace(place, "/nowhere"),
        "password": url.replace(url_secrets(url)[1], "canary"),
        "url": url.replace("postgres:", "mysql:"),
    }[wrong]
    monkeypatch.setenv("WA_SUPERVISOR_FLEET__DATABASE", other)
    answer = cli("list")
    assert answer.code == (Exit.USAGE if wrong == "url" else Exit.STORE)
    assert "DATABASE" in answer.err or "fleet's" in answer.err


def test_a_fleet_reads_in_80_columns_with_what_needs_a_person_first(
    cli: Cli, postgres: SecretStr
) -> None:
    with FleetDatabase(postgres) as fleet:
        fleet.install()
        write_worker(
            fleet, "worker-with-a-long-name-1", host="a-host-with-a-very-long-name.example.org"
        )
        write_worker(fleet, "w2", age=60)
        write_worker(fleet, "w3", draining=True)
        for number in range(30):
            orders.add(fleet, f"s{number:02}", {})
        claim(fleet, "s00", "w3", state="Connected", substate="online")
        claim(
            fleet,
            "s01",
            "worker-with-a-long-name-1",
            state="GaveUp",
            reason="retries_exhausted",
            needs="operator",
        )
        claim(fleet, "s02", "w2", state="Connected", substate="online")
        claim(fleet, "s03", "w3", state="Pairing", needs="phone")
        with fleet.transaction() as connection:
            connection.execute("INSERT INTO stranded VALUES ('w2', 's01', 12)")
    answer = cli("status")
    assert answer.code == Exit.FAILED
    lines = answer.out.splitlines()
    assert max(map(len, lines)) <= 80
    told = " ".join(answer.out.split())
    assert told.startswith(
        "3 workers (1 alive, 1 dead, 1 draining); 1 of 30 sessions connected, 2 need a person."
    )
    assert "s01: GaveUp on worker-with-a-long-name-1: Every retry was used up" in told
    assert "`wa-supervisor resume --session s01`, on the worker worker-with-a-long-name-1" in told
    assert "`wa-supervisor qr --session s03` shows, on the worker w3." in told
    assert told.index("Needs a person:") < told.index("Waits:")
    assert "12 messages lie unread on the disk of w2; they are read once it is back." in told
    assert "... and 8 more; `wa-supervisor fleet list` has all" in told
    assert objects(cli("status", "--json"))["totals"]["stranded"] == 12
    listed = cli("list").out.splitlines()
    assert listed[1].startswith("s01")
    assert len(listed) == 31
    assert max(map(len, listed)) <= 80


def test_status_exits_0_once_every_session_has_a_worker(cli: Cli, postgres: SecretStr) -> None:
    cli("add", "shop")
    assert cli("status").code == Exit.FAILED
    with FleetDatabase(postgres) as fleet:
        write_worker(fleet, "w1")
        claim(fleet, "shop", "w1", state="Connected", substate="online")
    answer = cli("status")
    assert answer.code == Exit.OK
    assert answer.out.startswith("1 worker (1 alive); 1 of 1 session connected.\n")


@pytest.mark.parametrize("missing", ["psycopg", "psycopg_pool", "procrastinate"])
def test_without_the_extra_it_is_said_what_to_install(
    program: Cli, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.setenv("WA_SUPERVISOR_FLEET__DATABASE", "postgres://u@h/d")
    for name in [name for name in sys.modules if "fleet" in name and "wa_supervisor" in name]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    answer = program("fleet", "worker" if missing == "procrastinate" else "list")
    assert answer.code == Exit.USAGE
    assert f"needs {missing}" in answer.err
    assert "wa-supervisor[fleet]" in answer.err


# -- doctor ----------------------------------------------------------------------------------------


def test_doctor_looks_at_the_fleets_database(
    program: Cli, cli: Cli, postgres: SecretStr, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "neonize", lambda: iter([Finding("neonize", Verdict.OK, "x")]))

    def looked() -> list[tuple[str, str]]:
        answer = program("doctor", "--json")
        assert "canary" not in answer.said
        checks = json.loads(answer.out)["checks"]
        return [(each["verdict"], each["said"]) for each in checks if each["name"] == "fleet"]

    ((verdict, said),) = looked()
    assert (verdict, "the first worker makes the fleet's tables" in said) == ("ok", True)
    cli("add", "shop")
    with FleetDatabase(postgres) as fleet:
        write_worker(fleet, "w1", capacity=1)
    ((verdict, said),) = looked()
    assert verdict == "ok"
    assert f"sessions: 1, workers that live: 1; {connections(1, 1)} of its 200" in said
    with FleetDatabase(postgres) as fleet:
        claim(fleet, "shop", "w1", state="Connected")
        for number in range(90):
            orders.add(fleet, f"s{number}", {})
    (size, hold) = looked()
    assert size[0] == "warning"
    assert f"need {connections(91, 1)} connections, and Postgres 18 allows 200" in size[1]
    assert hold == ("warning", "sessions wait: no worker has room: 1 sessions are theirs")
    url = postgres.get_secret_value()
    place = url.partition("host=")[2].partition("&")[0]
    monkeypatch.setenv("WA_SUPERVISOR_FLEET__DATABASE", url.replace(place, "/nowhere"))
    ((verdict, said),) = looked()
    assert (verdict, "does not answer" in said) == ("bad", True)


# -- what a worker takes ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("set_", "room", "taken"),
    [
        (7, (Limit("the memory", 3),), 7),
        (None, (Limit("the memory", 3), Limit("open files", 9)), 3),
        (None, (Limit("the memory", 9000),), MOST),
        (None, (), MOST),
    ],
)
def test_a_worker_takes_what_is_set_else_what_fits_and_not_more_than_one_program_should(
    set_: int | None, room: tuple[Limit, ...], taken: int
) -> None:
    assert capacity_of(FleetSettings(capacity=set_), room) == taken


def test_a_machine_without_room_for_one_is_refused() -> None:
    with pytest.raises(ConfigError, match="the memory is used up"):
        capacity_of(FleetSettings(), (Limit("the memory", 0),))


def test_a_workers_name_that_cannot_be_one_is_refused(cli: Cli) -> None:
    answer = cli("worker", "--name", "a worker")
    assert answer.code == Exit.USAGE
    assert "--name: use 1 to 63 letters" in answer.err
