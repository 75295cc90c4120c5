"""A recipe from the user's file, its digest, and the learner that serves it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

from unlearning.domain.errors import RecipeError
from unlearning.domain.hashing import bytes_digest, digest, file_digest
from unlearning.domain.protocols import Learner, Recipe
from unlearning.project import plugins, recipe_text
from unlearning.stores import foreign_code

_ROLE = ("features", "target", "person", "labels", "encode", "facts")
_IMPORTING = threading.RLock()


def load_recipe(root: Path, spec: str) -> Recipe:
    """The recipe that `path/to/file.py:attribute` names in a project; raises RecipeError with the cause and the next step.

    The file is run anew each time, so an edit is never missed. It may import modules beside it and in the project folder;
    they and the file itself leave no name in `sys.modules` that another project could take for its own.
    """
    path, attribute = _parse(root, spec)
    module = _run(path, root)
    try:
        recipe = getattr(module, attribute)
    except AttributeError as error:
        offered = [name for name, value in vars(module).items() if not _lacks(value)]
        raise RecipeError(f"{spec}: the file has no {attribute!r}; recipes in it: {offered}") from error
    if lacks := _lacks(recipe):
        raise RecipeError(
            f"{spec}: a {type(recipe).__name__} is no recipe, it lacks {lacks}; use unlearning.learners.torch.TorchRecipe"
        )
    loaded: Recipe = recipe
    return loaded


def person_column(root: Path, spec: str) -> str:
    """The column that says whose record it is, without running the file where that says it plainly. Raises RecipeError."""
    path, attribute = _parse(root, spec)
    return recipe_text.person(path.read_bytes(), attribute) or load_recipe(root, spec).person


def recipe_digest(
    root: Path,
    spec: str,
    recipe: Recipe,
    *,
    shards: int,
    slices: int,
    partition_key_id: str,
    members_of_person: int = 1,
    placement: Mapping[str, Any] = MappingProxyType({}),
) -> str:
    """The root of every chain: SHA-256 over facts, code, S, R, the id of the partition key, k where a person is in several, and
    the declared placement where there is one.

    Code is the content of the recipe's file and of its `sources`, and the attribute's name; where the file lies is not in it.
    """
    path, attribute = _parse(root, spec)
    sources = [_inside(root, name) for name in getattr(recipe, "sources", ())]
    value = {
        "facts": dict(recipe.facts()),
        "code": [file_digest(path), attribute, *sorted(map(file_digest, sources))],
        "partition": [shards, slices, partition_key_id, *([members_of_person] if members_of_person > 1 else [])],
    }
    if placement:
        value["placement"] = dict(placement)
    try:
        return digest(value)
    except (TypeError, ValueError) as error:
        raise RecipeError(
            f"{spec}: facts() must be plain values (strings, finite numbers, lists, dicts); they gave a {type(error).__name__}"
        ) from error


def code_of(root: Path, spec: str, recipe: Recipe) -> dict[str, str]:
    """Path in the project → bytes as Latin-1, of the recipe's file and its `sources`: what a worker elsewhere loads it from."""
    path, _ = _parse(root, spec)
    files = (path, *(_inside(root, name) for name in getattr(recipe, "sources", ())))
    return {file.relative_to(root.resolve()).as_posix(): file.read_bytes().decode("latin-1") for file in files}


def unpacked(code: Mapping[str, str], folder: Path) -> Path:
    """The folder, with that code in it."""
    for name, text in code.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text.encode("latin-1"))
    return folder


def learner_for(recipe: Recipe, device: str) -> Learner:
    """The learner a recipe asks for by name, on a device."""
    kind = plugins.learner(getattr(recipe, "learner", "torch"))
    made: Learner = kind(recipe, device=device)  # type: ignore[call-arg]
    return made


def _parse(root: Path, spec: str) -> tuple[Path, str]:
    name, colon, attribute = spec.rpartition(":")
    if not colon or not name.endswith(".py") or not attribute.isidentifier():
        raise RecipeError(f"recipe: {spec!r}, expected path/to/file.py:attribute; correct it in params.yaml")
    return _inside(root, name), attribute


def _inside(root: Path, name: str) -> Path:
    path = (root / name).resolve()
    if not path.is_relative_to(root.resolve()):
        raise RecipeError(f"{name} lies outside the project {root}; copy it in, so that it is versioned with the data")
    if not path.is_file():
        raise RecipeError(f"{name} does not exist in {root}; correct the recipe's path or its `sources`")
    return path


def _lacks(value: object) -> list[str]:
    return list(_ROLE) if isinstance(value, type) else [name for name in _ROLE if not hasattr(value, name)]


def _run(path: Path, root: Path) -> ModuleType:
    name = f"unlearning_recipe_{bytes_digest(str(path).encode())[:16]}"
    loader = SourceFileLoader(name, str(path))
    found = spec_from_loader(name, loader)
    if found is None:
        raise RecipeError(f"{path} is no Python file")
    module = module_from_spec(found)
    with _own_imports(path, root.resolve()):
        # Registered, because dataclasses and torch.export look a class's module up by name.
        sys.modules[name] = module
        try:
            with foreign_code.muted(root.resolve()):
                exec(compile(path.read_bytes(), str(path), "exec"), vars(module))
        except (Exception, SystemExit) as error:
            raise RecipeError(
                f"{path.name} fails on import: {foreign_code.said(error, root.resolve())}; run `python {path}` to see it too"
            ) from error
    return module


@contextmanager
def _own_imports(path: Path, root: Path) -> Iterator[None]:
    """Within: modules beside the recipe and in the project folder can be imported; afterwards they are forgotten by name."""
    folders = list(dict.fromkeys((str(path.parent), str(root))))
    with _IMPORTING:
        before = set(sys.modules)
        # A new list each time, because other threads may be walking the old one: looking for plugins does.
        sys.path = [*folders, *sys.path]
        try:
            yield
        finally:
            rest = list(sys.path)
            for folder in folders:
                rest.remove(folder)
            sys.path = rest
            for name in set(sys.modules) - before:
                if _belongs(sys.modules[name], root):
                    del sys.modules[name]


def _belongs(module: ModuleType, root: Path) -> bool:
    """A module of the project itself, not of an environment that lies in its folder."""
    file = getattr(module, "__file__", None)
    if file is None or not Path(file).resolve().is_relative_to(root):
        return False
    return "site-packages" not in Path(file).parts
