"""A candidate by one name, and the lineage of versions that were trained here."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.small_project import Project
from unlearning.domain.chain import Part, Trained
from unlearning.domain.errors import NotFound
from unlearning.domain.versions import ModelVersion
from unlearning.project.training.registration import head, parent_of, record_of

PARTS = tuple(Part(shard, key, "digest", 1, 4, 0.1) for shard, key in ((0, "a"), (1, "b")))
TRAINED = Trained("sisa", "exact", PARTS)


def test_a_candidate_has_one_name_whatever_it_cost_and_in_whatever_order_it_came() -> None:
    cheaper = tuple(replace(part, slices_trained=0, cpu_seconds=0.0) for part in reversed(PARTS))
    assert head(replace(TRAINED, parts=cheaper)) == head(TRAINED)


def test_another_constituent_or_one_less_is_another_candidate() -> None:
    swapped = (replace(PARTS[0], key="b"), replace(PARTS[1], key="a"))
    for parts in (swapped, PARTS[:1], (), (PARTS[0], replace(PARTS[1], shard=2))):
        assert head(replace(TRAINED, parts=parts)) != head(TRAINED)


def test_the_version_that_serves_has_its_record_and_one_that_nobody_trained_here_has_none(project: Project) -> None:
    workspace = project.workspace
    parent = parent_of(workspace)
    assert (str(parent), record_of(workspace, parent).model) == ("outcome/1", parent)
    with pytest.raises(NotFound, match=r"outcome/9 has no recorded lineage.*`unlearn train`"):
        record_of(workspace, ModelVersion("outcome", 9))
