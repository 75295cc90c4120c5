"""Names of environment variables stand in one file of the package, and the documentation lists those that a user may set."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

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
    if isinstance(node, ast.Attribute):
        return node.attr == "environ" and isinstance(node.value, ast.Name) and node.value.id == "os"
    return isinstance(node, ast.Name) and node.id == "environ"


NAMES = {text for text in found_in(HOME)[0] if re.fullmatch(r"[A-Z][A-Z0-9_]*_[A-Z0-9_]+", text)}


def test_no_other_module_spells_the_name_of_a_variable() -> None:
    """Messages and help may mention one; code takes it from its home."""
    spelt = {(path, text) for path in MODULES for text in found_in(path)[0] if text in NAMES or _OF_A_TOOL.fullmatch(text)}
    assert not [one for one in sorted(spelt) if one[1] not in NO_VARIABLE]


def test_the_environment_is_asked_by_names_and_not_by_text() -> None:
    assert not [(path, found_in(path)[1]) for path in MODULES if found_in(path)[1]]


def test_asking_by_text_is_seen() -> None:
    asked = ['os.environ["X_Y"]', 'environ["X"]', 'os.environ.get("X")', 'os.getenv("X", 1)', 'environ.pop("X", None)']
    assert all(asks_by_text(ast.parse(one, mode="eval").body) for one in asked)
    others = ["os.environ[X_Y]", 'more["X"]', "os.environ.get(environ.X)", 'their.environ["X"]', 'given.get("X")']
    assert not any(asks_by_text(ast.parse(one, mode="eval").body) for one in others)


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
