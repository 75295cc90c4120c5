"""The tree of errors, and a disk without room."""

from __future__ import annotations

import errno
import re

import pytest

from unlearning.domain import errors
from unlearning.domain.errors import Refused, Unavailable, UnlearningError, WrongUse, needing_room


def classes(top: type[UnlearningError]) -> list[type[UnlearningError]]:
    return [top, *(one for child in top.__subclasses__() for one in classes(child))]


OURS = [one for one in classes(UnlearningError) if one.__module__ == errors.__name__]


def test_the_tree_that_is_drawn_is_the_tree_that_is_there() -> None:
    drawn: dict[str, str] = {}
    above = ["UnlearningError"]
    for indent, name in re.findall(r"^    ([│ ]*)[├└]─ (\w+)", errors.__doc__ or "", re.M):
        depth = len(indent) // 3 + 1
        above[depth:] = [name]
        drawn[name] = above[depth - 1]
    assert drawn == {one.__name__: one.__bases__[0].__name__ for one in OURS[1:]}


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
