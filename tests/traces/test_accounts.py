"""What is believed of a file that nobody can read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from unlearning.domain.versions import Tracked
from unlearning.traces.accounts import NAMELESS, Accounts, Declared

TABLE, MODEL, PICTURE, FOLDER = "t" * 32, "m" * 32, "p" * 32, "f" * 32 + ".dir"
PATHS = frozenset({Tracked("data/t.parquet", TABLE), Tracked("model.pkl", MODEL), Tracked("scans", FOLDER)})
INSIDE = {FOLDER: [("a/b.png", PICTURE)]}


def accounts(**more: object) -> Accounts:
    return Accounts(PATHS, **more)  # type: ignore[arg-type]


def test_what_a_stage_made_of_what_was_read_is_accounted_for_and_what_came_from_nowhere_is_not():
    made = accounts(made=frozenset({(TABLE, MODEL)}))
    assert made.unexplained([MODEL], {TABLE}, {}) == []
    assert made.unexplained([MODEL], set(), {}) == [MODEL]
    assert accounts().unexplained([MODEL], {TABLE}, {}) == [MODEL]


def test_one_unknown_origin_is_enough():
    made = accounts(made=frozenset({(TABLE, MODEL), (PICTURE, MODEL)}))
    assert made.unexplained([MODEL, PICTURE], {TABLE}, {}) == [MODEL, PICTURE]


def test_a_folder_answers_for_what_was_made_of_it_only_when_every_file_in_it_does():
    made = accounts(made=frozenset({(FOLDER, MODEL)}))
    assert made.unexplained([MODEL], {FOLDER}, INSIDE) == [MODEL]
    assert made.unexplained([MODEL], {FOLDER, PICTURE}, INSIDE) == []


def test_what_lies_in_a_folder_that_a_stage_made_is_made_with_it():
    made = accounts(made=frozenset({(TABLE, FOLDER)}))
    assert made.unexplained([PICTURE], {TABLE, FOLDER}, INSIDE) == []


def test_a_declaration_covers_every_path_that_a_file_ever_had_or_none():
    declared = accounts(declared=(Declared("scans/**", "phantoms"),))
    assert declared.unexplained([PICTURE], set(), INSIDE) == []
    elsewhere = {FOLDER: [("a/b.png", PICTURE)], "g" * 32 + ".dir": [("b.png", PICTURE)]}
    moved = Accounts(PATHS | {Tracked("people", "g" * 32 + ".dir")}, declared=(Declared("scans/**", "phantoms"),))
    assert moved.unexplained([PICTURE], set(), elsewhere) == [PICTURE]


def test_a_declaration_without_a_path_covers_nothing():
    assert Accounts(declared=(Declared("**", "all"),)).unexplained([PICTURE], set(), {}) == [PICTURE]


def test_what_is_made_of_itself_explains_nothing():
    made = accounts(made=frozenset({(MODEL, PICTURE), (PICTURE, MODEL)}))
    assert made.unexplained([MODEL, PICTURE], {TABLE}, {}) == [MODEL, PICTURE]


def test_files_are_called_by_their_first_path_and_nobody_by_name():
    assert accounts().shown([MODEL, PICTURE], INSIDE) == ("model.pkl", "scans")
    assert accounts(names_somebody=lambda path: path == "scans").shown([PICTURE], INSIDE) == (NAMELESS,)
    assert accounts().shown(["0" * 32], {}) == ("0" * 32,)


NAMES = "abcdef"
GRAPHS = st.sets(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)))


@given(GRAPHS, st.sets(st.sampled_from(NAMES)), st.sets(st.sampled_from(NAMES)))
def test_to_read_more_never_explains_less(edges, read, more):
    known = Accounts(made=frozenset(edges))
    assert set(known.unexplained(NAMES, read | more, {})) <= set(known.unexplained(NAMES, read, {}))


@given(GRAPHS, st.sets(st.sampled_from(NAMES)))
def test_whatever_is_explained_stands_on_nothing_but_what_was_read(edges, read):
    left = set(Accounts(made=frozenset(edges)).unexplained(NAMES, read, {}))
    for name in set(NAMES) - left - read:
        origins = {origin for origin, made in edges if made == name}
        assert origins
        assert not origins & left
