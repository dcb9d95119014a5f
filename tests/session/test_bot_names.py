from __future__ import annotations

import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

from wa_supervisor.errors import BotUnusable
from wa_supervisor.session.child import bot_module
from wa_supervisor.session.shared import bot_names

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("elsewhere")


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(directory: Path, name: str, source: str) -> None:
    file = directory.joinpath(*name.split(".")).with_suffix(".py")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(textwrap.dedent(source))


@pytest.mark.parametrize(
    "source",
    [
        "def register(client): ...",
        "register = lambda client: None",
        "from other import register",
        "from other import *",
        "import other as register",
        "class register: ...",
        "for register in [print]: pass",
        "if True:\n    def register(client): ...",
        "try:\n    pass\nexcept ValueError:\n    def register(client): ...",
        "(register := print)",
        "globals()['register'] = print",
        "def __getattr__(name): return print",
        "@decorated\nasync def register(client): ...",
        "async def register(client): ...\nregister = wrapped(register)",
        "def register(client): ...\n?",
    ],
)
@pytest.mark.parametrize("name", ["mybot", "bots.shop.mybot"])
def test_what_may_be_a_bot_is_let_pass_and_not_run(tmp_path: Path, name: str, source: str) -> None:
    write(tmp_path, name, f"{source}\nraise SystemExit('it was run')")
    if "." in name:
        write(tmp_path, "bots.__init__", "raise SystemExit('it was run')")
    before = set(sys.modules)
    bot_names.check(f"{name}:register")
    assert not {module for module in set(sys.modules) - before if "bot" in module}


def test_a_bot_in_an_installed_package_is_found() -> None:
    bot_names.check("json.decoder:JSONDecoder")
    bot_names.check("math:sqrt")  # no source to look at


@pytest.mark.parametrize("bot", ["mybot", "mybot:", ":register", ""])
def test_a_bot_is_written_with_a_colon(bot: str) -> None:
    with pytest.raises(BotUnusable, match="is written module:function"):
        bot_names.check(bot)


def test_the_script_itself_is_no_place_for_a_bot() -> None:
    with pytest.raises(BotUnusable, match="__main__ is another program"):
        bot_names.check("__main__:register")


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("mybto", "mybto"),
        ("mybot.deeper", "mybot.deeper"),
        ("absent.deeper", "absent"),
        ("bots.absent.deeper", "bots.absent"),
    ],
)
def test_a_module_that_is_not_there_is_named_with_where_it_was_looked_for(
    tmp_path: Path, name: str, missing: str
) -> None:
    write(tmp_path, "mybot", "def register(client): ...")
    write(tmp_path, "bots.__init__", "")
    with pytest.raises(BotUnusable) as caught:
        bot_names.check(f"{name}:register")
    assert str(caught.value).startswith(f"there is no module '{missing}'; looked in {tmp_path}, ")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def register(client): ...", "has no 'registre'; did you mean mybot:register?"),
        ("def f():\n    registre = 1", "has no 'registre'"),
        ("def f(): return lambda: (registre := 1)", "has no 'registre'"),
        ("class C:\n    def registre(self): ...", "has no 'registre'"),
        ("registre = 5", "'registre' in the module mybot ({}) is no function but int"),
        ("async def registre(client): ...", "'registre' in the module mybot ({}) is async"),
    ],
)
def test_what_cannot_be_a_bot_is_named_with_its_file(
    tmp_path: Path, source: str, said: str
) -> None:
    write(tmp_path, "mybot", source)
    with pytest.raises(BotUnusable) as caught:
        bot_names.check("mybot:registre")
    assert said.format(tmp_path / "mybot.py") in str(caught.value)
    assert str(tmp_path / "mybot.py") in str(caught.value)


def test_a_traceback_begins_in_the_bot_and_not_in_what_leads_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "angry_bot.py").write_text("def fail():\n    raise RuntimeError('no')\n\nfail()\n")
    with pytest.raises(RuntimeError) as raised:
        bot_module.register("angry_bot:register", object())
    # pytest's own frame is the first: what leads to the bot begins after it.
    error = raised.value.with_traceback(raised.tb.tb_next)
    bot_module.print_from_the_bot_on(error)
    lines = capsys.readouterr().err.splitlines()
    files = [line for line in lines if line.startswith("  File")]
    assert len(files) == 2
    assert all("angry_bot.py" in line for line in files)
    assert lines[-1] == "RuntimeError: no"


def test_a_bot_that_is_no_python_is_shown_where_it_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "broken_bot.py").write_text("def register(client:\n")
    with pytest.raises(SyntaxError) as raised:
        bot_module.register("broken_bot:register", object())
    bot_module.print_from_the_bot_on(raised.value.with_traceback(raised.tb.tb_next))
    said = capsys.readouterr().err
    assert 'broken_bot.py", line 1' in said
    assert "bot_module.py" not in said
