"""The tree of errors is drawn where users look it up; what is drawn is what there is. And a disk without room."""

from __future__ import annotations

import errno
import inspect
import re

import pytest

from unlearning.domain import errors
from unlearning.domain.errors import Refused, Unavailable, UnlearningError, WrongUse, needing_room

OURS = [one for one in vars(errors).values() if inspect.isclass(one) and issubclass(one, UnlearningError)]
DRAWN = re.compile(r"^    (?P<lines>[│├└─ ]*)(?P<name>\w+) *(?:exit code (?P<code>\d))?", re.MULTILINE)


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
def test_wrong_use_ends_with_2_and_everything_else_with_1(kind: type[UnlearningError]) -> None:
    assert kind.exit_code == (2 if issubclass(kind, WrongUse) else 1)


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
