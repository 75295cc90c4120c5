"""The tree of errors is drawn where users look it up; what is drawn is what there is."""

from __future__ import annotations

import inspect
import re

import pytest

from unlearning.domain import errors
from unlearning.domain.errors import UnlearningError, WrongUse

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
    here = {name: one for name, one in vars(errors).items() if inspect.isclass(one) and issubclass(one, UnlearningError)}
    assert drawn() == {name: one.__base__.__name__ for name, one in here.items()}


@pytest.mark.parametrize(
    "line", [line for line in DRAWN.finditer(errors.__doc__ or "") if line["code"]], ids=lambda line: line["name"]
)
def test_the_drawn_exit_code_is_the_real_one(line: re.Match[str]) -> None:
    assert getattr(errors, line["name"]).exit_code == int(line["code"])


def test_every_wrong_use_ends_alike() -> None:
    assert {one.exit_code for one in WrongUse.__subclasses__()} == {2}
