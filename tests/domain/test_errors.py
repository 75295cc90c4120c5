"""The tree of errors is drawn where users look it up; what is drawn is what there is. And a disk without room."""

from __future__ import annotations

import errno
import inspect
import json
import re
import zlib
from collections.abc import Callable

import pytest

from unlearning.domain import errors
from unlearning.domain.errors import (
    DataError,
    Refused,
    SettingsError,
    Unavailable,
    Unforeseen,
    UnlearningError,
    WrongUse,
    foreseen,
    needing_room,
    reading,
)

OURS = [one for one in vars(errors).values() if inspect.isclass(one) and issubclass(one, UnlearningError)]
DRAWN = re.compile(r"^    (?P<lines>[│├└─ ]*)(?P<name>\w+) *(?:exit code (?P<code>\d+))?", re.MULTILINE)


def drawn() -> dict[str, str]:
    """Error → the one it is drawn under."""
    above: list[str] = []
    found = {}
    for line in DRAWN.finditer((errors.__doc__ or "").split("Messages name")[0]):
        depth = len(line["lines"]) // 3
        found[line["name"]] = above[depth - 1] if depth else "Exception"
        above[depth:] = [line["name"]]
    return found


def test_the_drawn_tree_is_the_real_one() -> None:
    assert drawn() == {one.__name__: one.__base__.__name__ for one in OURS}


@pytest.mark.parametrize(
    "line", [line for line in DRAWN.finditer(errors.__doc__ or "") if line["code"]], ids=lambda line: line["name"]
)
def test_the_drawn_exit_code_is_the_real_one(line: re.Match[str]) -> None:
    assert getattr(errors, line["name"]).exit_code == int(line["code"])


@pytest.mark.parametrize("kind", OURS)
def test_wrong_use_ends_with_2_a_bug_with_70_and_everything_else_with_1(kind: type[UnlearningError]) -> None:
    assert kind.exit_code == (2 if issubclass(kind, WrongUse) else 70 if kind is Unforeseen else 1)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_disk_that_is_full_or_read_only_is_unavailable_and_names_the_file(number: int) -> None:
    with pytest.raises(Unavailable, match=r"data/train\.parquet: .*make room"), needing_room():
        raise OSError(number, "it cannot be written", "data/train.parquet")
    with pytest.raises(Unavailable, match=r"^it cannot be written; make room"), needing_room():
        raise OSError(number, "it cannot be written")


@pytest.mark.parametrize(
    "error", [FileNotFoundError(errno.ENOENT, "no", "x"), PermissionError(errno.EACCES, "no"), Refused("no")]
)
def test_whatever_else_goes_wrong_stays_what_it_is(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, needing_room():
        raise error
    assert caught.value is error


def deep() -> None:
    json.loads("[" * 100_000)


def long() -> None:
    int("9" * 4400)


def surrogate() -> None:
    "Zq0001 \ud800".encode()


def packed() -> None:
    zlib.decompress(b"Zq0001")


def a_folder() -> None:
    open("/").close()


@pytest.mark.parametrize("parse", [deep, long, surrogate, packed, a_folder])
def test_whatever_a_parser_raises_is_one_error_that_quotes_nothing_of_the_content(parse: Callable[[], None]) -> None:
    with pytest.raises(SettingsError) as caught, reading("params.yaml", "mend it", otherwise=SettingsError):
        parse()
    assert re.fullmatch(r"params\.yaml cannot be read \([A-Za-z ]+\); mend it", str(caught.value))


@pytest.mark.parametrize("error", [Refused("no"), FileNotFoundError(errno.ENOENT, "no", "x"), OSError(errno.ENOSPC, "full")])
def test_reading_lets_through_what_is_said_already_what_vanished_and_a_full_disk(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, reading("a file", "mend it", otherwise=DataError):
        raise error
    assert caught.value is error


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OSError(errno.ENOSPC, "No space left", "ledger.db"), r"ledger\.db: No space left; make room"),
        (IsADirectoryError(errno.EISDIR, "Is a directory", "stores.json"), r"stores\.json: Is a directory; mend that"),
        (PermissionError(errno.EACCES, "Permission denied", "data/person=Zq0001/a.parquet"), r"data/person=…/a\.parquet: Perm"),
        (OSError(errno.EMFILE, "Too many open files"), r"^Too many open files; mend that"),
        (ConnectionResetError(errno.ECONNRESET, "reset by peer"), r"^reset by peer; mend that"),
        (MemoryError("Zq0001"), "no memory left"),
    ],
)
def test_trouble_of_the_machine_is_no_bug_and_names_nobody(error: Exception, says: str) -> None:
    said = foreseen(error)
    assert type(said) is Unavailable
    assert re.search(says, str(said))
    assert "Zq0001" not in str(said)


def test_a_bug_is_named_by_its_type_and_the_nearest_line_of_this_package() -> None:
    with pytest.raises(TypeError) as caught, reading("a file", "mend it", otherwise="no class"):  # type: ignore[arg-type]
        raise AttributeError("Zq0001")
    said = foreseen(caught.value)
    assert type(said) is Unforeseen
    assert re.match(r"\w+ at domain/errors\.py:\d+: ", str(said))
    assert "Zq0001" not in str(said)
    assert foreseen(said) is said
