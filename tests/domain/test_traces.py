"""Who is searched for, without saying who."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from unlearning.domain.traces import Residual, Trace, Wanted, count_left, left, say_left


def test_raw_identifiers_are_not_in_what_a_search_looks_like_in_a_log() -> None:
    wanted = Wanted(frozenset({"ab" * 32}), identifiers=("Zq-9999",))
    assert "Zq-9999" not in f"{wanted!r} {wanted}"


def test_a_trace_is_the_same_wherever_it_was_seen_and_another_in_another_place() -> None:
    assert {Trace("object"), Trace("object"), Trace("object", "run")} == {Trace("object", "run"), Trace("object")}
    assert Trace("object", location="here") != Trace("object", location="there")


def test_a_remedy_for_what_nobody_read_is_never_dropped() -> None:
    wanted = Wanted(frozenset(), instead="nobody asked", purgeable=False)
    assert wanted.first("`unlearn purge` deletes it") == "nobody asked"
    assert wanted.beside("then `unlearn purge`") == "then `unlearn purge` (before a purge: nobody asked)"
    assert wanted.beside("install it") == Wanted(frozenset()).beside("install it") == "install it"


# --- what is left -----------------------------------------------------------------------------------------------------


def said(place: str, outcome: str, why: str = "") -> Residual:
    return Residual(place, "logical", outcome, None, why, "")  # type: ignore[arg-type]


def test_what_two_say_of_one_place_counts_once_and_the_first_is_heard() -> None:
    swept, purged = said("Git history: texts", "residual", "now"), said("Git history: texts", "residual", "then")
    assert left([swept], [purged, said("bucket", "unverified")]) == (swept, said("bucket", "unverified"))
    assert left([said("clones", "out_of_reach")], [said("cache", "verified")]) == ()


def test_a_place_that_holds_them_and_has_more_that_nobody_can_read_is_left_in_two_ways() -> None:
    assert len(left([said("bucket", "residual"), said("bucket", "unverified")])) == 2


OUTCOMES = st.sampled_from(["verified", "residual", "unverified", "out_of_reach"])
ROWS = st.lists(st.builds(said, st.sampled_from("abcde"), OUTCOMES), max_size=8)


@given(ROWS, ROWS)
def test_who_is_asked_first_decides_on_words_and_never_on_the_count(one: list[Residual], other: list[Residual]) -> None:
    assert {(each.place, each.outcome) for each in left(one, other)} == {
        (each.place, each.outcome) for each in left(other, one)
    }
    assert left(left(one, other), one) == left(one, other)


def test_the_name_of_a_file_that_is_no_utf_8_can_be_certified() -> None:
    names = ("bad\udcff\udcfe.txt", "gut\u00e9")
    odd = Residual("files", "physical", "residual", 1, "of bad\udcff.txt", "delete bad\udcff.txt", names)
    assert odd.names == ("bad\\udcff\\udcfe.txt", "gut\u00e9")
    assert f"{odd.why} {odd.remedy}".encode() == rb"of bad\udcff.txt delete bad\udcff.txt"


def test_it_is_told_in_the_same_words_everywhere() -> None:
    assert say_left(()) == count_left(0) == "nothing is left within reach"
    assert say_left([said("a", "residual")]) == f"{count_left(1)}: a (residual)"
    assert say_left([said("a", "residual"), said("b", "unverified")]) == f"{count_left(2)}: a (residual); b (unverified)"
    assert (count_left(1), count_left(2)) == ("1 place is left or unverified", "2 places are left or unverified")
