"""What the log says of a step: what happened, where that leads, why, and when it dials next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from journal.rows import WALL, make_record
from wa_supervisor.lifecycle.facts import FACTS
from wa_supervisor.redaction import printable, redact
from wa_supervisor.step_words import WORDS, in_words, shortened

OF_OPERATORS = {"OperatorResumed", "OperatorRelinked", "OperatorRestored", "OperatorPurged"}


def test_every_fact_has_words_and_no_word_is_of_a_fact_that_is_gone() -> None:
    assert set(WORDS) == set(FACTS) | OF_OPERATORS
    assert len(set(WORDS.values())) == len(WORDS)


def test_a_step_says_all_that_matters_in_a_line() -> None:
    record = make_record(3, detail="refused by the proxy\n  407", retries=3)
    until = record.ts + timedelta(seconds=8)
    assert str(record) == (
        "shop: Init -> Backoff: the dial or its handshake failed (dial_failed): refused by the "
        f"proxy / 407; retry 3; next dial {until.astimezone():%Y-%m-%d %H:%M:%S %Z}"
    )


def test_a_step_within_a_state_names_that_once() -> None:
    record = make_record(before="Connected", after="Connected", substate="degraded", retries=0)
    record = record.model_copy(
        update={"fact": "KeepAliveTimeout", "reason": None, "detail": "", "not_before": None}
    )
    assert str(record) == "shop: Connected.degraded: WhatsApp did not answer a ping"


def test_a_wait_that_is_over_is_no_next_dial() -> None:
    assert "next dial" not in str(make_record(not_before=WALL - timedelta(seconds=1)))


def test_what_was_ignored_says_so() -> None:
    said = str(make_record(taken=False, before="Backoff"))
    assert said == "shop: Backoff: the dial or its handshake failed, which means nothing there"


def test_no_scrubbing_takes_a_word_or_a_date() -> None:
    for fact in WORDS:
        said = str(make_record(fact=fact, ts=datetime(2026, 11, 24, 22, 8, 9, tzinfo=UTC)))
        assert redact(said) == said == printable(said)


def test_a_fact_of_a_newer_version_keeps_its_name() -> None:
    assert in_words("Unheard") == "Unheard"


def test_a_long_detail_is_shortened() -> None:
    assert len(shortened("x" * 1000)) < 310
    assert shortened(" a \n\n b ") == "a / b"
