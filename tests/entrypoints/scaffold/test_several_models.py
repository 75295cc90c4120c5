"""The stages of a project with several models: tables that they share are made once, each model has its own of the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from unlearning.domain.errors import WrongUse
from unlearning.entrypoints.scaffold import asking, pipeline, scaffold
from unlearning.project.settings import Settings
from unlearning.stores.dvc.repository import DvcData

TEMPLATE = scaffold._template("dvc.yaml")
SHARED: dict[str, Any] = {
    "partition": {"shards": 2},
    "models": {"risk": {"recipe": "recipes/risk.py:recipe"}, "stay": {"recipe": "recipes/stay.py:recipe"}},
}
OWN_TABLES: dict[str, Any] = {
    "models": {**SHARED["models"], "stay": {**SHARED["models"]["stay"], "data": {"train": "d/t.csv", "holdout": "d/h.csv"}}}
}


def stages(said: dict[str, Any]) -> dict[str, Any]:
    return pipeline.of_several(TEMPLATE, Settings.model_validate(said), said)


def paths(stage: dict[str, Any], kind: str) -> list[str]:
    return list(pipeline._paths(stage, kind))


def test_tables_that_models_share_are_made_once_and_every_model_has_its_own_reports() -> None:
    found = stages(SHARED)
    each = [f"{name}-{model}" for model in ("risk", "stay") for name in ("check", "train", "evaluate")]
    assert list(found) == ["prepare", *each]
    assert found["prepare"]["cmd"] == "unlearn prepare"
    assert found["train-stay"]["cmd"] == "unlearn train stay"
    assert paths(found["train-stay"], "deps") == ["data/train.parquet", "recipes/stay.py", "reports/stay/data.json"]
    assert paths(found["train-stay"], "outs") == ["reports/stay/train.json"]
    assert paths(found["evaluate-risk"], "metrics") == ["reports/risk/metrics.json"]
    assert found["check-risk"]["outs"] == [{"reports/risk/data.json": {"cache": False}}]
    outputs = [out for stage in found.values() for out in pipeline._outputs(stage)]
    assert len(outputs) == len(set(outputs)), "DVC refuses an output that two stages make"


def test_a_stage_depends_on_the_keys_that_params_has_and_on_no_other_model() -> None:
    found = stages(SHARED)
    assert "params" not in found["prepare"]
    assert found["train-risk"]["params"] == ["unlearning.partition", "unlearning.models.risk"]


def test_a_model_with_tables_of_its_own_prepares_them_itself() -> None:
    found = stages(OWN_TABLES)
    assert [name for name in found if name.startswith("prepare")] == ["prepare-risk", "prepare-stay"]
    assert (found["prepare-stay"]["cmd"], paths(found["prepare-stay"], "outs")) == (
        "unlearn prepare stay",
        ["d/t.csv", "d/h.csv"],
    )
    assert found["prepare-stay"]["params"] == ["unlearning.models.stay.data"]


@pytest.fixture
def data(tmp_path: Path) -> DvcData:
    made = DvcData.__new__(DvcData)
    made.root = tmp_path
    return made


def test_the_stages_of_a_single_model_give_way_and_the_user_s_stay(data: DvcData) -> None:
    single = pipeline.of_one(TEMPLATE, Settings.model_validate(SHARED).data, "recipes/risk.py")
    before = pipeline.written(data, "stages:\n  mine:\n    cmd: ./mine.sh\n", single).text
    found = pipeline.written(data, before, stages(SHARED), instead_of=pipeline.INSTEAD_OF)
    there = YAML(typ="safe").load(found.text)["stages"]
    assert {"mine", "prepare", "train-risk", "evaluate-stay"} <= there.keys()
    assert not {"check", "train", "evaluate"} & there.keys()
    assert found.done["train"] == ("mended", "gone: each model has a stage of its own now")
    assert pipeline.written(data, found.text, stages(SHARED), instead_of=pipeline.INSTEAD_OF).text == found.text


def test_the_lines_of_another_model_are_written_by_hand(data: DvcData) -> None:
    (data.root / "params.yaml").write_text("unlearning: {models: {risk: {recipe: 'recipes/risk.py:recipe'}}}\n")
    with pytest.raises(WrongUse, match=r"write the lines of another one there, as `models: \{NAME: \{recipe: 'PATH"):
        asking.answered(data, asking.Said(model="stay"), asking.nobody)
