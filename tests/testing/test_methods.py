"""The conformance list can fail: each method here has one defect, most of them seen in public code, and is caught."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch

from tests.fakes import ClimbingLearner, FakeLearner
from unlearning.domain.chain import Part
from unlearning.domain.errors import Damaged, NotFound, WouldEmptyData
from unlearning.domain.hashing import bytes_digest
from unlearning.domain.protocols import Differentiable
from unlearning.methods import constituent
from unlearning.methods.scrub import divergence
from unlearning.methods.sisa import Sisa
from unlearning.methods.whole_model import WholeModel, result_key, whole_model
from unlearning.testing import Nonconforming, check_method, method_checks


@dataclass(frozen=True)
class Broken(Sisa):
    """SISA with room for a defect in `run`, and a memory that no method should have."""

    memory: dict = field(default_factory=dict)


class ReturnsTheParent(Broken):
    """The whole old chain is reused: nothing is forgotten."""

    def plan(self, assignment):
        jobs = super().plan(assignment)
        return [replace(job, parent=assignment.parent[job.shard]) for job in jobs] if assignment.parent else jobs

    def run(self, job, learner, records, checkpoints):
        if job.parent is None or (payload := checkpoints.get(job.parent)) is None:
            return super().run(job, learner, records, checkpoints)
        return Part(job.shard, job.keys[-1], checkpoints.put(job.keys[-1], payload), 0, 0, 0.0)


class NamesCheckpointsByPlace(Broken):
    """A cache keyed by shard and slice alone takes a stale checkpoint for the right one."""

    def run(self, job, learner, records, checkpoints):
        payload = self.memory.get((job.shard, job.bounds[-1] - job.bounds[0]))
        if payload is None:
            part = super().run(job, learner, records, checkpoints)
            self.memory[job.shard, job.bounds[-1] - job.bounds[0]] = checkpoints.get(part.key)
            return part
        return Part(job.shard, job.keys[-1], checkpoints.put(job.keys[-1], payload), 0, 0, 0.0)


class BringsTheFirstOnesBack(Broken):
    """The index lists of the first training are kept, and only the current request is taken out of them."""

    def plan(self, assignment):
        return [replace(job, forget=assignment.forget) for job in super().plan(assignment)]

    def run(self, job, learner, records, checkpoints):
        first = self.memory.setdefault(job.shard, records[job.bounds[0] : job.bounds[-1]])
        forget = records[slice(*job.forget)] if job.forget else records[:0]
        gone = {row.tobytes() for row in forget.features}
        kept = [row for row in range(len(first)) if first.features[row].tobytes() not in gone]
        fresh = learner.fresh(job.seed, first)
        state = learner.fit(fresh, first[kept], epochs=4, seed=job.seed)
        return Part(job.shard, job.keys[-1], checkpoints.put(job.keys[-1], learner.dumps(state)), 1, 4 * len(kept), 0.0)


class TrainsOneSliceTooMany(Broken):
    def run(self, job, learner, records, checkpoints):
        held = [stage for stage, key in enumerate(job.keys) if key in checkpoints]
        if held and held[-1] < len(job.keys) - 1:
            checkpoints.delete(job.keys[held[-1]])
        return super().run(job, learner, records, checkpoints)


class StartsOneSliceTooLate(Broken):
    """The checkpoint after the touched slice still holds the forgotten."""

    def run(self, job, learner, records, checkpoints):
        old = self.memory.get((id(checkpoints), job.shard))
        for stage, key in enumerate(job.keys[1:], start=1):
            if key not in checkpoints and old and old[stage] in checkpoints:
                checkpoints.put(key, checkpoints.get(old[stage]))
                break
        self.memory[id(checkpoints), job.shard] = job.keys
        return super().run(job, learner, records, checkpoints)


class LeavesOutTheLastRows(Broken):
    """N mod 5 records of the last slice are never trained."""

    def run(self, job, learner, records, checkpoints):
        rows = job.bounds[-1] - job.bounds[0]
        last = job.bounds[0] + max(rows - rows % 5, min(rows, 5))
        return super().run(replace(job, bounds=tuple(min(edge, last) for edge in job.bounds)), learner, records, checkpoints)


class WritesOverTheParent(Broken):
    def plan(self, assignment):
        jobs = super().plan(assignment)
        return [replace(job, parent=assignment.parent[job.shard]) for job in jobs] if assignment.parent else jobs

    def run(self, job, learner, records, checkpoints):
        part = super().run(job, learner, records, checkpoints)
        if job.parent:
            checkpoints.put(job.parent, checkpoints.get(part.key))
        return part


class StoresTheUntrainedStart(Broken):
    """A start whose preprocessing saw a later slice gets the name of the empty slices before it."""

    def run(self, job, learner, records, checkpoints):
        part = super().run(job, learner, records, checkpoints)
        first = next(stage for stage in range(1, len(job.bounds)) if job.bounds[stage] > job.bounds[0])
        for key in job.keys[:first]:
            if key not in checkpoints:
                fresh = learner.fresh(job.seed, records[job.bounds[first - 1] : job.bounds[first]])
                checkpoints.put(key, learner.dumps(fresh))
        return part


class DependsOnTheRun(Broken):
    """The seed is a counter in the process."""

    COUNT = itertools.count()

    def run(self, job, learner, records, checkpoints):
        return super().run(replace(job, seed=next(self.COUNT)), learner, records, checkpoints)


class LooksAtTheForgotten(Broken):
    """What is erased decides the seed: its content shows in the model."""

    def plan(self, assignment):
        return [replace(job, forget=assignment.forget, reuse=False) for job in super().plan(assignment)]

    def run(self, job, learner, records, checkpoints):
        forget = records[slice(*job.forget)] if job.forget else records[:0]
        seed = int(forget.target.sum()) + job.seed
        return super().run(replace(job, seed=seed), learner, records, checkpoints)


class ReportsNoWork(Broken):
    def run(self, job, learner, records, checkpoints):
        return replace(super().run(job, learner, records, checkpoints), rows_trained=0)


class ReportsAnotherDigest(Broken):
    def run(self, job, learner, records, checkpoints):
        return replace(super().run(job, learner, records, checkpoints), digest=bytes_digest(b"another"))


class MakesAModelOfNobody(Broken):
    def plan(self, assignment):
        return [] if all(shard.empty for shard in assignment.target.shards) else super().plan(assignment)


class HidesEmptyShards(Broken):
    def merge(self, assignment, parts):
        return replace(super().merge(assignment, parts), dropped=())


class TrustsDamagedBytes(Broken):
    def run(self, job, learner, records, checkpoints):
        try:
            checkpoints.get(job.keys[-1])
        except Damaged:
            payload = b"damaged"
            return Part(job.shard, job.keys[-1], checkpoints.put(job.keys[-1], payload), 0, 0, 0.0)
        return super().run(job, learner, records, checkpoints)


DEFECTS = [
    (ReturnsTheParent, "erasure_changes_the_model"),
    (ReturnsTheParent, "erasure_equals_training_without_them"),
    (NamesCheckpointsByPlace, "a_stale_checkpoint_is_never_taken"),
    (BringsTheFirstOnesBack, "a_second_request_keeps_the_first_one_forgotten"),
    (TrainsOneSliceTooMany, "only_what_was_touched_is_trained"),
    (StartsOneSliceTooLate, "erasure_equals_training_without_them"),
    (StartsOneSliceTooLate, "no_stored_name_outlives_its_people"),
    (LeavesOutTheLastRows, "every_record_is_trained"),
    (WritesOverTheParent, "erasure_leaves_the_parent_alone"),
    (StoresTheUntrainedStart, "no_stored_name_outlives_its_people"),
    (DependsOnTheRun, "the_same_work_gives_the_same_bytes"),
    (DependsOnTheRun, "jobs_survive_the_trip_to_another_process"),
    (LooksAtTheForgotten, "what_the_forgotten_said_leaves_no_trace"),
    (LooksAtTheForgotten, "the_order_of_requests_does_not_matter"),
    (ReportsNoWork, "work_is_reported_as_done"),
    (ReportsAnotherDigest, "a_part_is_what_is_stored"),
    (MakesAModelOfNobody, "a_model_of_nobody_is_refused"),
    (HidesEmptyShards, "an_emptied_slice_or_shard_is_no_special_case"),
    (TrustsDamagedBytes, "a_damaged_checkpoint_is_made_again"),
]


@pytest.mark.parametrize(("broken", "check"), DEFECTS, ids=lambda value: getattr(value, "__name__", value))
def test_a_defect_is_found_by_the_check_made_for_it(broken, check):
    (found,) = (one for one in method_checks() if one.__name__ == check)
    with pytest.raises(Nonconforming):
        found(broken(), FakeLearner)


def heuristic(name):
    return next(one for one in method_checks(does_nothing.guarantee) if one.__name__ == name)


@whole_model()
def does_nothing(model, forget, retain, learner, params, seed):
    return model


@whole_model()
def gives_nan(model, forget, retain, learner, params, seed):
    return replace(model, weights=model.weights * float("nan"))


@whole_model()
def touches_only_the_optimiser(model, forget, retain, learner, params, seed):
    return replace(model, velocity=model.velocity + 1)


class Unwatched(WholeModel):
    """The frame itself would say that nothing changed, or that nothing is a number any more; a method need not use it."""

    def run(self, job, learner, records, checkpoints):
        model = learner.loads(checkpoints.get(job.parent))
        retain, forget = records[job.bounds[0] : job.bounds[-1]], records[slice(*job.forget)]
        if not len(retain):
            raise WouldEmptyData("nobody is left")
        key = result_key(job, forget=forget, retain=retain)
        payload = learner.dumps(self.change(model, forget, retain, learner, dict(job.params), job.seed))
        return Part(job.shard, key, checkpoints.put(key, payload), 1, 0, 0.0)


def unwatched(method):
    return Unwatched(method.name, method.change, method.knobs, method.guarantee, method.needs)


def test_a_heuristic_that_changes_nothing_is_found():
    for method in (does_nothing, touches_only_the_optimiser):
        with pytest.raises(Nonconforming, match="changed nothing about the forgotten"):
            heuristic("erasure_changes_the_model")(method, ClimbingLearner)
        with pytest.raises(Nonconforming, match="lost records and"):
            heuristic("erasure_changes_the_model")(unwatched(method), ClimbingLearner)


@whole_model()
def descends_without_a_teacher(model, forget, retain, learner, params, seed):
    return learner.fit(model, retain, epochs=1, seed=seed)


@whole_model(needs=Differentiable)
def is_its_own_teacher(model, forget, retain, learner, params, seed):
    """A shallow copy: teacher and student are one network, so that they never differ about the forgotten."""
    with learner.repeatable(seed) as generator:
        teacher = student = learner.network(model)
        optimizer = torch.optim.SGD(student.parameters(), 0.1)
        lost = learner.batches(model, forget, size=8, generator=generator)
        kept = learner.batches(model, retain, size=8, generator=generator)
        for _ in range(5):
            (features, _), (theirs, labels) = next(lost), next(kept)
            optimizer.zero_grad()
            loss = learner.loss(student(theirs), labels).mean()
            (loss - divergence(teacher(features), student(features), 1.0).mean()).backward()
            optimizer.step()
        return learner.rebuild(model, student)


def test_a_teacher_that_is_the_student_is_found():
    check = heuristic("the_forgotten_matter_where_they_are_looked_at")
    with pytest.raises(Nonconforming, match="what they said does not show"):
        check(is_its_own_teacher, ClimbingLearner)
    check(descends_without_a_teacher, ClimbingLearner)  # which looks at none of them


def test_a_method_that_keeps_the_records_of_the_first_request_is_found():
    kept = []

    @whole_model()
    def keeps_the_first(model, forget, retain, learner, params, seed):
        kept.append(retain.followed_by(forget))
        return learner.fit(model, kept[0], epochs=2, seed=seed)

    with pytest.raises(Nonconforming, match="records that the first one had forgotten"):
        heuristic("a_second_request_meets_nobody_of_the_first")(keeps_the_first, ClimbingLearner)


def test_a_second_request_that_needs_the_first_model_is_found():
    first = []

    class GoesBack(WholeModel):
        def plan(self, assignment):
            (job,) = super().plan(assignment)
            first.append(job.parent)
            return [replace(job, parent=first[0])]

    back = GoesBack(descends_without_a_teacher.name, descends_without_a_teacher.change)
    with pytest.raises(NotFound, match="is not in the checkpoint store"):
        heuristic("a_second_request_meets_nobody_of_the_first")(back, ClimbingLearner)


def test_a_division_by_the_records_of_a_label_is_found():
    @whole_model()
    def divides(model, forget, retain, learner, params, seed):
        counts = np.bincount(retain.target, minlength=3)
        with np.errstate(invalid="ignore"):
            return replace(model, weights=model.weights * (counts / counts) * 0.9)

    with pytest.raises(Nonconforming, match="a whole label left, and shard 0 gives losses that are not finite"):
        heuristic("any_group_may_leave")(unwatched(divides), ClimbingLearner)
    heuristic("any_group_may_leave")(divides, ClimbingLearner)  # in the frame it is refused instead


class NamesTheRecipeByPlace(WholeModel):
    """The file may say another loss by now, and the bytes of the old one are taken for the result."""

    def plan(self, assignment):
        return [replace(job, recipe_digest=job.recipe) for job in super().plan(assignment)]


def test_a_heuristic_that_does_not_see_another_recipe_is_found():
    broken = NamesTheRecipeByPlace(descends_without_a_teacher.name, descends_without_a_teacher.change)
    with pytest.raises(Nonconforming, match="another recipe"):
        heuristic("another_recipe_has_another_name")(broken, FakeLearner)
    heuristic("another_recipe_has_another_name")(descends_without_a_teacher, FakeLearner)


def test_a_heuristic_that_gives_nan_is_found():
    with pytest.raises(Nonconforming, match="not finite"):
        heuristic("almost_nobody_left_gives_finite_losses")(unwatched(gives_nan), ClimbingLearner)
    with pytest.raises(Nonconforming, match="no longer finite"):
        heuristic("erasure_changes_the_model")(gives_nan, ClimbingLearner)


def test_a_method_that_overwrites_records_is_stopped_by_the_records():
    class Overwrites(Broken):
        def run(self, job, learner, records, checkpoints):
            records.features[:] = 0
            return constituent.make(job, learner, records, checkpoints)

    with pytest.raises(Nonconforming, match="read-only"):
        check_method(Overwrites(), FakeLearner)


def test_all_findings_come_in_one_message():
    with pytest.raises(Nonconforming) as caught:
        check_method(ReturnsTheParent(), FakeLearner)
    assert "method sisa" in str(caught.value)
    assert "erasure_changes_the_model" in str(caught.value)
    assert "a_second_request_keeps_the_first_one_forgotten" in str(caught.value)


def test_a_crash_in_a_check_is_a_finding():
    class Crashes(Broken):
        def run(self, *_):
            raise ZeroDivisionError("division by zero")

    with pytest.raises(Nonconforming, match="ZeroDivisionError: division by zero"):
        check_method(Crashes(), FakeLearner)
