"""`unlearn init` looks first: what is registered already, and what looking after it would take."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.entrypoints.cli.commands import unlearn
from tests.registry import Elsewhere
from unlearning.entrypoints.scaffold.found import Found, Looked, Way
from unlearning.project.settings import Settings
from unlearning.stores.dvc import repository as dvc_repository

PEOPLE = 130
STAGE = {"churn": {"cmd": "python churn.py", "deps": ["data/churn.csv", "churn.py"]}}


@pytest.fixture
def own(tmp_path: Path, blank_registry: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Elsewhere]:
    """A repository that trains and registers by itself, and has never heard of us."""
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site-cache"))
    root = tmp_path / "own"
    repository = dvc_repository.create(root, remote=".dvc-remote")
    (root / "mlflow.db").write_bytes(blank_registry.read_bytes())
    rows = [f"{100000 + number},{number % 7},{number % 2}" for number in range(PEOPLE) for _ in range(2)]
    (root / "data").mkdir()
    (root / "data/churn.csv").write_text("\n".join(["customer_id,visits,churned", *rows]) + "\n")
    (root / "churn.py").write_text("mlflow.sklearn.log_model(model, registered_model_name='churn')\n")
    (root / "dvc.yaml").write_text(json.dumps({"stages": STAGE}))
    repository.add(["data/churn.csv"])
    repository.git.commit("Churn", ["."])
    return root, Elsewhere.at(f"sqlite:///{root}/mlflow.db", tmp_path / "scratch")


def registered(elsewhere: Elsewhere, name: str, *flavours: str, files: Path) -> None:
    run = elsewhere.run()
    model = elsewhere.logged(run)
    files.mkdir(exist_ok=True)
    with (files / "MLmodel").open("w") as stream:
        YAML().dump({"flavors": {one: {} for one in (*flavours, "python_function")}}, stream)
    elsewhere.client.log_model_artifacts(model, str(files))
    elsewhere.register(name, model, run)


def test_each_model_is_told_with_what_looking_after_it_takes(own: tuple[Path, Elsewhere], tmp_path: Path) -> None:
    root, elsewhere = own
    for _ in range(2):
        registered(elsewhere, "churn", "sklearn", files=tmp_path / "files")
    registered(elsewhere, "speech", "tensorflow", files=tmp_path / "other")
    registered(elsewhere, "words", "pytorch", files=tmp_path / "third")
    elsewhere.client.set_registered_model_alias("churn", "live", "1")
    said = unlearn(root, "init", "--adopt-only", "--json").document
    churn, speech, words = said["found"]
    assert said["unseen"] is None
    assert (churn["model"], churn["version"], churn["aliases"]) == ("churn", 2, {"live": 1})
    assert (churn["flavours"], churn["stages"], churn["table"]) == (["sklearn"], ["churn"], "data/churn.csv")
    assert churn["seconds"] < 60
    recipe, adoption = churn["ways"]
    assert recipe["commands"] == ["unlearn init --model churn --recipe sklearn --table data/churn.csv --target COLUMN"]
    # 130 people: 5 shards of 4 slices, of which a request trains (4 + 1) / 2 on average.
    assert recipe["next_request"] == "a request trains 1 of 5 shards again from the person's slice on, about 12% of a training"
    assert adoption["commands"] == [
        "unlearn init --adopt-only",
        "unlearn adopt churn/2 --data data/churn.csv --subject-column customer_id --stage churn",
    ]
    assert adoption["next_request"].startswith("a request runs the stage churn again, all of a training, ")
    # Nobody here trains such a model, and no stage is known to make it.
    assert [one["way"] for one in speech["ways"]] == ["adoption"]
    assert speech["ways"][0]["commands"][1] == "unlearn adopt speech/1 --data PATH --subject-column COLUMN --stage STAGE"
    assert "or every erasure lists the model as left" in speech["ways"][0]["next_request"]
    # Of whose people nobody knows how many there are, no figure is said.
    assert words["ways"][0]["next_request"] == "a request trains one shard again from the person's slice on"


def test_people_read_it_before_anything_is_asked_and_a_second_time_nobody_looks(
    own: tuple[Path, Elsewhere], tmp_path: Path
) -> None:
    root, elsewhere = own
    registered(elsewhere, "churn", "xgboost", files=tmp_path / "files")
    first = unlearn(root, "init", "--adopt-only").out.splitlines()
    assert first[0] == "1 model registered already; what looking after each takes:"
    assert first[1].startswith("found     churn/1 (xgboost); made by the stage churn from data/churn.csv in ")
    assert "unlearn init --model churn --recipe boosting --table data/churn.csv" in first[3]
    assert "registered already" not in unlearn(root, "init").out


def test_the_proposed_commands_do_what_they_say(own: tuple[Path, Elsewhere], tmp_path: Path) -> None:
    root, elsewhere = own
    registered(elsewhere, "churn", "xgboost", files=tmp_path / "files")
    [churn] = unlearn(root, "init", "--adopt-only", "--json").document["found"]
    (root / "params.yaml").unlink()
    words = churn["ways"][0]["commands"][0].replace("COLUMN", "churned").split()[1:]
    answer = unlearn(root, *words)
    assert answer.code == 0, answer.said
    assert "unlearning.learners.boosting" in (root / "recipes/churn.py").read_text()


def test_a_repository_without_a_registry_gets_none_by_being_looked_at(own: tuple[Path, Elsewhere]) -> None:
    root, _ = own
    (root / "mlflow.db").unlink()
    said = unlearn(root, "init", "--adopt-only", "--json").document
    assert (said["found"], said["unseen"]) == ([], None)
    assert not (root / "mlflow.db").exists()


def test_a_registry_that_cannot_be_asked_is_said_and_holds_nothing_up(
    own: tuple[Path, Elsewhere], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, _ = own
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "file:///nowhere")
    answer = unlearn(root, "init", "--adopt-only")
    assert answer.code == 0
    assert answer.out.startswith("what is registered already was not looked at: stores.mlflow is 'file:///nowhere'")
    assert (root / "params.yaml").exists()


def found(name: str, table: str | None, *ways: str) -> Found:
    return Found(name, 1, {}, (), (), table, None, [Way(way, (), "") for way in ways])  # type: ignore[arg-type]


def test_several_models_with_a_table_are_proposed_as_lines_that_params_takes() -> None:
    both = ("own recipe", "adoption")
    models = [
        found("Churn_risk", "data/c.csv", *both),
        found("speech", "data/s.csv", "adoption"),
        found("stay", "data/c.csv", *both),
    ]
    models += [found("words", "data/w.parquet", *both), found("lost", None, *both), found("two words", "data/c.csv", *both)]
    section = YAML(typ="safe").load("\n".join(Looked(models).several))
    settings = Settings.model_validate({"data": {"source": "data/c.csv"}, **section})
    said = {own.model: (own.recipe, own.data.source) for own in settings.owns}
    assert said == {
        "Churn_risk": ("recipes/churn-risk.py:recipe", "data/c.csv"),
        "stay": ("recipes/stay.py:recipe", "data/c.csv"),
        "words": ("recipes/words.py:recipe", "data/w.parquet"),
    }
    assert settings.owns[2].data.train == "data/w/train.parquet"
    assert Looked(models[:2]).several == []
    assert all(any(line in shown for shown in Looked(models).lines) for line in Looked(models).several)
