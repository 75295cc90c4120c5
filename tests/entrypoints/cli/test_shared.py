"""What every command shares: errors with an exit code, answers in two forms, identifiers that stay out of the history."""

from __future__ import annotations

import errno
import io
import json
import os
from pathlib import Path

import click
import hypothesis
import pytest
from click.testing import CliRunner, Result
from hypothesis import strategies as st

from unlearning.domain.errors import Damaged, NotFound, Refused, UnlearningError, WrongUse
from unlearning.entrypoints.cli import main
from unlearning.entrypoints.cli.shared import Commands, answer, content, fitted, json_option, open_project, people, person
from unlearning.stores.foreign_code import FILE


def invoke(error: Exception | None, *words: str) -> Result:
    """A command that ends with this error."""

    @click.group(cls=Commands)
    def group() -> None:
        """A group of commands."""

    @group.command()
    @json_option
    def act(as_json: bool) -> None:
        """Act."""
        if error is not None:
            raise error
        answer(as_json, {"ä": 1}, ["one line", "another"])

    return CliRunner().invoke(group, words)


@pytest.mark.parametrize("kind", [WrongUse, NotFound, Refused, Damaged])
def test_an_error_of_ours_is_one_line_for_people_a_document_for_programs_and_its_exit_code(
    kind: type[UnlearningError],
) -> None:
    plain, asked = invoke(kind("what came; what was expected"), "act"), invoke(kind("what came"), "act", "--json")
    assert (plain.exit_code, plain.stdout, plain.stderr) == (kind.exit_code, "", "unlearn: what came; what was expected\n")
    assert json.loads(asked.stdout) == {"error": kind.__name__, "message": "what came"}
    assert asked.stderr == "unlearn: what came\n"


def test_a_full_disk_is_a_service_that_is_not_available() -> None:
    result = invoke(OSError(errno.ENOSPC, "No space left on device", "ledger.db"), "act", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"] == "Unavailable"


@pytest.mark.parametrize("words", [("act",), ("act", "--json")])
def test_a_bug_is_one_line_and_an_exit_code_of_its_own(words: tuple[str, ...]) -> None:
    result = invoke(ZeroDivisionError("Zq0001"), *words)
    assert result.exit_code == 70
    assert result.stderr.startswith("unlearn: ZeroDivisionError at ")
    assert "Traceback" not in result.output
    assert "Zq0001" not in result.output
    assert not result.stdout or json.loads(result.stdout)["error"] == "Unforeseen"


def in_a_project(root: Path, error: Exception) -> Result:
    """A command that opens a project and ends with this error, raised by the project's own code."""
    (root / ".unlearning").mkdir()
    (root / "params.yaml").write_text("unlearning: {model: null, recipe: null}\n")

    @click.group(cls=Commands)
    def group() -> None:
        """A group of commands."""

    @group.command()
    def act() -> None:
        """Act."""
        open_project(root)
        exec(compile("def encode():\n    raise error\nencode()", str(root / "recipe.py"), "exec"), {"error": error})

    return CliRunner().invoke(group, ["act"])


def test_of_what_a_projects_code_raises_type_and_place_are_said_and_where_its_words_are(tmp_path: Path) -> None:
    result = in_a_project(tmp_path, ValueError("row 7 is of Zq0001"))
    assert result.exit_code == 1
    assert "ValueError at recipe.py:2" in result.stderr
    assert "Zq0001" not in result.output
    assert "row 7 is of Zq0001" in (tmp_path / FILE).read_text()


ACTING = {
    "the end of a line": ("a\nverified", "a\n  verified"),
    "a carriage return": ("a\rverified", "a\\x0dverified"),
    "a terminal's escape": ("a\x1b[2K", "a\\x1b[2K"),
    "an eight-bit escape": ("a\x9b2K", "a\\x9b2K"),
    "another direction": ("a\u202edeifirev", "a\\u202edeifirev"),
    "a line separator": ("a\u2028verified", "a\\u2028verified"),
    "half a pair": ("a\ud800", "a\\ud800"),
}


@pytest.mark.parametrize(("said", "seen"), ACTING.values(), ids=list(ACTING))
def test_nothing_that_is_quoted_acts_on_the_terminal_or_begins_a_line(said: str, seen: str) -> None:
    assert invoke(Refused(said), "act").stderr == f"unlearn: {seen}\n"
    asked = invoke(Refused(said), "act", "--json")
    assert json.loads(asked.stdout)["message"] == said
    assert all(one == "\n" or one.isprintable() for one in asked.stdout)


@pytest.mark.parametrize("words", [("act", "--wrong", "--json"), ("act", "Zq-9999", "--json")])
def test_wrong_use_is_a_document_too_and_repeats_no_argument_that_may_name_a_person(words: tuple[str, ...]) -> None:
    result = invoke(None, *words)
    assert result.exit_code == 2
    assert json.loads(result.stdout)["error"] == "WrongUse"
    assert "Zq-9999" not in result.output


def test_an_answer_is_a_document_or_lines_and_never_both() -> None:
    assert json.loads(invoke(None, "act", "--json").stdout) == {"ä": 1}
    assert "ä" in invoke(None, "act", "--json").stdout
    assert invoke(None, "act").stdout == "one line\nanother\n"


def given(function: object, *named: object, stdin: str) -> object:
    """What a function gives while this stands on standard input."""
    found: list[object] = []

    @click.command()
    def read() -> None:
        found.append(function(*named))  # type: ignore[operator]

    result = CliRunner().invoke(read, [], input=stdin)
    if result.exception is not None:
        raise result.exception
    return found[0]


def test_a_dash_stands_for_the_lines_of_standard_input() -> None:
    assert given(people, ["ann", "-"], stdin="bob\n\n cid \n") == ["ann", "bob", "cid"]
    assert given(people, ["ann"], stdin="bob") == ["ann"]
    assert given(person, "-", stdin="bob\n") == "bob"


def test_one_person_is_not_two() -> None:
    with pytest.raises(WrongUse, match="holds 2 identifiers; expected one"):
        given(person, "-", stdin="ann\nbob")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"\xff")
    assert content(tmp_path / "file") == b"\xff"
    for path in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(NotFound, match="name an existing file"):
            content(path)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


WORDS = st.lists(st.text("abc/@-.", min_size=1, max_size=20), min_size=1, max_size=40)


@hypothesis.given(WORDS, st.integers(0, 6), st.sampled_from([40, 80, 120]))
def test_a_terminal_never_breaks_a_word(words: list[str], indent: int, width: int) -> None:
    line = " " * indent + " ".join(words)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(width))
        shown = fitted(line, Terminal())
    assert shown.split() == words
    assert max(map(len, shown.splitlines())) <= width
    assert fitted(line, io.StringIO()) == line


def test_the_list_of_commands_cuts_no_sentence_at_80_columns() -> None:
    said = CliRunner(env={"COLUMNS": "80"}).invoke(main, ["--help"]).stdout
    assert "..." not in said.split("Commands:")[1]
    assert max(map(len, said.splitlines())) <= 80


def test_a_long_error_is_broken_between_words_on_a_terminal_and_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    message = "what came is no such thing; " * 9 + "run `unlearn doctor`"
    assert invoke(WrongUse(message), "act").stderr == f"unlearn: {message}\n"
    monkeypatch.setattr("unlearning.entrypoints.cli.shared.fitted", lambda text, _: fitted(text, Terminal()))
    with monkeypatch.context() as narrow:  # pytest asks for it too
        narrow.setattr("shutil.get_terminal_size", lambda *_, **__: os.terminal_size((80, 24)))
        said = invoke(WrongUse(message), "act").stderr
    assert max(map(len, said.split("\n"))) <= 80
    assert " ".join(said.split()) == f"unlearn: {message}"
    asked = invoke(WrongUse(message), "act", "--json")
    assert json.loads(asked.stdout)["message"] == message


def test_one_person_is_named_in_one_way() -> None:
    for given in ((None, None), ("x", "file.txt")):
        with pytest.raises(WrongUse, match="name one person"):
            person(*given)
