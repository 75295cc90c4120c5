"""A candidate by one name, and the lineage of versions that were trained here."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from tests.small_project import Project
from unlearning.domain.chain import Chain, Part, Trained
from unlearning.domain.entities import ModelRecord
from unlearning.domain.errors import NotFound
from unlearning.domain.versions import DataVersion, ModelVersion
from unlearning.project.training.registration import head, parent_of, record_of, unproven

PARTS = tuple(Part(shard, key, "digest", 1, 4, 0.1) for shard, key in ((0, "a"), (1, "b")))
CHAIN = Chain("recipe", 0, ())
TRAINED = Trained("sisa", "exact", PARTS)


def test_a_candidate_has_one_name_whatever_it_cost_and_in_whatever_order_it_came() -> None:
    cheaper = tuple(replace(part, slices_trained=0, cpu_seconds=0.0) for part in reversed(PARTS))
    assert head(replace(TRAINED, parts=cheaper)) == head(TRAINED)


def test_another_constituent_or_one_less_is_another_candidate() -> None:
    swapped = (replace(PARTS[0], key="b"), replace(PARTS[1], key="a"))
    for parts in (swapped, PARTS[:1], (), (PARTS[0], replace(PARTS[1], shard=2))):
        assert head(replace(TRAINED, parts=parts)) != head(TRAINED)


def test_versions_without_a_proof_are_counted_back_to_the_last_that_had_one() -> None:
    def version(number: int, guarantee: str) -> ModelRecord:
        before = ModelVersion("m", number - 1) if number > 1 else None
        trained = Trained("a method", guarantee, PARTS)
        return ModelRecord(ModelVersion("m", number), "run", DataVersion("t", "", "d", None, 1, 1), CHAIN, trained, 0, before)

    said = ("exact", "empirical", "empirical", "certified (ε=1, δ=0.0001)", "empirical")
    known = {number: version(number, guarantee) for number, guarantee in enumerate(said, start=1)}
    workspace = SimpleNamespace(lineage=SimpleNamespace(model=lambda _, number: known.get(number)))
    assert [unproven(workspace, one) for one in known.values()] == [0, 1, 2, 0, 1]  # type: ignore[arg-type]
    known.pop(1)
    assert unproven(workspace, known[3]) == 2  # type: ignore[arg-type]


def test_the_version_that_serves_has_its_record_and_one_that_nobody_trained_here_has_none(project: Project) -> None:
    workspace = project.workspace
    parent = parent_of(workspace)
    assert (str(parent), record_of(workspace, parent).model) == ("outcome/1", parent)
    with pytest.raises(NotFound, match=r"outcome/9 has no recorded lineage.*`unlearn train`"):
        record_of(workspace, ModelVersion("outcome", 9))
