"""The table of examples, their files, and the shop: what others are recommended when a customer leaves."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from tests.entrypoints.test_examples import ECOMMERCE, create, people, train
from tests.small_project import HOLDOUT, TRAIN, Project
from unlearning.entrypoints.cli import main
from unlearning.entrypoints.demo.examples import EXAMPLES, TEMPLATES, Recommended, _moved, _recommended

ROOT = Path(__file__).parents[3] / "examples"


@pytest.mark.parametrize("name", [folder.name for folder in sorted(TEMPLATES.iterdir())])
def test_what_the_demo_copies_is_the_example_that_readers_copy(name: str) -> None:
    assert name in EXAMPLES
    copied = {file.name: file.read_bytes() for file in (TEMPLATES / name).iterdir() if file.is_file()}
    shown = {file.name: file.read_bytes() for file in (ROOT / name).iterdir() if file.is_file()}
    shown.pop("README.md")
    assert copied == shown


def test_an_example_that_is_not_there_is_refused_with_those_that_are() -> None:
    told = CliRunner().invoke(main, ["demo", "--example", "weather"])
    assert told.exit_code == 2
    assert all(name in told.output for name in EXAMPLES)


RATINGS = {
    "u.data": ("1\t10\t5\t100\n2\t10\t3\t101\n2\t12\t4\t102\n", "u.item", "10|One (1990)|\n11|Nobody's|\n12|Two|\n"),
    "ratings.dat": ("1::10::5::100\n2::10::3::101\n2::12::4::102\n", "movies.dat", "10::One\n11::Nobody's\n12::Two\n"),
    "ratings.csv": (
        "userId,movieId,rating,timestamp\n1,10,4.5,100\n2,10,3.5,101\n2,12,4.0,102\n",
        "movies.csv",
        'movieId,title,genres\n10,"One, the",a\n11,Nobody\'s,a\n12,Two,a\n',
    ),
}


@pytest.mark.parametrize("name", RATINGS)
def test_movielens_is_read_as_purchases_and_its_films_as_the_catalogue(name: str, tmp_path: Path) -> None:
    ratings, films, said = RATINGS[name]
    (tmp_path / "ml").mkdir()
    (tmp_path / "ml" / name).write_text(ratings)
    (tmp_path / "ml" / films).write_text(said)
    for file in ("recipe.py", "records.py"):
        shutil.copy(ROOT / "ecommerce" / file, tmp_path)
    subprocess.run([sys.executable, "-B", "records.py", f"ml/{name}", "data/records.parquet"], cwd=tmp_path, check=True)
    found = pq.read_table(tmp_path / "data/records.parquet").to_pydict()
    assert (found["customer"], found["product"]) == (["1", "2"], ["10", "12"])
    assert (tmp_path / "catalogue.txt").read_text().split() == ["10", "11", "12"]


def test_what_moved_is_said_in_numbers() -> None:
    before = Recommended({b"one": (1, 2), b"two": (3, 4), b"left": (5, 6)}, np.array([3, 1, 0, 2]))
    after = Recommended({b"one": (2, 1), b"two": (3, 9)}, np.array([2, 0, 0, 2]))
    said = {row[0]: row[1] for row in _moved(before, after).rows}
    assert said["others' recommendations"].startswith("75.0% of 2 people")
    assert said["their co-purchases"] == "2 taken out of 6, of 2 pairs of products"
    assert said["that only they had"].startswith("1 pair,")


def asked(project: Project, *words: str) -> str:
    """What the example's script prints."""
    kept = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "recommend.py", *words],
        cwd=project.root,
        capture_output=True,
        text=True,
        check=False,
        env={**kept, "MLFLOW_DISABLE_TELEMETRY": "true"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.usefixtures("tools")
def test_customers_opt_out_of_the_shop_as_its_readme_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNLEARNING_PARTITION_KEY", f"{3:064x}")  # it decides who is in the holdout
    project, told = create(ECOMMERCE, tmp_path / "shop"), (ROOT / "ecommerce/README.md").read_text()
    [made] = train(project)
    assert made.alias == "champion", made.checks
    before, said = _recommended(project.workspace), asked(project)
    assert f"```\n{said}1\n```" in told
    [pair] = {line.split("--together ")[1] for line in told.splitlines() if "--together" in line}
    assert asked(project, "--together", *pair.split()) == "1\n"

    leaving = [f"{name}@example.com" for name in ("Customer7", "customer21", "customer300")]
    project.request(*leaving)
    (done,) = project.erase(replay=True)
    (model,) = done["models"]
    assert (model["method"], model["replay_equal"]) == ("subtract", True)
    assert not {one.lower() for one in leaving} & {*people(project, TRAIN, "customer"), *people(project, HOLDOUT, "customer")}

    assert asked(project, "--together", *pair.split()) == "0\n"
    assert asked(project) == said
    after = _recommended(project.workspace)
    share = float(_moved(before, after).rows[0][1].partition("%")[0])
    assert share > 97
