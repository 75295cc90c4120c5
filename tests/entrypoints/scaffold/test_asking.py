"""What `unlearn init` asks, takes for granted, mends, and leaves alone, in a repository with stages of its own."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.entrypoints.cli.commands import Answer, unlearn
from tests.entrypoints.scaffold.test_proposal import rows
from unlearning.entrypoints.scaffold import notes
from unlearning.project import settings
from unlearning.stores.dvc import repository as dvc_repository
from unlearning.stores.tables import redaction

THEIRS = "stages:\n  prepare: # cleans\n    cmd: ./clean.sh\n  train:\n    cmd: ./fit.sh\n    params: [train.lr]\n"
KNOBS = "train:   # for fit.sh\n  lr: 0.1\nprepare: {seed: 7}\n"


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with stages `prepare` and `train`, and one table of people."""
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site-cache"))
    root = tmp_path / "own"
    repository = dvc_repository.create(root, remote=".dvc-remote")
    (root / "dvc.yaml").write_text(THEIRS)
    (root / "params.yaml").write_text(KNOBS)
    redaction.write(rows(), root / "data/people.parquet")
    repository.add(["data/people.parquet"])
    return root


def init(root: Path, *words: str) -> Answer:
    return unlearn(root, "init", *words)


def stages(root: Path) -> dict[str, Any]:
    return YAML(typ="safe").load((root / "dvc.yaml").read_text())["stages"]


def check_that_all_agree(root: Path) -> None:
    """`params.yaml`, `dvc.yaml` and the recipe's file name the same paths."""
    loaded, found = settings.load(root), stages(root)
    ours = {stage["cmd"].split()[-1]: stage for stage in found.values() if stage["cmd"].startswith("unlearn ")}
    assert ours["prepare"]["deps"] == [loaded.data.source]
    assert ours["prepare"]["outs"] == [loaded.data.train, loaded.data.holdout]
    assert ours["check"]["deps"] == [loaded.data.train, loaded.data.holdout]
    recipe = str(loaded.recipe).partition(":")[0]
    assert ours["train"]["deps"][:2] == [loaded.data.train, recipe]
    assert (root / recipe).is_file()


def test_what_the_table_suggests_is_taken_and_said_where_nobody_can_be_asked(own: Path) -> None:
    done = init(own, "--model", "churn")
    assert done.code == 0
    proposed = "data/people.parquet: 30 people, named by customer_id (text)\nlearns    churned (no, yes) by torch\n"
    assert done.out.startswith(proposed)
    assert "1. look through recipes/churn.py" in done.out
    assert "Back up .unlearning/keys" in done.out
    check_that_all_agree(own)
    assert (own / "dvc.yaml").read_text().startswith(THEIRS)
    assert (own / "params.yaml").read_text().startswith(KNOBS)
    assert list(stages(own)) == ["prepare", "train", *(f"unlearn-{name}" for name in ("prepare", "check", "train", "evaluate"))]
    assert settings.load(own).partition.shards == 1


def test_json_says_the_same(own: Path) -> None:
    said = init(own, "--json").document
    assert (said["proposed"]["person"], said["proposed"]["target"]) == ("customer_id", "churned")
    assert settings.load(own).model == "churned"
    assert len(said["next"]) == 3
    assert said["keys"] == ".unlearning/keys"


def test_a_second_run_changes_nothing_and_one_with_another_option_mends_what_that_touches(own: Path) -> None:
    init(own)
    before = {file: file.read_bytes() for file in own.rglob("*") if file.is_file() and ".git/" not in str(file)}
    again = init(own)
    assert {file: file.read_bytes() for file in before} == before
    assert not {line.split()[0] for line in again.out.splitlines()[: again.out.splitlines().index("next")]} - {"kept"}
    other = init(own, "--target", "plan")
    assert "mended    recipes/churned.py" in other.out
    assert 'target="plan"' in (own / "recipes/churned.py").read_text()
    assert {line.split()[0] for line in other.out.splitlines() if "yaml" in line and line[0] != " "} <= {"kept", "extended"}


def test_another_table_moves_every_path_of_it_and_nothing_else(own: Path) -> None:
    init(own)
    redaction.write(rows(), own / "raw/others.parquet")
    dvc_repository.DvcData(own).add(["raw/others.parquet"])
    before = (own / "params.yaml").read_text()
    assert init(own, "--table", "raw/others.parquet").code == 0
    check_that_all_agree(own)
    assert settings.load(own).data.source == "raw/others.parquet"
    changed = [
        (a, b) for a, b in zip(before.splitlines(), (own / "params.yaml").read_text().splitlines(), strict=True) if a != b
    ]
    assert [(a.split()[1], b.split()[1]) for a, b in changed] == [("data/people.parquet", "raw/others.parquet")]


@pytest.mark.parametrize("lost", ["dvc.yaml", "recipes/churned.py", ".gitignore", "prefect.yaml"])
def test_a_first_run_that_was_killed_half_way_is_finished(own: Path, lost: str) -> None:
    init(own)
    whole = (own / lost).read_bytes()
    (own / lost).unlink()
    if lost == "dvc.yaml":
        (own / lost).write_text(THEIRS)
    assert init(own).code == 0
    assert (own / lost).read_bytes() == whole


def test_paths_that_somebody_changed_in_params_are_followed_by_the_stages(own: Path) -> None:
    init(own)
    text = (own / "params.yaml").read_text()
    (own / "params.yaml").write_text(text.replace("data/train.parquet", "split/fit.parquet"))
    said = init(own)
    assert "mended    dvc.yaml: unlearn-train" in said.out
    check_that_all_agree(own)


def test_what_somebody_wrote_stays_and_is_said(own: Path) -> None:
    init(own)
    recipe = own / "recipes/churned.py"
    recipe.write_text(recipe.read_text().replace("epochs=40", "epochs=4"))
    text = (own / "params.yaml").read_text()
    (own / "params.yaml").write_text(text.replace("  model: churned", "  model: mine"))
    said = init(own, "--target", "plan", "--model", "other").out
    assert "epochs=4," in recipe.read_text()
    assert settings.load(own).model == "mine"
    assert "kept      recipes/churned.py\n          not as `unlearn init` wrote it" in said
    assert "kept      params.yaml: model\n          says 'mine'" in said


def test_a_clone_has_no_notes_and_loses_nothing(own: Path) -> None:
    init(own)
    (own / notes.FILE).unlink()
    before = (own / "params.yaml").read_bytes(), (own / "recipes/churned.py").read_bytes()
    assert init(own, "--model", "other", "--target", "plan").code == 0
    assert ((own / "params.yaml").read_bytes(), (own / "recipes/churned.py").read_bytes()) == before


def test_names_of_tables_that_are_taken_are_left_to_whoever_has_them(own: Path) -> None:
    (own / "dvc.yaml").write_text(THEIRS + "    outs: [data/train.parquet]\n")
    init(own)
    assert settings.load(own).data.train == "data/unlearning/train.parquet"
    check_that_all_agree(own)


def test_a_folder_of_csv_parts_is_one_table(own: Path) -> None:
    (own / "parts").mkdir()
    for number in range(2):
        content = rows()
        lines = [",".join(content), *(",".join(map(str, row)) for row in zip(*content.values(), strict=True))]
        (own / f"parts/{number}.csv").write_text("\n".join(lines) + "\n")
    dvc_repository.DvcData(own).add(["parts"])
    assert init(own, "--table", "parts").code == 0
    assert settings.load(own).data.train == "train.csv"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--table", "data/nothing.csv"), "nothing is there; run `dvc add"),
        (("--table", "params.yaml"), "not tracked by DVC"),
        (("--person", "age_of"), "no column 'age_of'"),
        (("--target", "customer_id"), "another column"),
        (("--adopt-only", "--table", "data/people.parquet"), "expected one"),
    ],
)
def test_an_answer_that_cannot_be_is_refused_before_anything_is_written(own: Path, words: tuple[str, ...], says: str) -> None:
    before = sorted(str(file) for file in own.rglob("*"))
    refused = init(own, *words)
    assert (refused.code, says in refused.err) == (2, True), refused.err
    assert sorted(str(file) for file in own.rglob("*")) == before


def test_of_two_tables_one_has_to_be_named(own: Path) -> None:
    redaction.write(rows(), own / "data/others.parquet")
    dvc_repository.DvcData(own).add(["data/others.parquet"])
    assert "--table; DVC tracks data/others.parquet, data/people.parquet" in init(own).err
    assert init(own, "--table", "data/people.parquet").code == 0


def test_a_project_of_one_kind_is_not_made_the_other(own: Path) -> None:
    init(own)
    before = (own / "params.yaml").read_bytes()
    assert "this project trains a model of its own" in init(own, "--adopt-only").out
    assert (own / "params.yaml").read_bytes() == before


def test_on_a_terminal_it_asks_and_enter_takes_what_is_proposed(own: Path) -> None:
    screen, keyboard = pty.openpty()
    script = "from unlearning.entrypoints.cli import main; main(prog_name='unlearn')"
    running = subprocess.Popen(
        [sys.executable, "-c", script, "init"], cwd=own, stdin=keyboard, stdout=keyboard, stderr=keyboard, close_fds=True
    )
    os.close(keyboard)
    shown, answers = "", ["\n", "\n", "nowhere\n", "plan\n", "leaving\n"]
    until = time.monotonic() + 120
    while time.monotonic() < until and (running.poll() is None or select.select([screen], [], [], 0)[0]):
        if not select.select([screen], [], [], 0.5)[0]:
            continue
        try:
            shown += os.read(screen, 4096).decode(errors="replace")
        except OSError:
            break
        if answers and shown.endswith(("]: ", "?: ")):
            os.write(screen, answers.pop(0).encode())
            shown += "\n"
    assert running.wait(60) == 0, shown
    assert "Which table has the people?" in shown
    assert "'nowhere' is not one of" in shown
    assert settings.load(own).model == "leaving"
    assert 'target="plan"' in (own / "recipes/leaving.py").read_text()
    check_that_all_agree(own)


def test_a_model_of_sums_gets_one_shard_and_is_subtracted_from(own: Path) -> None:
    done = init(own, "--model", "churn", "--recipe", "statistics")
    assert done.code == 0
    said = settings.load(own)
    assert (said.partition.shards, said.partition.slices) == (1, 1)
    assert said.policy.methods == ["subtract", "sisa", "retrain"]
    assert "# in this order" in (own / "params.yaml").read_text()
    assert init(own).code == 0
    assert settings.load(own) == said


def test_a_further_model_that_params_lists_gets_its_recipe_too(own: Path) -> None:
    assert init(own, "--model", "churn", "--target", "churned").code == 0
    said = (own / "params.yaml").read_text()
    models = "  models:\n    churn: {recipe: 'recipes/churn.py:recipe'}\n    tariff: {recipe: 'recipes/tariff.py:recipe'}\n"
    one = "".join(line for line in said.splitlines(True) if not line.startswith(("  model:", "  recipe:", "  models:")))
    (own / "params.yaml").write_text(one.replace("unlearning:\n", f"unlearning:\n{models}", 1))
    first = (own / "recipes/churn.py").read_bytes()

    assert init(own).code == 0
    assert not (own / "recipes/tariff.py").exists()
    answer = init(own, "--model", "tariff", "--recipe", "statistics", "--target", "plan")
    assert (answer.code, "written   recipes/tariff.py" in answer.out) == (0, True), answer.said
    written = (own / "recipes/tariff.py").read_text()
    assert 'target="plan"' in written
    assert "StatisticsRecipe(" in written
    assert "unlearn train tariff" in {one["cmd"] for one in stages(own).values()}
    assert (own / "recipes/churn.py").read_bytes() == first

    (own / "recipes/tariff.py").write_text(f"{written}# mine\n")
    again = init(own, "--model", "tariff", "--recipe", "statistics", "--target", "plan")
    assert "kept      recipes/tariff.py" in again.out
    assert (own / "recipes/tariff.py").read_text().endswith("# mine\n")
    other = init(own, "--model", "tariff", "--table", "data/others.parquet", "--target", "plan")
    assert (other.code, "params.yaml says data/people.parquet of 'tariff'" in other.err) == (2, True), other.said
