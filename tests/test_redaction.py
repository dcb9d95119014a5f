from __future__ import annotations

import base64
import string
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wa_supervisor.redaction import Redactor, printable, redact, url_secrets

KEY = base64.b64encode(bytes(range(100, 132))).decode()


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        (
            f"QR https://wa.me/settings/linked_devices#2@r,{KEY},{KEY},{KEY},1 shown",
            "QR <qr> shown",
        ),
        (f"QR 2@AbCd1234/+efgh5678,{KEY},{KEY} shown", "QR <qr> shown"),
        ('jid="15550001111:12@s.whatsapp.net"', 'jid="<jid>@s.whatsapp.net"'),
        ("lid 99887766.0:3@lid, group 12036301-155@g.us", "lid <jid>@lid, group <jid>@g.us"),
        ("code ABCD-EFGH", "code <code>"),
        ("code ABCD1FGH.", "code <code>."),
        ("call +1 (555) 000-1111 now", "call <number> now"),
        ("user15550001111", "user<number>"),
        ("phone:15550001111", "phone:<number>"),
        (f"identity={KEY}", "identity=<key>"),
        ("root " + "deadbeef" * 8, "root <key>"),
        ("blob " + "aB3" * 20, "blob <key>"),
        ("blob " + "xQ7" * 20, "blob <key>"),
        # as people write them
        ("code abcd-efgh", "code <code>"),
        ("code ABCD EFGH.", "code <code>."),
        ("code ab1d efgh.", "code <code>."),
        ("code abcd1fgh.", "code <code>."),
        ("call +49.151.1234.5678 now", "call <number> now"),
        ("call +49\u00a0151\u00a01234\u00a05678 now", "call <number> now"),
        ("call 49_151_1234_5678 now", "call <number> now"),
        ("call 0151\t1234\t5678 now", "call <number> now"),
        ("call 0151/1234\u20115678 now", "call <number> now"),
        # as programs write them
        ("key " + ":".join(["de"] * 32) + ".", "key <key>."),
        ("key " + ", ".join(["0xde"] * 32) + ".", "key <key>."),
        (f"key {bytes(range(100, 132))!r}{bytes(range(200, 232))!r}.", "key <bytes>'."),
        (f"key {bytes(range(0, 250, 8))!r} end", "key <bytes>' end"),
        ('key "\\336\\001a\\002bc\\377" end', 'key <bytes>" end'),
        (f"at {quote('https://wa.me/settings/linked_devices#2@r,' + KEY, safe='')}", "at <qr>"),
        (f"at {quote('2@AbCd1234/+efgh5678,' + KEY, safe='')} shown", "at <qr> shown"),
        ("of 15550001111%40s.whatsapp.net", "of <jid>@s.whatsapp.net"),
        # passwords of others
        ("dial http://me:hunter2@10.1.2.3:3128/x", "dial http://<secret>@10.1.2.3:3128/x"),
        (
            "postgres://me:p@ss@h/d?password=p%40ss&x=1",
            "postgres://<secret>@h/d?password=<secret>&x=1",
        ),
        ("host=h Password=hunter2 user=me", "host=h Password=<secret> user=me"),
        ("https://api.example/bot?token=12:ab", "https://api.example/bot?token=<secret>"),
    ],
)
def test_what_is_shaped_like_a_secret_is_replaced(text: str, redacted: str) -> None:
    assert redact(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "the dead session was set aside as 20261122T113451Z-logged_out",
        "2026-11-22 10:10:00.123 ERROR dial tcp 127.0.0.1:46123: connect: connection refused",
        "process pid=4194304 (pid 1234567) ended with 134",
        "goroutine 17 gp=0xc000123456789 m=0 mp=0x7f12345678ab [syscall, locked to thread]:",
        "\tmain.go:1143 +0x1d5 fp=0xc00012fe80 sp=0xc00012fd10",
        "[signal SIGSEGV: segmentation violation code=0x1 addr=0x48 pc=0x7f1234567890]",
        "go.mau.fi/whatsmeow.(*Client).handlePairSuccess(0xc000002380, 0xc0000a8000)",
        'File "/usr/lib/python3/dist-packages/google/protobuf/internal/python_message.py", line 11',
        "failed to dial whatsapp web websocket: Bad Gateway",
        "proxyconnect tcp: dial tcp 192.168.100.200:3128: i/o timeout after 30.0012345s",
        "they have been read data from the code base, with a test case",
        "ModuleNotFoundError: No module named 'mybot'; looked in /srv/bots, /usr/lib/python3.11",
        r"the text 'one\ntwo\nthree\nfour\nfive' has five lines",
        "see https://example.org/a@b and mail me@example.org",
    ],
)
def test_what_helps_to_find_a_fault_stays(text: str) -> None:
    assert redact(text) == text


_CROCKFORD = "123456789ABCDEFGHJKLMNPQRSTVWXYZ"  # whatsmeow pair-code.go


@settings(deadline=None)  # two cores shared by many
@given(st.text(_CROCKFORD, min_size=8, max_size=8))
def test_every_pair_code_is_replaced(code: str) -> None:
    for shown in (code, f"{code[:4]}-{code[4:]}"):
        assert redact(f"your code: {shown}!") == "your code: <code>!"


@settings(deadline=None)  # two cores shared by many
@given(st.text(_CROCKFORD, min_size=8, max_size=8))
def test_every_pair_code_that_was_shown_is_replaced_however_it_is_written(code: str) -> None:
    redactor = Redactor([f"{code[:4]}-{code[4:]}"])
    for shown in (code, code.lower(), f"{code[:4]} {code[4:]}", " ".join(code.lower())):
        assert shown not in redactor(f"your code: {shown}!")


@settings(deadline=None)  # two cores shared by many
@given(st.binary(min_size=32, max_size=32))
def test_every_key_is_replaced(key: bytes) -> None:
    texts = (base64.b64encode(key), base64.urlsafe_b64encode(key), key.hex().encode())
    for text in (*(each.decode() for each in texts), key.hex(":"), key.hex(" ").upper()):
        assert text not in redact(f"key={text} end")


@settings(deadline=None)  # two cores shared by many
@given(st.text(string.digits, min_size=7, max_size=15), st.text(max_size=5), st.text(max_size=5))
def test_every_long_number_is_replaced(number: str, before: str, after: str) -> None:
    if before.endswith(("pid", "=", ":", " ", "x", "-")) or after[:1].isalnum():
        before, after = "(", ")"
    assert number not in redact(f"{before}{number}{after}")


@settings(deadline=None)  # two cores shared by many
@given(st.text())
def test_redacted_text_stays_as_it_is(text: str) -> None:
    assert redact(redact(text)) == redact(text)


def test_a_redactor_knows_the_very_secrets_it_was_shown() -> None:
    redactor = Redactor(["hunter2"])
    redactor.learn("hunter2-and-more")
    assert redactor("a hunter2 b hunter2-and-more c") == "a <secret> b <secret> c"
    assert "hunter2" not in repr(redactor)


def test_of_four_letters_and_more_something_is_a_secret() -> None:
    redactor = Redactor(["wolf", "fox"])
    assert redactor("the wolf and the fox") == "the <secret> and the fox"


def test_a_long_run_is_a_key_from_three_digits_three_capitals_and_three_small_letters_on() -> None:
    assert redact(f"{'xyz' * 13}XYZ123") == "<key>"
    for path in (f"{'xyz' * 13}XYZ/12", f"{'xyz' * 13}XY/123", f"{'XYZ' * 13}xy/123"):
        assert redact(path) == path


@pytest.mark.parametrize(
    ("url", "secrets"),
    [
        ("postgres://bot:p%40ss@db/wa", ("p%40ss", "p@ss")),
        ("http://:s3cret@proxy:8080", ("s3cret", "s3cret")),
        ("postgres://bot@db/wa?user=x&sslPassword=s3%20cret", ("s3 cret",)),
        ("https://bot@example.org/a:b@c", ()),
    ],
)
def test_of_a_url_the_whole_is_a_secret_and_the_password_as_it_is_written_and_meant(
    url: str, secrets: tuple[str, ...]
) -> None:
    assert url_secrets(url) == (url, *secrets)


def test_a_redactor_does_not_blacken_ordinary_words() -> None:
    redactor = Redactor(["", "a", "the"])
    assert redactor("a bat and the cat") == "a bat and the cat"


@pytest.mark.timeout(60)  # it takes a second; with one quadratic pattern it takes hours
@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "1 ",
        "1.",
        "-@.",
        "a@",
        "\\x41",
        "\\x41 ",
        "'",
        "b'",
        "0x1, ",
        "ab:",
        "://",
        "=",
        "A1b2",
        "\\",
    ],
)
def test_redaction_of_long_lines_takes_time_in_proportion(unit: str) -> None:
    redact(unit * (2_000_000 // len(unit)))


@pytest.mark.parametrize("secret", ["+1 555 000 1111", "15550001111"])
@pytest.mark.parametrize("written", ["1-555-000-1111", "1.555.000.1111", "1 (555) 0001111"])
def test_a_number_that_is_known_is_replaced_however_it_is_written(
    secret: str, written: str
) -> None:
    assert Redactor([secret])(f"call {written}.") == "call <secret>."


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\tb \u00e9 \u4e2d", "a\tb \u00e9 \u4e2d"),
        ("one\n12:00:00 [info] forged", r"one\n12:00:00 [info] forged"),
        ("\x1b]0;title\x07\x1b[2J", r"\x1b]0;title\x07\x1b[2J"),
        ("\u202egnp.exe \u2028 \x85", r"\u202egnp.exe \u2028 \x85"),
        ("\udc80", r"\udc80"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_as_it_is_written(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert printable(shown) == shown
