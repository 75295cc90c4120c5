"""What a recipe's file says in so many words, without running it: running it imports what trains the model, for seconds."""

from __future__ import annotations

import ast
from collections.abc import Iterator

_CLASS = ("unlearning.learners.torch", "TorchRecipe")
"""The recipe whose `person` is what it was given."""
_ROUNDABOUT = frozenset({"globals", "locals", "vars", "exec", "eval", "setattr", "modules", "__dict__", "__setattr__", "*"})
"""With one of these a file may change a name without writing it."""


def person(source: str | bytes, attribute: str) -> str | None:
    """The person column, where the file gives it as plain text to the one recipe that it ever binds to this name.

    None where anything else could come of running the file, and for one that is no Python.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return None
    made = [node.value for node in tree.body if isinstance(node, (ast.Assign, ast.AnnAssign)) and _targets(node) == [attribute]]
    if len(made) != 1 or not isinstance(made[0], ast.Call) or not isinstance(made[0].func, ast.Name):
        return None
    kind = made[0].func.id
    bound = [name for node in ast.walk(tree) for name in _binds(node)]
    if bound.count(attribute) != 1 or bound.count(kind) != 1 or kind not in _imported(tree) or _ROUNDABOUT & _words(tree):
        return None
    said = [each.value for each in made[0].keywords if each.arg == "person"]
    return said[0].value or None if said and isinstance(said[0], ast.Constant) and isinstance(said[0].value, str) else None


def _targets(node: ast.Assign | ast.AnnAssign) -> list[str | None]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [target.id if isinstance(target, ast.Name) else None for target in targets]


def _imported(tree: ast.Module) -> set[str]:
    """What the file calls the class, imported at its top."""
    module, name = _CLASS
    found = [alias for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == module for alias in node.names]
    return {alias.asname or alias.name for alias in found if alias.name == name}


def _binds(node: ast.AST) -> Iterator[str]:
    """Every name that a piece of code writes down other than to read it."""
    if isinstance(node, ast.Name):
        if not isinstance(node.ctx, ast.Load):
            yield node.id
    elif isinstance(node, ast.alias):
        yield node.asname or node.name
    elif not isinstance(node, (ast.Constant, ast.Attribute, ast.keyword, ast.ImportFrom)):
        for value in vars(node).values():
            yield from (one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str))


def _words(tree: ast.Module) -> set[str]:
    """Every name that is read, of a variable or an attribute, and every one that is imported."""
    return {
        word
        for node in ast.walk(tree)
        for word in (
            [node.id] if isinstance(node, ast.Name) else [node.attr] if isinstance(node, ast.Attribute) else [*_binds(node)]
        )
    }
