"""Commands about an erasure: what is said of its price, and a run with nothing to do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.entrypoints.cli.commands import unlearn
from tests.small_project import TRAIN, Project
from unlearning.domain.entities import Impact, ShapedVersion, ShardImpact
from unlearning.domain.versions import DataVersion
from unlearning.entrypoints.cli.erasure import _impact_lines

IMPACT = Impact(
    records=1,
    tokens=("ab" * 32, "cd" * 32),
    not_found=("ef" * 32,),
    data_versions=(DataVersion("data/a.csv", "1" * 64, "2" * 32, None, 4, 3),),
    model_versions=(ShapedVersion("fraud", 3, ("live", "next"), "1" * 64),),
    shards=(ShardImpact(shard=1, first_slice=2, slices=4, records=1),),
    shards_total=8,
    slices_total=4,
    checkpoints_stale=("a", "b", "c"),
    estimated_seconds=1.26,
    method="sisa",
)


def test_the_price_is_told_in_numbers_with_their_nouns() -> None:
    lines = _impact_lines(IMPACT)
    assert lines[0] == "1 record of 2 people; 1 person not found"
    assert "  data    data/a.csv@222222222222" in lines
    assert "  model   fraud/3  @live @next" in lines
    assert lines[-1] == "  method sisa, about 1.3 s of training"
    assert not [line for line in lines if "ab" * 6 in line]


def test_a_project_that_trains_nothing_has_no_price_of_training() -> None:
    lines = _impact_lines(replace(IMPACT, method=None))
    assert not [line for line in lines if "shards" in line or "checkpoints" in line or "method" in line]


def test_an_erasure_of_nobody_starts_no_prefect(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    request_id = project.request(project.people(TRAIN)[0])[0].request_id
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")  # nobody answers there
    unlearn(project.root, "cancel", request_id, "--reason", "a mistake")
    assert unlearn(project.root, "erase").out == "no open request; nothing to do\n"
    assert unlearn(project.root, "erase", "--request", request_id, "--json").document["models"] == []
