"""The simulated world keeps whatsmeow's own timing, and does what the real shell would."""

from __future__ import annotations

from random import Random

import pytest
from pydantic import SecretStr

from lab.simulation import World, server
from lab.simulation.event_queue import EventQueue
from lab.simulation.server import ACCEPTED, Answer
from wa_supervisor.lifecycle import Logout, Reason, effects, facts
from wa_supervisor.lifecycle.facts import Fact


class Heard:
    """A world with nobody in it but an ear."""

    def __init__(self, *, paired: bool = True) -> None:
        self.facts: list[tuple[float, Fact]] = []
        self.queue = EventQueue()
        self.world = World(self.queue, Random(1), self.hear)
        if paired:
            self.world.begin_paired()

    def hear(self, fact: Fact) -> None:
        self.facts.append((self.queue.now, fact))

    def run(self, until: float) -> list[str]:
        while self.queue.due <= until:
            self.queue.advance()
        self.queue.now = until
        return [fact.name for _, fact in self.facts]

    def start(self, until: float = 10.0) -> list[str]:
        self.world.obey(effects.StartChild(1))
        return self.run(until)

    def times(self, kind: type[Fact]) -> list[float]:
        return [at for at, fact in self.facts if isinstance(fact, kind)]


def test_a_linked_device_logs_in_within_seconds() -> None:
    assert Heard().start() == ["Connected"]


def test_codes_live_60_and_then_20_seconds_and_end_in_a_timeout_after_160() -> None:
    heard = Heard(paired=False)
    heard.world.person = False
    assert heard.start(until=300) == ["QrOffered"] * 6 + ["PairingTimedOut"]
    shown = [(at, f) for at, f in heard.facts if isinstance(f, facts.QrOffered)]
    assert [f.lifetime for _, f in shown] == [60, 20, 20, 20, 20, 20]
    ends = [at for at, _ in heard.facts]
    assert ends[-1] - ends[0] == pytest.approx(160)


def test_a_person_scans_and_the_first_login_follows() -> None:
    heard = Heard(paired=False)
    assert heard.start(until=60) == ["QrOffered", "PairSucceeded", "Connected"]
    assert heard.world.keys == heard.world.linked == 1


def test_a_person_who_comes_late_scans_the_code_of_then() -> None:
    heard = Heard(paired=False)
    heard.world.person = False
    heard.start(until=70)
    heard.world.person_comes()
    assert heard.run(140)[-2:] == ["PairSucceeded", "Connected"]


def test_the_first_dial_is_not_retried() -> None:
    heard = Heard()
    heard.world.lose_network(silently=False)
    assert heard.start(until=300) == ["DialFailed"]


def test_a_silent_network_swallows_a_dial_for_30_seconds() -> None:
    heard = Heard()
    heard.world.lose_network(silently=True)
    heard.start(until=300)
    assert heard.times(facts.DialFailed)[0] == pytest.approx(30, abs=0.5)


def test_a_lost_socket_is_said_once_and_redialled_2_seconds_later_each_time() -> None:
    heard = Heard()
    heard.start()
    heard.world.lose_network(silently=False)
    assert heard.run(300) == ["Connected", "Disconnected"]
    assert heard.world.redials == 17  # 0 + 2 + 4 + ... + 32 = 272 s of the 290
    heard.world.regain_network()
    assert heard.run(340)[-1] == "Connected"


def test_unanswered_pings_are_told_and_end_in_a_silent_reconnect_after_3_minutes() -> None:
    heard = Heard()
    heard.start()
    heard.world.lose_network(silently=True)
    names = heard.run(400)
    assert set(names[1:]) == {"KeepAliveTimeout"}
    first, last = heard.times(facts.KeepAliveTimeout)[0], heard.times(facts.KeepAliveTimeout)[-1]
    assert 30 <= first - 10 <= 40
    assert 180 < last - 10 <= 220
    assert heard.world.redials > 0


def test_a_short_hole_is_restored_on_the_same_socket() -> None:
    heard = Heard()
    heard.start()
    heard.world.lose_network(silently=True)
    heard.run(80)
    heard.world.regain_network()
    assert heard.run(120)[-1] == "KeepAliveRestored"
    assert heard.world.redials == 0


def test_an_unlinked_client_hears_it_and_whatsmeow_deletes_the_keys() -> None:
    heard = Heard()
    heard.start()
    heard.world.unlink()
    assert heard.facts[-1][1] == facts.LoggedOut(1, Logout.REMOVED)
    assert heard.world.keys is None


def test_keys_that_were_unlinked_while_away_are_rejected_at_login() -> None:
    heard = Heard()
    heard.world.unlink()
    heard.start()
    assert heard.facts[-1][1] == facts.LoggedOut(1, Logout.REJECTED)
    assert len(heard.world.dead_logins) == 1


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (server.LOCKED, "LoggedOut"),
        (server.BANNED, "LoggedOut"),
        (server.OUTDATED, "ClientOutdated"),
        (server.BAD_USER_AGENT, "BadUserAgent"),
        (server.GENERIC, "ConnectFailure"),
        (server.banned_for(60), "TemporaryBan"),
    ],
)
def test_a_permanent_answer_is_said_once_and_not_redialled(answer: Answer, said: str) -> None:
    heard = Heard()
    heard.world.server = answer
    assert heard.start(until=600) == [said]
    assert heard.world.redials == 0


def test_503_with_the_socket_left_open_says_nothing() -> None:
    heard = Heard()
    heard.world.server = server.SILENT
    assert heard.start(until=3600) == []


def test_503_with_a_hang_up_is_redialled_until_it_works() -> None:
    heard = Heard()
    heard.world.server = server.UNAVAILABLE
    heard.start(until=60)
    heard.world.server = ACCEPTED
    names = heard.run(120)
    assert names[-1] == "Connected"
    assert set(names[:-1]) == {"Disconnected"}


def test_a_stop_ends_the_process_once() -> None:
    heard = Heard()
    heard.start()
    heard.world.obey(effects.StopChild(1))
    heard.world.obey(effects.StopChild(1))
    assert heard.run(60).count("ChildExited") == 1
    assert heard.world.client is None


def test_a_relinks_stop_logs_out_with_whatsapp() -> None:
    heard = Heard()
    heard.start()
    heard.world.obey(effects.StopChild(1, log_out=True))
    assert heard.world.linked is None


def test_a_process_that_cannot_be_killed_dies_when_it_can() -> None:
    heard = Heard()
    heard.start()
    heard.world.unkillable = True
    heard.world.obey(effects.StopChild(1))
    assert "ChildExited" not in heard.run(600)
    heard.world.make_killable()
    assert heard.run(610)[-1] == "ChildExited"


def test_a_purge_takes_keys_and_snapshot_and_a_full_disk_prevents_it() -> None:
    heard = Heard()
    heard.world.disk_full = True
    heard.world.obey(effects.PurgeSession(Reason.LOGGED_OUT))
    assert heard.run(1) == ["PurgeFailed"]
    assert heard.world.keys == 1
    heard.world.disk_full = False
    heard.world.obey(effects.PurgeSession(Reason.LOGGED_OUT))
    assert heard.run(2)[-1] == "PurgeDone"
    assert heard.world.snapshot is None


def test_the_snapshot_of_before_the_dial_is_what_a_restore_puts_back() -> None:
    heard = Heard()
    heard.world.next_answers = [server.REJECTED]
    heard.start()
    assert heard.world.keys is None
    heard.world.obey(effects.RestoreSession())
    assert heard.run(20)[-1] == "RestoreDone"
    assert heard.world.keys == 1


def test_work_on_the_files_dies_with_the_supervisor() -> None:
    heard = Heard()
    heard.world.obey(effects.PurgeSession(Reason.LOGGED_OUT))
    heard.world.supervisor_died()
    assert heard.run(60) == []
    assert heard.world.keys == 1


def test_a_rival_takes_the_session_each_time_it_is_back() -> None:
    heard = Heard()
    heard.world.rival_returns = 5.0
    heard.start(until=30)
    assert heard.facts[-1][1] == facts.StreamReplaced(1)


def test_a_phone_that_cannot_link_leaves_the_codes_to_expire() -> None:
    heard = Heard(paired=False)
    heard.world.may_link = False
    assert heard.start(until=300)[-1] == "PairingTimedOut"


def test_codes_are_secrets_in_the_simulation_too() -> None:
    heard = Heard(paired=False)
    heard.start(until=1)
    (_, fact), *_ = heard.facts
    assert isinstance(fact, facts.QrOffered)
    assert isinstance(fact.payload, SecretStr)
