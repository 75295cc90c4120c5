"""What a place says of what it could not read."""

from unlearning.stores.scans.looking import Look
from unlearning.traces.places import listing


def test_what_nobody_could_read_is_counted_by_form_with_the_reasons_and_the_way_out():
    looks = [
        Look("pickle", "nothing", why="no reader"),
        Look("PDF", "nothing", why="no reader"),
        Look("PDF", "nothing", why="no reader"),
    ]
    [left] = listing.unread("DVC cache", "physical", looks, ["a.pdf", "b.pdf", "m.pkl"])
    assert (left.outcome, left.count, left.why) == ("unverified", 3, "not read: 2 PDF, 1 pickle (no reader)")
    assert left.names == ("a.pdf", "b.pdf", "m.pkl")
    assert "free_of_people" in left.remedy


def test_where_everything_was_read_nothing_is_said():
    assert listing.unread("DVC cache", "physical", [], []) == ()
    assert listing.doubtful("DVC cache", "physical", 0, []) == ()


def test_what_may_name_them_is_named_whole_and_in_order():
    [left] = listing.doubtful("MLflow", "logical", 1000, map(str, range(1000)))
    assert (left.count, left.names) == (1000, tuple(sorted(map(str, range(1000)))))
