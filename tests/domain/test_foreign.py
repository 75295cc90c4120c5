"""Whatever somebody else wrote, what is shown of it is one short line that neither acts nor hides."""

from __future__ import annotations

import os
import subprocess
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearning.domain.foreign import LIMIT, quoted, shown

ANY = st.text(st.characters(exclude_categories=()), max_size=300)


@given(ANY, st.integers(40, 250))
def test_what_is_shown_is_one_line_within_its_limit_and_can_be_encoded(text: str, limit: int) -> None:
    line = shown(text, limit)
    assert len(line) <= limit
    assert len(line.splitlines()) <= 1
    assert not {unicodedata.category(one) for one in line} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    line.encode()


@given(ANY, st.integers(40, 250))
def test_shown_twice_is_shown_once(text: str, limit: int) -> None:
    assert shown(shown(text, limit), limit) == shown(text, limit)


@pytest.mark.parametrize("text", ["Example Hospital, ML platform", "straße@例え.jp", "Ångström ½ — “ok” 🙂", r"C:\data\train"])
def test_what_people_write_stays_as_it_is(text: str) -> None:
    assert shown(text) == text


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\nverified: all", r"a\x0averified: all"),
        ("\x1b[2K\rverified", r"\x1b[2K\x0dverified"),
        ("\u202eelif", r"\u202eelif"),
        ("a\u2028b\u2029c\x85d", r"a\u2028b\u2029c\x85d"),
        ("ad\u200bmin\u00ad", r"ad\u200bmin\xad"),
        ("\ud83d", r"\ud83d"),
        ("a\u00a0b\u3164c", r"a\xa0b\u3164c"),
        ("\x9b31m", r"\x9b31m"),
        ("\U000e0041", r"\U000e0041"),
        ("", ""),
    ],
)
def test_what_acts_or_hides_is_written_out(text: str, line: str) -> None:
    assert shown(text) == line


def test_a_long_text_is_cut_and_says_how_long_it_was() -> None:
    line = shown("x" * 225_000_000)
    assert line.endswith("… (225000000 characters)")
    assert len(line) == LIMIT


def test_what_is_no_text_is_shown_as_python_writes_it() -> None:
    assert shown(["\x1b"]) == r"['\x1b']"


@pytest.mark.parametrize(
    "name",
    [
        "plain.csv",
        "two words",
        "it's",
        "a\nverified  DVC cache",
        "\x1b[2J\\x",
        "b\udcff\udcfeb",
        "q'\n$(x)`y`",
        "sm\u00f6rg",
        "\u202ecsv",
    ],
)
def test_a_path_in_a_command_is_one_line_and_a_shell_reads_it_back(name: str) -> None:
    line = quoted(name)
    assert shown(line, 500) == line
    read = subprocess.run(
        ["bash", "-c", f"printf %s {line}"], capture_output=True, check=True, env={**os.environ, "LC_ALL": "C.UTF-8"}
    )
    assert read.stdout == name.encode("utf-8", "surrogateescape")
