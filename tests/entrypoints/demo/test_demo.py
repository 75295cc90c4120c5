"""The demo's figures and its care for what is there; the whole job is run by the examples' tests."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from unlearning.domain.errors import ProjectError
from unlearning.entrypoints.demo import data, demo
from unlearning.entrypoints.demo.examples import DEFAULT, EXAMPLES

MODEL = SimpleNamespace(
    from_version=1, to_version=2, replay_equal=True, training_seconds=2.0, replay=SimpleNamespace(seconds=7.0)
)
REPORT: Any = SimpleNamespace(models=[MODEL])


def test_a_folder_with_anything_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ProjectError, match="is not empty; name a new folder"):
        demo.run(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]


def test_the_headline_compares_unlearning_with_a_whole_training_and_says_how_people_were_made_up(tmp_path: Path) -> None:
    found = demo._headline(REPORT, tmp_path, EXAMPLES[DEFAULT])
    assert (found.alias_before, found.alias_after, found.replay_equal) == (1, 2, True)
    both: Any = SimpleNamespace(models=[MODEL, SimpleNamespace(**{**vars(MODEL), "replay_equal": False})])
    several = demo._headline(both, tmp_path, EXAMPLES[DEFAULT])
    assert (several.replay_equal, several.unlearn_seconds, several.retrain_seconds) == (False, 4.0, 14.0), "of every model"
    assert (found.unlearn_seconds, found.retrain_seconds, found.speedup_vs_retrain) == (2.0, 7.0, 3.5)
    assert found.grouping == data.GROUPING
    assert found.public_key.startswith(str(tmp_path))


def test_the_figures_are_those_of_the_headline(tmp_path: Path) -> None:
    done: Any = SimpleNamespace(headline=demo._headline(REPORT, tmp_path, EXAMPLES[DEFAULT]), total_seconds=61.4)
    figures = dict(demo._figures(done))
    assert figures == {
        "unlearning took": "2.0 s",
        "a full retraining took": "7.0 s, 3.5 × as long",
        "everything took": "61 s",
    }
