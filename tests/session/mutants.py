"""Do the tests of the session hold? Each mutant breaks one promise; its tests must notice.

    uv run python tests/session/mutants.py [WORD...]     # all, or those whose name has a word in it

Each is applied to a copy of the sources, never to the sources. Not part of the test run: minutes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PACKAGE = Path("src/wa_supervisor")
SECONDS = 180.0
"""For the tests of one mutant; one that hangs them is noticed, too."""

LINK = "tests/session/test_link.py"
PROTOCOL = "tests/session/test_protocol.py"
SERVERS = "tests/session/test_fork_servers.py"
ENVIRONMENT = "tests/session/test_environment.py"
REDACTION = "tests/test_redaction.py"
COMMAND = "tests/e2e/test_command.py"
PROCESS = "tests/e2e/test_session_process.py"


class Mutant(NamedTuple):
    name: str
    module: str
    old: str
    new: str
    tests: str
    """A file, and after a space the words of `-k`."""


MUTANTS = [
    # the session process itself
    Mutant(
        "a session process outlives its parent",
        "session/child/kernel.py",
        "ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)",
        "pass",
        f"{SERVERS} stopped",
    ),
    Mutant(
        "a session process leaves a core file",
        "session/child/main.py",
        "        leave_no_core()\n",
        "",
        f"{COMMAND} inherits",
    ),
    Mutant(
        "a stop does not wait for a rejection of the keys",
        "session/child/client.py",
        "self._answered.wait(min(_VERDICT_SECONDS, max(0.0, deadline - time.monotonic())))",
        "pass",
        "tests/e2e/test_silence.py being_stopped",
    ),
    Mutant(
        "a dial may go round in circles",
        "session/child/dial_watch.py",
        "default=0) > LIMIT",
        "default=0) > 10**9",
        f"{PROCESS} circles",
    ),
    Mutant(
        "a bot may take for ever to begin",
        "session/child/bot_module.py",
        "    timer.start()\n",
        "",
        f"{PROCESS} never_begins",
    ),
    Mutant(
        "an async bot is called, and nothing said",
        "session/child/bot_module.py",
        "    if inspect.isawaitable(result):",
        "    if False:",
        f"{PROCESS} no_bot",
    ),
    Mutant(
        "a bot's script may supervise from within",
        "session/parent/link.py",
        "        refuse_in_session_process()\n",
        "",
        f"{PROCESS} no_bot",
    ),
    Mutant(
        "a mistyped bot is dialled with",
        "supervisor.py",
        "bot_names.check(self.settings.bot)",
        "pass",
        f"{COMMAND} mistyped",
    ),
    # what is said on the line
    Mutant(
        "times beyond every date",
        "session/shared/protocol.py",
        "Field(ge=0, le=MAX_SECONDS)",
        "Field(ge=0)",
        f"{PROTOCOL} no_clock",
    ),
    Mutant(
        "texts of any length",
        "session/shared/protocol.py",
        "Annotated[str, Field(max_length=MAX_TEXT)]",
        "str",
        f"{PROTOCOL} without_quoting",
    ),
    Mutant(
        "secrets of any length",
        "session/shared/secret.py",
        "Annotated[AnySecret, Field(max_length=MAX_SECRET)]",
        "AnySecret",
        f"{PROTOCOL} without_quoting",
    ),
    Mutant(
        "secrets in every dump of a frame",
        "session/shared/secret.py",
        "if info.context is ON_THE_WIRE",
        "if True",
        f"{PROTOCOL} no_other_form",
    ),
    Mutant(
        "lines of any length",
        "session/shared/protocol.py",
        "len(line) > self._longest",
        "False",
        f"{PROTOCOL} endless",
    ),
    Mutant(
        "a frame for another generation",
        "session/parent/session_process.py",
        "if frame.generation != self.spec.generation:",
        "if False:",
        f"{LINK} breaks_the_protocol",
    ),
    Mutant(
        "who closes its line lives on unheard",
        "session/parent/session_process.py",
        "loop.call_later(_HUNG_UP_SECONDS, self.send_signal, signal.SIGKILL)",
        "loop.call_later(10**6, self.send_signal, signal.SIGKILL)",
        f"{LINK} unheard",
    ),
    # what gets out
    Mutant(
        "the database's password is not learnt",
        "session/parent/session_process.py",
        "(spec.phone, spec.endpoint.proxy, spec.postgres)",
        "(spec.phone, spec.endpoint.proxy)",
        f"{LINK} password",
    ),
    Mutant(
        "the proxy's password is not learnt",
        "session/parent/session_process.py",
        "(spec.phone, spec.endpoint.proxy, spec.postgres)",
        "(spec.phone, spec.postgres)",
        f"{LINK} password",
    ),
    Mutant(
        "the phone number is not learnt",
        "session/parent/session_process.py",
        "(spec.phone, spec.endpoint.proxy, spec.postgres)",
        "(spec.endpoint.proxy, spec.postgres)",
        f"{LINK} not_in_its_arguments",
    ),
    Mutant(
        "a QR that was shown is not learnt",
        "session/parent/session_process.py",
        "self.redact.learn(secret.get_secret_value())",
        "pass",
        f"{LINK} scrubbed",
    ),
    Mutant(
        "what a bot printed is in a fact",
        "session/parent/session_process.py",
        "detail = self.redact(self.problem)",
        "detail = self.redact(self.problem or self._printed)",
        f"{LINK} posted_before_its_exit",
    ),
    Mutant(
        "what a client logs may move the cursor",
        "session/parent/session_process.py",
        "text = printable(self.redact(frame.message))",
        "text = self.redact(frame.message)",
        f"{LINK} obey",
    ),
    Mutant(
        "what a bot prints may move the cursor",
        "session/parent/session_process.py",
        "printable(self.redact(line))",
        "self.redact(line)",
        f"{LINK} obey",
    ),
    Mutant(
        "our settings are handed to the bot",
        "session/shared/inheritance.py",
        "if not is_own(os.fsdecode(name))",
        "if True",
        f"{ENVIRONMENT} no_setting",
    ),
    Mutant(
        "our settings are in the environment at exec",
        "session/parent/environment.py",
        "if not is_own(name)}",
        "}",
        f"{ENVIRONMENT} no_setting",
    ),
    # fork servers
    Mutant(
        "a hanging fork server keeps its place",
        "session/parent/fork_server.py",
        "self.retired = self.retired or heard == self._packets",
        "pass",
        f"{SERVERS} hangs",
    ),
    Mutant(
        "a slow fork server is replaced",
        "session/parent/fork_server.py",
        "self.retired = self.retired or heard == self._packets",
        "self.retired = True",
        f"{SERVERS} keeps_its_place",
    ),
    Mutant(
        "a turn is never given back",
        "session/parent/session_process.py",
        "            launcher.turns.give_back()\n",
        "            pass\n",
        f"{SERVERS} at_once",
    ),
    Mutant(
        "any number of processes start at once",
        "session/parent/link.py",
        "        await self._launcher.turns.take()\n",
        "",
        f"{SERVERS} at_once",
    ),
    Mutant(
        "what is read at exec is shared all the same",
        "session/parent/environment.py",
        "if name.upper() in _NAMES or name.upper().startswith(_PREFIXES)",
        "if False",
        f"{SERVERS} of_its_own",
    ),
    Mutant(
        "a dead fork server is not noticed",
        "session/parent/fork_servers.py",
        "            server.look()\n",
        "",
        f"{SERVERS} nobody_needed",
    ),
    # redaction
    *(
        Mutant(f"redaction without {pattern}", "redaction.py", line, "    pass\n", REDACTION)
        for pattern, line in {
            "QR links": '    text = _QR_URL.sub("<qr>", text)\n',
            "classic QRs": '    text = _QR_CLASSIC.sub("<qr>", text)\n',
            "passwords in URLs": '    text = _USER_INFO.sub("<secret>@", text)\n',
            "assigned passwords": '    text = _ASSIGNED.sub(r"\\1\\2<secret>", text)\n',
            "JIDs": '    text = _JID.sub(r"<jid>@\\1", text)\n',
            "escaped bytes": '    text = _BYTES.sub("<bytes>", text)\n',
            "padded keys": '    text = _PADDED.sub("<key>", text)\n',
            "hexadecimal keys": '    text = _HEX.sub("<key>", text)\n',
            "bare keys": "    text = _BLOB.sub(_blob, text)\n",
            "pair codes": '    text = _PAIR_CODE.sub("<code>", text)\n',
        }.items()
    ),
    Mutant(
        "redaction of codes as they were shown only",
        "redaction.py",
        'return f"(?i:{_BETWEEN.join(bare)})"',
        "return re.escape(secret)",
        REDACTION,
    ),
]


def verdict_on(mutant: Mutant) -> str:
    """How it was caught: `failed`, `time-out`, or empty if it survived."""
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory) / PACKAGE
        shutil.copytree(ROOT / PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
        source = copy / mutant.module
        text = source.read_text("utf-8")
        if text.count(mutant.old) != 1:
            raise SystemExit(f"{mutant.name}: {text.count(mutant.old)} times in {mutant.module}")
        source.write_text(text.replace(mutant.old, mutant.new), "utf-8")
        path, _, words = mutant.tests.partition(" ")
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-x",
            "-n0",
            "-p",
            "no:cacheprovider",
            path,
        ]
        began = time.monotonic()
        try:
            done = subprocess.run(
                [*command, *(["-k", words] if words else [])],
                cwd=ROOT,
                env=os.environ | {"PYTHONPATH": str(copy.parent)},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=SECONDS,
                check=False,
            )
            # 5: no test has that name, and nothing was tried.
            verdict = {0: "", 5: ""}.get(done.returncode, "failed")
        except subprocess.TimeoutExpired:
            verdict = "time-out"
        took = time.monotonic() - began
    print(f"{mutant.name:52} {verdict or 'passed':10} {took:5.1f} s", flush=True)
    return verdict


def main(words: list[str]) -> int:
    chosen = [m for m in MUTANTS if not words or any(word in m.name for word in words)]
    for tests in sorted({mutant.tests for mutant in chosen}):
        control = Mutant(tests[:42], "__init__.py", '"""', '"""', tests)
        text = (ROOT / PACKAGE / "__init__.py").read_text("utf-8")
        control = control._replace(old=text, new=text)
        print("as it is: ", end="")
        if verdict_on(control):
            print("these tests fail by themselves: no verdict on a mutant would mean anything")
            return 2
    survivors = [mutant.name for mutant in chosen if not verdict_on(mutant)]
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} mutants were caught")
    return bool(survivors)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
