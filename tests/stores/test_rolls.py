"""Rolls: what is read out of one is what was put in, and whatever else lies there is none."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.properties import drawn
from unlearning.domain import hashing
from unlearning.domain.errors import DataError, NeedsReview
from unlearning.stores import contents, rolls
from unlearning.stores.rolls import Names, Roll, Rolls, among, packed, unpacked

KEY = b"k" * 32
ABOUT: Mapping[str, Any] = {"content": "c" * 64, "column": "who", "keys": ["a", "b"]}
A, B, C, D = (bytes([one]) * 32 for one in (0, 1, 2, 255))
HEX = {name: one.hex() for name, one in zip("ABCD", (A, B, C, D), strict=True)}


def roll(codes: list[int], tokens: list[bytes], shared: list[bytes] = [], doubts: tuple[str, ...] = ()) -> Roll:  # noqa: B006
    flipped = [bytes(255 - sign for sign in one) for one in tokens]
    return Roll(packed(tokens), packed(flipped), packed(tokens[::-1]), np.array(codes, np.int64), packed(shared), doubts)


def same(one: Roll | None, other: Roll) -> bool:
    return one is not None and all(np.array_equal(getattr(one, f.name), getattr(other, f.name)) for f in fields(Roll))


@st.composite
def made(draw: st.DrawFn) -> Roll:
    tokens = draw(st.lists(st.binary(min_size=32, max_size=32), max_size=6))
    codes = draw(st.lists(st.integers(0, len(tokens) - 1), max_size=20)) if tokens else []
    order = {code: at for at, code in enumerate(dict.fromkeys(codes))}
    used = [tokens[code] for code in order]
    shared = draw(st.lists(st.binary(min_size=32, max_size=32), max_size=2))
    return roll([order[code] for code in codes], used, shared, tuple(draw(st.lists(st.text(max_size=5), max_size=2))))


@given(made())
def test_a_roll_is_read_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, one: Roll) -> None:
    folder = tmp_path_factory.mktemp("rolls") / "people"
    Rolls(folder, KEY).put(ABOUT, one)
    assert same(Rolls(folder, KEY).get(ABOUT), one)
    assert folder.stat().st_mode & 0o077 == 0
    assert all(file.stat().st_mode & 0o077 == 0 for file in folder.iterdir())


@given(made(), st.data())
def test_whatever_byte_is_changed_it_is_no_roll_any_more(
    tmp_path_factory: pytest.TempPathFactory, one: Roll, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("rolls")
    Rolls(folder, KEY).put(ABOUT, one)
    [file] = folder.iterdir()
    content = bytearray(file.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    file.write_bytes(content[: data.draw(st.integers(at + 1, len(content)))])
    assert Rolls(folder, KEY).get(ABOUT) is None
    Rolls(folder, KEY).put(ABOUT, one)
    assert same(Rolls(folder, KEY).get(ABOUT), one)


def test_a_roll_that_was_whole_and_is_changed_later_is_none_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "_FINE_NS", 0)
    monkeypatch.setattr(contents, "_SETTLED_NS", 0)
    one, named = roll([0, 1], [A, B]), Rolls(tmp_path, KEY)
    named.put(ABOUT, one)
    [file] = tmp_path.iterdir()
    time.sleep(0.02)
    for _ in range(2):
        named._open.clear()
        assert same(named.get(ABOUT), one)
    assert named._sealed
    content = bytearray(file.read_bytes())
    content[-40] ^= 1
    time.sleep(0.02)
    file.write_bytes(content)
    named._open.clear()
    assert named.get(ABOUT) is None


def test_threads_that_ask_for_more_rolls_than_stay_open_get_their_own(tmp_path: Path) -> None:
    named = Rolls(tmp_path, KEY)
    several = {number: roll([0] * (number + 1), [bytes([number]) * 32]) for number in range(6)}

    def ask(turn: int) -> bool:
        number = turn % len(several)
        about = {**ABOUT, "content": str(number)}
        if turn < len(several):
            named.put(about, several[number])
        return turn < len(several) or same(named.get(about), several[number])

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(len(several))))
        assert all(pool.map(ask, range(len(several), 600)))


def test_another_key_another_question_and_another_release_find_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = roll([0, 1], [A, B])
    Rolls(tmp_path, KEY).put(ABOUT, one)
    [file] = tmp_path.iterdir()
    assert Rolls(tmp_path, b"o" * 32).get(ABOUT) is None
    other = {**ABOUT, "content": "d" * 64}
    named = Rolls(tmp_path, KEY)
    named.put(other, roll([0], [C]))
    [second] = set(tmp_path.iterdir()) - {file}
    second.write_bytes(file.read_bytes())  # a roll of the same key, in the place of another
    assert Rolls(tmp_path, KEY).get(other) is None
    monkeypatch.setattr(rolls, "__version__", "0.0.0")
    assert Rolls(tmp_path, KEY).get(ABOUT) is None


def test_what_is_no_file_or_a_stranger_s_is_no_roll(tmp_path: Path) -> None:
    kept = Rolls(tmp_path, KEY)
    kept.put(ABOUT, roll([0], [A]))
    [file] = tmp_path.iterdir()
    (tmp_path / "notes.txt").write_text("nothing")
    file.unlink()
    os.mkfifo(file)
    assert Rolls(tmp_path, KEY).get(ABOUT) is None
    assert [who for _, _, who in Rolls(tmp_path, KEY).kept()] == [None, None]


def test_every_row_of_a_person_is_masked_and_no_other() -> None:
    people = roll([0, 1, 1, 2, 0], [A, B, C], shared=[C, D])
    assert people.mask([HEX["A"]]).tolist() == [True, False, False, False, True]
    assert people.mask([HEX["A"], HEX["B"]]).tolist() == [True, True, True, False, True]
    assert not people.mask([]).any()
    assert not people.mask(["ab" * 32]).any()
    assert people.holds([*HEX.values(), "ab" * 32]) == set(HEX.values())
    for wanted, says in (("C", "1 of these people is named"), ("ACD", "2 of these people are named")):
        with pytest.raises(NeedsReview, match=says):
            people.mask([HEX[one] for one in wanted])


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=8), st.data())
def test_among_says_of_each_token_whether_it_is_asked_for(tokens: list[bytes], data: st.DataObject) -> None:
    near = [one[:8] + bytes(24) for one in tokens]  # the same first word, another token
    asked = data.draw(st.lists(st.sampled_from([*tokens, *near, A]), max_size=5))
    assert among(packed(tokens), [one.hex() for one in asked]).tolist() == [one in asked for one in tokens]
    assert unpacked(packed(tokens)) == tokens


def test_people_are_counted_once_however_they_are_spelled() -> None:
    assert roll([0, 1, 2], [A, B, A]).people == 2


@given(st.lists(st.tuples(st.sampled_from([b"a" * 8, b"b" * 8]), st.sampled_from([bytes(24), bytes(23) + b"x", b"y" * 24]))))
def test_tokens_that_begin_alike_are_people_of_their_own(parts: list[tuple[bytes, bytes]]) -> None:
    tokens = [head + rest for head, rest in parts]
    assert roll(list(range(len(tokens))), tokens).people == len(set(tokens))


def test_whoever_is_in_doubt_is_said_and_a_table_of_doubts_tells_nothing_of_a_smaller_one() -> None:
    assert roll([0], [A]).certain()
    with pytest.raises(DataError, match="two look alike"):
        roll([0], [A], doubts=("two look alike",)).certain()
    assert roll([0], [A], doubts=("two look alike",)).without(np.array([True])) is None
    assert roll([0], [A], shared=[B]).without(np.array([True])) is None


def test_a_content_is_read_again_when_its_file_changed_and_whenever_somebody_insists(tmp_path: Path) -> None:
    file, kept = tmp_path / "a.csv", Rolls(tmp_path / "people", KEY)
    file.write_text("who\nann\n")
    first = kept.content(file)
    file.write_text("who\nbob\n")  # within one tick of the clock
    assert kept.content(file) != first
    os.utime(file, ns=(0, 0))
    assert kept.content(file, anew=True) == kept.content(file)


@drawn(
    few=40,
    many=400,
    here=st.sets(st.integers(0, 40)),
    asked=st.sets(st.integers(0, 40)),
    odd=st.sets(st.sampled_from(["", "x"])),
)
def test_names_are_the_set_of_the_tokens_in_hex(here: set[int], asked: set[int], odd: set[str]) -> None:
    words = {hashing.digest(one) for one in here}
    names, wanted = Names(packed(map(bytes.fromhex, sorted(words)))), {hashing.digest(one) for one in asked} | odd
    assert (set(names), len(names)) == (words, len(words))
    assert names & wanted == words & wanted
    assert {one for one in wanted if one in names} == words & wanted


@drawn(few=60, many=1000, rows=st.lists(st.integers(0, 6), max_size=12), data=st.data())
def test_the_roll_of_the_rows_that_stay_is_as_they_are_read(rows: list[int], data: st.DataObject) -> None:
    def read(people: list[int]) -> Roll:
        here = list(dict.fromkeys(people))
        tokens = packed(bytes.fromhex(hashing.digest(one)) for one in here)
        return Roll(tokens, tokens, tokens, np.array([here.index(one) for one in people], dtype=np.int64), packed([]))

    keep = np.array(data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows))), dtype=bool)
    stay = read([one for one, stays in zip(rows, keep, strict=True) if stays])
    fewer = read(rows).without(keep)
    assert fewer is not None
    assert same(fewer, stay)
    assert fewer.agrees(stay)
    other = data.draw(st.permutations(rows))
    assert read(rows).agrees(read(other)) == (rows == other)
