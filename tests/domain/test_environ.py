"""Names of environment variables stand in one file of the package, and the documentation lists those that a user may set."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

import unlearning
from unlearning.domain import environ

PACKAGE = Path(unlearning.__file__).parent
HOME = PACKAGE / "domain/environ.py"
OPERATIONS = PACKAGE.parent / "docs/operations.md"
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != HOME and "templates" not in path.parts)
"""What is copied into a user's project is a user's program."""

_OF_A_TOOL = re.compile(
    r"(UNLEARNING|MLFLOW|PREFECT|DVC|GX|GIT|OPENLINEAGE|DASK|RAY|OMP|MKL|CUBLAS|DO_NOT|AWS)_[A-Z][A-Z0-9_]*"
)
NO_VARIABLE = {"MLFLOW_UNLEARNING", "GIT_AUTHOR_IDENT", "GIT_COMMITTER_IDENT"}
"""How OpenLineage calls this integration, and what `git var` is asked."""


@cache
def found_in(path: Path) -> tuple[set[str], list[str]]:
    """The texts of a module, and where it asks the environment for one of them; each module is parsed once."""
    nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
    texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return texts, [ast.unparse(node) for node in nodes if asks_by_text(node)]


def asks_by_text(node: ast.AST) -> bool:
    if isinstance(node, ast.Subscript):
        return isinstance(node.slice, ast.Constant) and is_environment(node.value)
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and any(isinstance(argument, ast.Constant) for argument in node.args[:1])
        and (node.func.attr == "getenv" or is_environment(node.func.value))
    )


def is_environment(node: ast.expr) -> bool:
    return isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node) in ("os.environ", "environ")


NAMES = {text for text in found_in(HOME)[0] if re.fullmatch(r"[A-Z][A-Z0-9_]*_[A-Z0-9_]+", text)}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_other_module_spells_the_name_of_a_variable(path: Path) -> None:
    """Messages and help may mention one; code takes it from its home."""
    spelt = {text for text in found_in(path)[0] if text in NAMES or _OF_A_TOOL.fullmatch(text)}
    assert not spelt - NO_VARIABLE


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_environment_is_asked_by_names_and_not_by_text(path: Path) -> None:
    assert not found_in(path)[1]


def test_what_a_user_may_set_has_a_meaning_and_a_line_in_the_documentation() -> None:
    text = OPERATIONS.read_text("utf-8")
    for name, meaning in environ.MEANINGS.items():
        assert f"| `{name}` | {meaning} |" in text


def test_names_are_spelt_once() -> None:
    text = HOME.read_text("utf-8")
    for name in environ.MEANINGS:
        assert text.count(f'"{name}"') == 1


def test_every_tool_is_silent() -> None:
    assert environ.SILENCE.items() <= environ.QUIET.items()
