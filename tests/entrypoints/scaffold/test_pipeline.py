"""Our stages in somebody's `dvc.yaml`: free names, paths that agree, and nothing of theirs that moves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from unlearning.domain.errors import ProjectError
from unlearning.entrypoints.scaffold import pipeline, scaffold
from unlearning.project.settings import Data
from unlearning.stores.dvc.repository import DvcData

TEMPLATE = scaffold._template("dvc.yaml")
TABLES = Data(source="data/people.csv", train="data/train.csv", holdout="data/holdout.csv")
NAMES = ["prepare", "check", "train", "evaluate"]


@pytest.fixture
def data(tmp_path: Path) -> DvcData:
    """No repository is asked for anything here but where it lies."""
    made = DvcData.__new__(DvcData)
    made.root = tmp_path
    return made


def written(data: DvcData, existing: str | None, tables: Data = TABLES, recipe: str = "recipes/churn.py") -> pipeline.Written:
    return pipeline.written(data, existing, pipeline.of_one(TEMPLATE, tables, recipe))


def stages(text: str) -> dict[str, Any]:
    return YAML(typ="safe").load(text)["stages"]


def test_a_new_file_has_the_paths_that_it_was_told(data: DvcData) -> None:
    found = stages(written(data, None).text)
    assert list(found) == NAMES
    assert found["prepare"]["deps"] == ["data/people.csv"]
    assert found["prepare"]["outs"] == ["data/train.csv", "data/holdout.csv"]
    assert found["train"]["deps"] == ["data/train.csv", "recipes/churn.py", "reports/data.json"]
    assert written(data, None, Data(), pipeline.RECIPE).text == TEMPLATE


@pytest.mark.parametrize(
    ("taken", "prefix"),
    [
        (["train"], "unlearn-"),
        (["prepare", "train"], "unlearn-"),
        (["evaluate"], "unlearn-"),
        (["check", "unlearn-check"], "unlearning-"),
        (["train", "unlearn-check", "unlearning-train"], "unlearning-2-"),
        (["Train", "training"], ""),
    ],
)
def test_a_name_that_is_taken_gives_all_of_ours_a_prefix(data: DvcData, taken: list[str], prefix: str) -> None:
    existing = "stages:\n" + "".join(f"  {name}:\n    cmd: ./mine.sh {name}\n" for name in taken)
    first = written(data, existing)
    assert list(stages(first.text)) == [*taken, *(prefix + name for name in NAMES)]
    assert first.text.startswith(existing)
    assert set(written(data, first.text).done) == {prefix + name for name in NAMES}
    assert written(data, first.text).text == first.text


THEIRS = """\
# ours, since 2019
vars:
  - config.yaml        # shared

stages:
    fetch:   # nightly
        cmd: >-
            curl 'https://example.org/${name}'
        deps:
            - "a b.txt"
        outs: [raw.csv]

    # fits
    train:
        cmd:
            - ./one.sh
            - ./two.sh
        params: [train.lr]

metrics: [scores.json]  # of train
"""
OFFSET = "stages:\n  train:\n    cmd: x\n    deps:\n      - a\n      - b  # two\n"


@pytest.mark.parametrize(
    "existing",
    [OFFSET, OFFSET.replace("\n", "\r\n"), "---\n" + OFFSET, "stages:\n  train: {cmd: x, deps: [a]}\n", THEIRS],
    ids=["offset", "windows", "start", "flow", "wide"],
)
def test_every_line_of_theirs_stays_in_its_order(data: DvcData, existing: str) -> None:
    text = written(data, existing).text
    kept = iter(text.splitlines(keepends=True))
    # Indents of a style that is not one of YAML's two usual ones may change; words, comments and their order do not.
    plain = (lambda line: " ".join(line.split())) if existing == THEIRS else (lambda line: line)
    mine = [plain(line) for line in kept]
    at = [mine.index(plain(line)) for line in existing.splitlines(keepends=True) if line.strip()]
    assert at == sorted(at)
    assert {name: stage for name, stage in stages(text).items() if name in stages(existing)} == stages(existing)


def test_a_stage_of_an_earlier_run_follows_the_paths_of_now(data: DvcData) -> None:
    before = written(data, "stages:\n  train:\n    cmd: mine\n").text
    after = written(data, before, Data(source="raw/a.csv", train="raw/train.csv", holdout="raw/holdout.csv"), "r.py")
    assert {name: action for name, (action, _) in after.done.items()} == {f"unlearn-{name}": "mended" for name in NAMES}
    assert stages(after.text)["unlearn-train"]["deps"] == ["raw/train.csv", "r.py", "reports/data.json"]
    assert stages(after.text)["train"] == {"cmd": "mine"}


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("    - recipes/churn.py\n", "    - recipes/churn.py\n    - src/features.py\n"),
        ("    cmd: unlearn train\n", "    cmd: nice unlearn train\n"),
        ("    cmd: unlearn train\n", "    cmd: unlearn train\n    desc: nightly\n"),
        ("    - unlearning.partition\n", "    - unlearning.partition\n    - unlearning.run\n"),
    ],
)
def test_a_stage_that_somebody_changed_stays_and_what_it_lacks_is_said(data: DvcData, was: str, becomes: str) -> None:
    before = written(data, None).text.replace(was, becomes, 1)
    assert becomes in before
    after = written(data, before, TABLES, "recipes/new.py")
    action, note = after.done["train"]
    assert (action, becomes in after.text) == ("kept", True)
    assert "changed by hand" in note
    assert "recipes/new.py" in note


def test_a_stage_of_ours_is_known_by_its_command_whatever_its_name(data: DvcData) -> None:
    text = written(data, None).text.replace("  train:\n", "  fit_it:\n").replace("unlearn check", "poetry run unlearn check")
    assert list(stages(written(data, text).text)) == ["prepare", "check", "fit_it", "evaluate"]
    assert "unlearn-training" in stages(written(data, "stages:\n  unlearn-training: {cmd: unlearn training}\n").text)


@pytest.mark.parametrize("name", ["data.json", "train.json", "metrics.json"])
def test_a_report_that_another_stage_makes_is_refused_by_its_name(data: DvcData, name: str) -> None:
    with pytest.raises(ProjectError, match=f"stage score makes reports/{name}"):
        written(data, f"stages:\n  score:\n    cmd: x\n    metrics: [reports/{name}: {{cache: false}}]\n")


@pytest.mark.parametrize("text", ["stages: [a]\n", "- a\n", "stages: {a: [\n", "stages: word\n"])
def test_what_is_no_pipeline_is_refused(data: DvcData, text: str) -> None:
    with pytest.raises(ProjectError, match=r"dvc\.yaml"):
        written(data, text)
