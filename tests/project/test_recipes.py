"""A recipe from the user's file, and the digest that stands at the root of every chain."""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from unlearning.domain.errors import RecipeError, SettingsError
from unlearning.learners.torch import TorchLearner
from unlearning.project.recipes import code_of, learner_for, load_recipe, recipe_digest, unpacked

RECIPE = """
import torch
from torch import nn
from unlearning.learners.torch import TorchRecipe, standardize

def network(width, labels):
    return nn.Linear(width, labels)

model = TorchRecipe(
    network=network, features=("a",), target="y", person="p", labels=("0", "1"),
    optimizer=lambda parameters: torch.optim.SGD(parameters, lr=0.1), epochs=1, batch_size=4, sources=SOURCES,
)
"""


def project(root: Path, text: str = RECIPE, *, sources: tuple[str, ...] = ()) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    (root / "recipe.py").write_text(text.replace("SOURCES", repr(sources)))
    return root


def a_digest(root: Path, spec: str = "recipe.py:model", **others: Any) -> str:
    values = {"shards": 4, "slices": 2, "partition_key_id": "k1"} | others
    return recipe_digest(root, spec, load_recipe(root, spec), **values)


def test_a_recipe_is_loaded_from_its_file(tmp_path: Path) -> None:
    recipe = load_recipe(project(tmp_path), "recipe.py:model")
    assert recipe.features == ("a",)
    assert isinstance(learner_for(recipe, "cpu"), TorchLearner)


def test_an_edited_recipe_is_read_again(tmp_path: Path) -> None:
    load_recipe(project(tmp_path), "recipe.py:model")
    project(tmp_path, RECIPE.replace('features=("a",)', 'features=("b",)'))
    assert load_recipe(tmp_path, "recipe.py:model").features == ("b",)


def test_two_projects_with_the_same_file_names_keep_apart(tmp_path: Path) -> None:
    for name in ("a", "b"):
        root = project(
            tmp_path / name,
            RECIPE.replace('("a",)', "COLUMNS").replace("import torch\n", "import torch\nfrom columns import COLUMNS\n", 1),
        )
        (root / "columns.py").write_text(f"COLUMNS = ({name!r},)\n")
    path = list(sys.path)
    loaded = [load_recipe(tmp_path / name, "recipe.py:model").features for name in ("a", "b", "a")]
    assert loaded == [("a",), ("b",), ("a",)]
    assert "columns" not in sys.modules
    assert "recipe" not in sys.modules
    assert sys.path == path


def test_a_recipe_in_a_folder_may_import_what_lies_beside_it_and_in_the_project(tmp_path: Path) -> None:
    text = "from beside import A\nfrom shared.columns import B\n" + RECIPE.replace('("a",)', "(A, B)")
    root = project(tmp_path / "models", text).parent
    (root / "models" / "beside.py").write_text("A = 'one'\n")
    (root / "shared").mkdir()
    (root / "shared" / "columns.py").write_text("B = 'two'\n")
    assert load_recipe(root, "models/recipe.py:model").features == ("one", "two")


def test_worker_processes_load_the_same_recipe(tmp_path: Path) -> None:
    root = project(tmp_path)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert pool.submit(recipe_digest_in_a_worker, str(root)).result(timeout=120) == a_digest(root)


def recipe_digest_in_a_worker(root: str) -> str:
    return a_digest(Path(root))


def test_threads_load_recipes_side_by_side(tmp_path: Path) -> None:
    roots = [project(tmp_path / name, RECIPE.replace('("a",)', f"({name!r},)")) for name in "abcd"]
    with ThreadPoolExecutor(4) as pool:
        loaded = list(pool.map(lambda root: load_recipe(root, "recipe.py:model").features, roots * 5))
    assert loaded == [(name,) for name in "abcd"] * 5


# --- what goes wrong ---


class _Walked(list[str]):
    """A search path that somebody is walking: whoever changes it makes them skip a folder."""

    def insert(self, *_: Any) -> None:
        raise AssertionError("the list changed while others walk it")

    remove = __setitem__ = insert


def test_the_search_path_is_replaced_and_not_changed_while_others_walk_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = list(sys.path)
    monkeypatch.setattr(sys, "path", _Walked(before))
    load_recipe(project(tmp_path), "recipe.py:model")
    assert sys.path == before


@pytest.mark.parametrize("spec", ["recipe.py", "recipe:model", ":model", "recipe.py:", "recipe.py:a b"])
def test_a_spec_of_another_form_is_refused(tmp_path: Path, spec: str) -> None:
    with pytest.raises(RecipeError, match=r"expected path/to/file\.py:attribute"):
        load_recipe(project(tmp_path), spec)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"other\.py does not exist"):
        load_recipe(project(tmp_path), "other.py:model")


def test_a_file_outside_the_project_is_refused(tmp_path: Path) -> None:
    project(tmp_path)
    (tmp_path / "inside").mkdir()
    with pytest.raises(RecipeError, match="outside the project"):
        load_recipe(tmp_path / "inside", "../recipe.py:model")


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("model = (", "SyntaxError"),
        ("import a_module_that_is_not_there", "ModuleNotFoundError at recipe.py:1"),
        ("1 / 0", "ZeroDivisionError at recipe.py:1"),
        ("raise SystemExit(3)", "SystemExit"),
        (RECIPE.replace("epochs=1", "epochs=0"), "epochs=0"),
    ],
)
def test_a_file_that_fails_says_why(tmp_path: Path, text: str, cause: str) -> None:
    path = list(sys.path)
    with pytest.raises(RecipeError, match=r"recipe\.py fails on import") as caught:
        load_recipe(project(tmp_path, text), "recipe.py:model")
    assert cause in str(caught.value)
    assert sys.path == path


def test_a_missing_attribute_names_the_recipes_that_are_there(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"no 'modle'; recipes in it: \['model'\]"):
        load_recipe(project(tmp_path), "recipe.py:modle")


@pytest.mark.parametrize("attribute", ["network", "nn", "TorchRecipe"])
def test_what_is_no_recipe_is_refused(tmp_path: Path, attribute: str) -> None:
    with pytest.raises(RecipeError, match="is no recipe, it lacks"):
        load_recipe(project(tmp_path), f"recipe.py:{attribute}")


def test_an_unknown_learner_lists_the_known_ones(tmp_path: Path) -> None:
    recipe = load_recipe(project(tmp_path, RECIPE.replace("epochs=1", "epochs=1, learner='abacus'")), "recipe.py:model")
    with pytest.raises(SettingsError, match=r"'abacus' is none of the installed learners; known: .*torch"):
        learner_for(recipe, "cpu")


# --- digest ---


def test_the_digest_does_not_depend_on_where_the_project_lies(tmp_path: Path) -> None:
    assert a_digest(project(tmp_path / "here")) == a_digest(project(tmp_path / "there"))


@pytest.mark.parametrize("change", [{"shards": 5}, {"slices": 3}, {"partition_key_id": "k2"}, {"placement": {"arrivals": {}}}])
def test_the_digest_changes_with_the_partition(tmp_path: Path, change: dict[str, Any]) -> None:
    assert a_digest(project(tmp_path)) != a_digest(tmp_path, **change)


def test_the_digest_changes_with_any_byte_of_the_recipe_file(tmp_path: Path) -> None:
    before = a_digest(project(tmp_path))
    assert a_digest(project(tmp_path, RECIPE.replace("lr=0.1", "lr=0.2"))) != before
    assert a_digest(project(tmp_path, RECIPE + "# a comment\n")) != before


def test_the_digest_changes_with_any_source(tmp_path: Path) -> None:
    project(tmp_path, sources=("weights.bin", "layers.py"))
    (tmp_path / "layers.py").write_text("A = 1\n")
    (tmp_path / "weights.bin").write_bytes(b"1")
    before = a_digest(tmp_path)
    (tmp_path / "weights.bin").write_bytes(b"2")
    assert a_digest(tmp_path) != before


def test_two_recipes_of_one_file_have_their_own_digests(tmp_path: Path) -> None:
    """They may differ in code alone, which no fact shows."""
    wide = "lambda d, k: nn.Sequential(nn.Linear(d, 9), nn.Linear(9, k))"
    project(tmp_path, f"{RECIPE}from dataclasses import replace\nwide = replace(model, network={wide})\n")
    assert a_digest(tmp_path, "recipe.py:model") != a_digest(tmp_path, "recipe.py:wide")


@pytest.mark.parametrize(("source", "cause"), [("gone.py", "does not exist"), ("../other.py", "outside the project")])
def test_a_source_that_cannot_be_versioned_is_refused(tmp_path: Path, source: str, cause: str) -> None:
    (tmp_path / "other.py").write_text("")
    with pytest.raises(RecipeError, match=cause):
        a_digest(project(tmp_path / "project", sources=(source,)))


def test_facts_that_are_not_plain_are_refused(tmp_path: Path) -> None:
    odd = """
class Odd:
    features = target = person = labels = encode = ()
    def facts(self):
        return {"rate": float("nan")}
odd = Odd()
"""
    with pytest.raises(RecipeError, match="plain values"):
        a_digest(project(tmp_path, odd), "recipe.py:odd")


def test_the_code_of_a_recipe_is_the_same_file_by_file_where_it_is_unpacked(tmp_path: Path) -> None:
    """Whatever its bytes: a vocabulary may be no UTF-8, and line ends are part of a digest."""
    here = project(tmp_path / "here", sources=("words/list.bin", "more.py"))
    (here / "words").mkdir()
    (here / "words/list.bin").write_bytes(bytes(range(256)))
    (here / "more.py").write_bytes(b"x = 1\r\n")
    code = code_of(here, "recipe.py:model", load_recipe(here, "recipe.py:model"))
    (tmp_path / "there").mkdir()
    there = unpacked(code, tmp_path / "there")
    assert a_digest(there) == a_digest(here)
    assert (there / "words/list.bin").read_bytes() == bytes(range(256))
