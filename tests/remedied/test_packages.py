"""Remedies that install something: nothing is installed here, and what they name is what is missing, by its own metadata."""

from __future__ import annotations

import importlib
import importlib.metadata
import re
import shlex
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import sqlalchemy as sa
from dvc.config_schema import REMOTE_SCHEMAS
from dvc_objects.fs import known_implementations

from tests.histories import History
from tests.remedied.helping import Ask, failing, move_remote, printed
from unlearning.entrypoints.demo.examples import EXAMPLES
from unlearning.entrypoints.flows import runners
from unlearning.erasure import answer_page
from unlearning.learners import requirements
from unlearning.learners.boosting import library
from unlearning.project import plugins, preflight
from unlearning.project.settings import Run
from unlearning.stores import sealed
from unlearning.stores.checkpoints import CheckpointStore
from unlearning.stores.dvc import remotes
from unlearning.stores.sql import database

Hidden = tuple[str, ...]


def installs(ask: Ask) -> set[str]:
    """The distributions that the one command of a message asks pip for, extras followed into their requirements."""
    [line] = printed(ask(), "pip install")
    words = [word for word in shlex.split(line)[2:] if not word.startswith("-")]
    assert not any("[" in line and f"'{word}'" not in line for word in words), f"a shell may take the brackets: {line}"
    found = set()
    for word in words:
        name, _, extras = word.rstrip("]").partition("[")
        found |= set().union(*(required(name, one) for one in extras.split(","))) if extras else {name}
    return found


def required(name: str, extra: str) -> set[str]:
    """What an extra of an installed distribution brings; it must have it."""
    assert extra in (importlib.metadata.metadata(name).get_all("Provides-Extra") or []), f"{name} has no extra {extra}"
    needs = importlib.metadata.requires(name) or []
    return {re.split(r"[ ;<>=!\[]", one)[0] for one in needs if re.search(rf"extra == ['\"]{extra}['\"]", one)}


def providing(module: str) -> set[str]:
    """The distributions that bring a module."""
    return {one.lower() for one in importlib.metadata.packages_distributions()[module]}


def dask(_root: Path) -> Ask:
    return failing(lambda: runners.runner(Run(runner="dask", workers=1)))


def ray(_root: Path) -> Ask:
    return failing(lambda: runners.runner(Run(runner="ray", workers=1)))


def postgres(_root: Path) -> Ask:
    return failing(lambda: database._engine(sa.make_url("postgresql+psycopg2://nobody@127.0.0.1:1/none")))


WITHOUT_RAY = pytest.mark.skipif(find_spec("prefect_ray") is None, reason="Ray is not among what development needs")


@pytest.mark.parametrize(
    ("make", "module"),
    [(dask, "prefect_dask"), pytest.param(ray, "prefect_ray", marks=WITHOUT_RAY), (postgres, "psycopg2")],
)
def test_an_extra_has_the_driver_that_is_missing(
    make: object, module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = make(tmp_path)  # type: ignore[operator]
    with monkeypatch.context() as hiding:
        hiding.setitem(sys.modules, module, None)
        assert installs(ask) & providing(module)
    assert "pip install" not in ask()  # once it is there


def test_the_extra_pdf_has_what_prints_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    ask = failing(lambda: answer_page.pdf("<p>x</p>"))
    with monkeypatch.context() as hiding:
        hiding.setitem(sys.modules, "weasyprint", None)
        assert installs(ask) & providing("weasyprint")
    assert ask() == ""  # once it is there


@pytest.mark.parametrize("name", ["xgboost", "lightgbm", "catboost"])
def test_an_extra_has_the_library_of_boosted_trees_that_is_missing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = failing(lambda: library.opened(name))
    with monkeypatch.context() as hiding:
        hiding.delitem(sys.modules, f"unlearning.learners.boosting.{name}", raising=False)
        hiding.setitem(sys.modules, name, None)
        assert installs(ask) == {name}
    assert ask() == ""  # once it is there


@pytest.mark.parametrize(("name", "module"), [("sklearn", "skops"), ("xgboost", "xgboost")])
def test_an_extra_has_what_a_learner_is_missing(name: str, module: str) -> None:
    def missing() -> None:
        with requirements.extra(name):
            raise ModuleNotFoundError(name=module)

    assert installs(failing(missing)) & providing(module)


def test_extras_have_what_an_example_of_the_demo_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    ask = failing(EXAMPLES["healthcare"].check_installed)
    with monkeypatch.context() as hiding:
        for module in ("skops", "xgboost"):
            hiding.setitem(sys.modules, module, None)
        assert installs(ask) >= {"skops", "xgboost"}
    assert ask() == ""


def test_the_extra_openlineage_has_the_client(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    file = history.root / "params.yaml"
    file.write_text(file.read_text() + "  openlineage:\n    file: told.jsonl\n")
    ask = failing(lambda: preflight.check_openlineage(history.workspace))
    assert ask() == ""
    monkeypatch.setattr(preflight, "_importable", lambda _: False)
    assert installs(ask) & {one.lower() for one in importlib.metadata.packages_distributions()["openlineage"]}


def test_a_package_that_lost_its_entry_points_is_installed_over_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    ask = failing(lambda: plugins.check("utility"))
    assert ask() == ""
    monkeypatch.setattr(plugins, "_points", lambda _: [])
    assert installs(ask) == {"mlflow-unlearning"}
    assert "--force-reinstall" in ask()  # pip finds it satisfied otherwise, and does nothing


def test_the_driver_of_a_checkpoint_store_is_the_one_that_fsspec_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    registry = importlib.import_module("fsspec.registry")
    monkeypatch.delitem(registry._registry, "gs", raising=False)
    [driver] = installs(failing(lambda: CheckpointStore("gs://bucket/checkpoints")))
    assert driver in registry.known_implementations["gs"]["err"]


def test_the_driver_of_a_spool_is_the_one_that_fsspec_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = importlib.import_module("fsspec.registry")
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(registry._registry, "s3", raising=False)  # an earlier test may have asked for it
    [driver] = installs(failing(lambda: sealed.read("s3://bucket/spool/1", "ab" * 32)))
    assert driver in registry.known_implementations["s3"]["err"]


@pytest.mark.parametrize("scheme", sorted(REMOTE_SCHEMAS.keys() & known_implementations.keys() - {"http", "https", "s3"}))
def test_the_driver_of_a_remote_is_the_one_that_dvc_asks_for(
    history: History, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, known_implementations[scheme]["class"].partition(".")[0], None)
    move_remote(history.root, f"{scheme}://bucket/data")
    [driver] = installs(lambda: " ".join(one.remedy for one in remotes.unsearched(history.repository)))
    assert f"'{driver}'" in known_implementations[scheme]["err"]


def test_a_remote_of_a_scheme_that_nobody_knows_is_told_of_no_driver(history: History) -> None:
    move_remote(history.root, "../gone")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dvc.data_cloud.DataCloud.get_remote", lambda *_: (_ for _ in ()).throw(ValueError("broken")))
        [one] = remotes.unsearched(history.repository)
    assert "pip install" not in one.remedy
