"""`mlflow.models.evaluate(…, evaluators="unlearning")`, by the entry point that the package declares, on a real store."""

from __future__ import annotations

import json
import tomllib
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from tests.checks.small_trial import world
from unlearning.checks.judge import FORGET, RETAIN, UNSEEN
from unlearning.domain.errors import WrongUse

# MLflow 3.17 uses a loader strategy that SQLAlchemy 2.1 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore")
LABELS = ["no", "yes"]
NAMES = ("losses", "roc", "by_group", "moved")


@dataclass(frozen=True)
class Model:
    """Answers as a pyfunc model does."""

    on: NDArray[np.int64]
    seed: int
    answers: Callable[[NDArray[np.float64]], Any] = lambda found: pd.DataFrame(found, columns=LABELS)

    def predict(self, table: pd.DataFrame) -> Any:
        assert set(table.columns) == {*(f"x{number}" for number in range(12)), "region"}
        made = world()
        return self.answers(made.model(self.on, self.seed)[: len(table)])


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a tracking store of this module's own; the evaluator is there as pyproject.toml declares it."""
    declared = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())
    [(name, value)] = declared["project"]["entry-points"]["mlflow.model_evaluator"].items()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of MLflow's own type hints
        from mlflow.models.evaluation.evaluator_registry import _model_evaluation_registry as registry
    registry.register(name, EntryPoint(name, value, "mlflow.model_evaluator").load())
    return f"sqlite:///{tmp_path_factory.mktemp('evaluated')}/mlflow.db"


@pytest.fixture
def tracked(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(store)  # every test's own: whatever a wider fixture sets would be there for the next module


def data() -> pd.DataFrame:
    made = world()
    table = pd.DataFrame(made.inputs, columns=[f"x{number}" for number in range(made.inputs.shape[1])])
    side = np.empty(len(table), dtype=object)
    for name, rows in made.rows.items():
        side[rows] = name
    region = np.where(np.arange(len(table)) % 20 == 0, "Atlantis", np.where(np.arange(len(table)) % 2, "north", "south"))
    people = [f"Zq{number:04d}-canary" for number in range(len(table))]
    return table.assign(side=side, patient=people, region=region, bought=[LABELS[one] for one in made.labels])


def models() -> dict[str, Model]:
    made = world()
    everybody = np.concatenate((made.rows[FORGET], made.rows[RETAIN]))
    return {
        "before": Model(everybody, 7),
        "good": Model(made.rows[RETAIN], 7),
        "retrained": Model(made.rows[RETAIN], 8),
        "retrained_again": Model(made.rows[RETAIN], 9),
    }


def evaluated(model: Model, table: pd.DataFrame | None = None, **config: Any) -> Any:
    return mlflow.models.evaluate(
        model.predict,
        data() if table is None else table,
        targets="bought",
        model_type="classifier",
        evaluators="unlearning",
        evaluator_config={"side": "side", "person": "patient", "groups": ["region"], "labels": LABELS, **config},
    )


def test_a_model_that_forgot_passes_and_one_that_did_not_fails(tracked: None) -> None:
    known = models()
    compared = {name: known[name] for name in ("before", "retrained", "retrained_again")}
    compared |= {"margins": {"utility": 0.15, "agreement": 0.2, "membership": 0.15}}  # type: ignore[dict-item]
    good, bad = evaluated(known["good"], **compared), evaluated(known["before"], **compared)
    verdicts = [{one["name"]: one["verdict"] for one in each.artifacts["unlearning/checks"].content} for each in (good, bad)]
    assert (verdicts[0]["membership"], verdicts[0]["relative"], verdicts[0]["lira"]) == ("passed", "passed", "underpowered")
    assert (verdicts[1]["membership"], verdicts[1]["relative"]) == ("failed", "failed")
    assert abs(good.metrics["unlearning_membership_auc"] - 0.5) < 0.15 < bad.metrics["unlearning_membership_auc"] - 0.5
    assert bad.metrics["unlearning_answers_moved_largest"] == 0
    assert bad.metrics["unlearning_membership_auc"] == bad.metrics["unlearning_before_membership_auc"]
    assert good.metrics["unlearning_membership_auc_low"] < good.metrics["unlearning_membership_floor"]

    # All of it is on the run, and names neither a person nor a group of three.
    run = mlflow.get_run(good.run_id)
    assert good.metrics.items() <= run.data.metrics.items()
    folder = Path(mlflow.artifacts.download_artifacts(run_id=good.run_id, artifact_path="unlearning"))
    assert {one.name for one in folder.iterdir()} == {"checks.json", "by_group.json", *(f"{name}.png" for name in NAMES)}
    assert all((folder / f"{name}.png").read_bytes().startswith(b"\x89PNG") for name in NAMES)
    told = (folder / "checks.json").read_text() + (folder / "by_group.json").read_text()
    assert "canary" not in told
    assert "Atlantis" not in told
    assert {row["group"] for row in json.loads((folder / "by_group.json").read_text())} == {"north", "south"}


def test_without_anything_to_compare_with_what_can_be_is_measured(tracked: None) -> None:
    found = evaluated(models()["good"])
    assert "unlearning_unseen_accuracy" in found.metrics
    assert "unlearning_answers_kept" not in found.metrics
    assert "unlearning/checks" not in found.artifacts
    nobody = data().loc[lambda table: table["side"] != FORGET]
    assert "unlearning_membership_auc" not in evaluated(models()["good"], nobody).metrics


@pytest.mark.parametrize(
    ("model", "changes", "config", "why"),
    [
        ({}, {}, {"side": None}, "name the column that says forgotten"),
        ({}, {}, {"person": "nobody"}, "no column nobody"),
        ({}, {}, {"sides": "side"}, "unknown sides"),
        ({}, {"side": UNSEEN.upper()}, {}, "something else in 240 rows"),
        ({}, {"bought": "perhaps"}, {}, "240 targets are none of the labels"),
        ({"answers": lambda found: found.argmax(axis=1)}, {}, {}, "expected a probability for each"),
    ],
)
def test_what_says_too_little_is_refused(
    tracked: None, model: dict[str, Any], changes: dict[str, Any], config: dict[str, Any], why: str
) -> None:
    with pytest.raises(WrongUse, match=why):
        evaluated(Model(world().rows[RETAIN], 7, **model), data().assign(**changes), **config)


def test_a_regression_is_measured_too(tracked: None) -> None:
    made = world()
    values = Model(made.rows[RETAIN], 7, answers=lambda found: found[:, 1])
    table = data().assign(bought=made.labels.astype(float))
    found = mlflow.models.evaluate(
        values.predict,
        table,
        targets="bought",
        model_type="regressor",
        evaluators="unlearning",
        evaluator_config={"side": "side", "person": "patient", "groups": ["region"]},
    )
    assert np.isfinite(found.metrics["unlearning_unseen_rmse"])
    assert 0.3 < found.metrics["unlearning_membership_auc"] < 0.7
