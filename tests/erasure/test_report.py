"""Half-sentences for the log, and numbers with their nouns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from tests.examples import example
from tests.small_project import TRAIN, Project, copy
from unlearning.domain.chain import Part, Trained
from unlearning.domain.entities import CheckResult, Impact
from unlearning.domain.events import (
    AdoptedPromoted,
    AdoptedRetrained,
    ApprovalRequested,
    CandidateValidated,
    CertificateIssued,
    DataRedacted,
    ImpactAssessed,
    StepFact,
    TracesFound,
)
from unlearning.domain.planning.cost import Estimate
from unlearning.domain.planning.plan import OwnPlan, Plan
from unlearning.domain.traces import Deleted, Removed, Residual
from unlearning.domain.versions import ModelVersion
from unlearning.erasure import report
from unlearning.erasure.search import search
from unlearning.erasure.steps.assess import assess

OWN = OwnPlan("m", "champion", ModelVersion("m", 3), ("sisa", "retrain"), "data/train.parquet", retrain_model=True)
PLAN = Plan("erasure-1", ("t",), (), 0, OWN)
PASSED = CheckResult("utility", 0.9, "≥ 0.88", "passed", "on the holdout")
LEFT = Residual("old object", "physical", "residual", 1, "nobody can read it", "delete it")


@pytest.mark.parametrize(
    ("number", "noun", "said"),
    [(0, "record", "0 records"), (1, "record", "1 record"), (1, "person", "1 person"), (2, "person", "2 people")],
)
def test_a_number_has_its_noun(number: int, noun: str, said: str) -> None:
    assert report.counted(number, noun) == said


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (PLAN, "sisa then retrain, from m/3"),
        (replace(PLAN, own=replace(OWN, retrain_model=False)), "redact the data; m/3 never saw them"),
        (replace(PLAN, tokens=()), "nobody was found, nothing to change"),
        (replace(PLAN, own=None, adopted=("churn", "value")), "make churn, value again"),
        (replace(PLAN, own=None), "redact the data; no model is made again"),
    ],
)
def test_a_plan_is_said_in_half_a_sentence(plan: Plan, said: str) -> None:
    assert report.say_plan(plan) == said


def test_an_impact_names_shards_only_where_the_project_trains() -> None:
    found = example(ImpactAssessed).impact
    data, model, shard = found.data_versions[0], found.model_versions[0], found.shards[0]
    impact = replace(
        found,
        records=3,
        tokens=("a",),
        data_versions=(data, data),
        model_versions=(model,),
        shards=(shard,),
        shards_total=8,
    )
    assert report.say_impact(impact) == "3 records of 1 person in 2 data versions, 1 of 8 shards, 1 model version"
    assert "shards" not in report.say_impact(replace(impact, shards=(), shards_total=0))


def test_what_was_trained_checked_and_deleted_is_counted() -> None:
    parts = (Part(0, "a", "d", 0, 0, 0.0), Part(1, "b", "d", 2, 9, 0.5))
    assert report.say_fitted(Trained("sisa", "exact", parts)) == "1 of 2 shards trained"
    judged = example(CandidateValidated, passed=True, blocking=(), checks=(PASSED, replace(PASSED, verdict="failed")))
    assert report.say_validated(judged) == "1 of 2 checks passed, none forbids promotion"
    assert report.say_validated(replace(judged, passed=False, blocking=("utility", "drift"))) == "refused: utility, drift"
    assert report.say_redacted(example(DataRedacted, removed={"a": 2, "b": 0, "c": 1})) == "2 tables rewritten"
    purged = Deleted((Removed("here", 2, ()), Removed("there", 3, ())), (LEFT,), (), twins=1)
    assert report.say_purged(purged) == "5 traces deleted, 1 twin for old revisions"
    issued = CertificateIssued(path="c.json", residuals=1, decision="erased", left=(LEFT,))
    assert report.say_certified(issued).startswith("c.json; 1 place is left or unverified: ")
    assert report.say_certified(replace(issued, path=None)) == ""
    assert report.say_purged(Deleted((), (), ())) == "0 traces deleted"
    assert report.say_settled([]) == ""
    yours = "NOT run again: your stage embed; see the certificate's gaps"
    assert report.say_settled([], not_run=["embed"]) == yours
    assert report.say_settled(["reports/train.json"], not_run=["embed"]).endswith(f"; {yours}")


def test_an_adopted_version_serves_behind_the_aliases_that_moved() -> None:
    moved = example(AdoptedPromoted, model="churn", version=4, aliases=("live", "next"))
    assert report.say_adopted_promoted(moved) == "@live @next → churn/4"
    assert report.say_adopted_promoted(replace(moved, aliases=())) == "no alias → churn/4"


def test_every_step_that_takes_time_is_an_event_of_the_ledger() -> None:
    assert {AdoptedRetrained, AdoptedPromoted} <= report.STEPS.keys()
    assert report.STEPS.keys() == set(get_args(StepFact)) - {ApprovalRequested, TracesFound}
    assert len(set(report.STEPS.values())) == len(report.STEPS)


# --- how long, and where it was stopped ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("took_s", "said"), [(0.2, "1 s"), (8.4, "8 s"), (89, "89 s"), (100, "2 min"), (600, "10 min"), (9000, "2.5 h")]
)
def test_a_duration_has_the_unit_that_is_read_at_a_glance(took_s: float, said: str) -> None:
    assert report.duration(took_s) == said


def test_an_estimate_says_on_what_it_stands() -> None:
    assert report.say_estimate(Estimate(24, 4, 2)) == (
        "about 24 s from plan to certificate, training 4 s of it (from 2 former erasures of this project)"
    )
    assert "no erasure was measured here yet" in report.say_estimate(Estimate(20, 0, 0))


def test_a_former_erasure_is_measured_and_a_stopped_one_says_after_which_step(
    project: Project, erased_template: Project, tmp_path: Path
) -> None:
    def impact(where: Project) -> Impact:
        return assess(where.workspace, [request.token], search(where.workspace, {request.token}))

    [request] = project.request(project.people(TRAIN)[0])
    assert report.estimated(project.workspace, impact(project)).former == 0
    assert report.stopped(project.workspace) == "before the first step"

    project = copy(erased_template, tmp_path / "after one erasure")
    [request] = project.request(project.people(TRAIN)[0])
    found = report.estimated(project.workspace, impact(project))
    assert found.former == 1
    assert 0 < found.wall_s < 600

    def interrupt(name: str) -> None:
        if name.startswith("6 validate"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        project.erase(before=interrupt)
    assert report.stopped(project.workspace).startswith("after the step `unlearn`, which is recorded")
    project.erase()
    assert project.states()[request.request_id].startswith("completed")
