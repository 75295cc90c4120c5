import io

from unlearning.domain import hashing
from unlearning.stores.scans.looking import look
from unlearning.stores.scans.words import Watch

KEY = b"k" * 32


def watch(*people):
    return Watch(("patient",), "text", KEY, frozenset(hashing.token(KEY, one, "text") for one in people))


def test_a_table_says_who_of_those_looked_for_is_in_it():
    asked = watch("zq0001", "zq0003")
    seen = look(asked, io.BytesIO(b"patient,age\nzq0001,3\nzq0002,4\n"))
    assert (seen.compared, seen.read) == ("people", True)
    assert seen.found == {hashing.token(KEY, "zq0001", "text")}


def test_what_no_reader_knows_was_not_compared():
    seen = look(watch("zq0001"), io.BytesIO(b"\x93\0\1\2" * 100))
    assert (seen.compared, seen.read) == ("nothing", False)
