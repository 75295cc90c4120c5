"""Step 7: the alias moves only from where it was expected."""

from __future__ import annotations

import pytest

from tests.erasure.steps.begun import planned
from tests.small_project import HOLDOUT, TRAIN, Project
from unlearning.domain.chain import Trained
from unlearning.domain.errors import ParentMoved
from unlearning.erasure.erasure import Erasure
from unlearning.erasure.record_sets import RecordSets
from unlearning.erasure.steps.promote import check_served, promote_step
from unlearning.erasure.steps.redact import redact_step
from unlearning.stores.tables import redaction, tables

NOTHING = Trained("sisa", "exact", ())


def test_an_alias_that_moved_since_the_plan_is_planned_for_again_and_nothing_is_registered(
    redacted: Project, erasure: Erasure, sets: RecordSets
) -> None:
    redacted.workspace.models.withdraw_alias("outcome", "champion")
    with pytest.raises(ParentMoved, match="moved from outcome/1 to None"):
        promote_step(erasure, sets, NOTHING, {})
    assert len(redacted.workspace.models.versions("outcome")) == 1


def test_a_table_that_changed_since_it_was_redacted_keeps_the_candidate_from_serving(
    redacted: Project, erasure: Erasure, sets: RecordSets
) -> None:
    keep = [True] * tables.read(redacted.root / TRAIN).num_rows
    keep[0] = False
    redaction.redact(redacted.root / TRAIN, redacted.root / TRAIN, keep)
    redacted.workspace.data.record([TRAIN])
    with pytest.raises(ParentMoved, match="changed since"):
        promote_step(erasure, sets, NOTHING, {})
    assert redacted.champion == 1


def test_a_version_that_they_never_shaped_may_serve_while_their_data_goes(project: Project) -> None:
    erasure = planned(project, project.people(HOLDOUT)[0])
    redact_step(erasure)
    check_served(erasure, RecordSets(erasure))
    assert project.champion == 1
