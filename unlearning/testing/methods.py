"""What every method of forgetting must keep, each a defect that was seen in public code.

A check is a function `(method, make_learner)`; the learner is for records of 4 features and 3 labels.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np

from unlearning.domain.chain import Job, Part
from unlearning.domain.entities import Exact, Guarantee
from unlearning.domain.errors import MethodFailed, Refused, WrongUse
from unlearning.domain.protocols import Learner, Method, Records, State
from unlearning.domain.tasks import task_of
from unlearning.testing.conformance import LearnerFactory, Nonconforming, require, run_all
from unlearning.testing.population import LABELS, Bench, MemoryCheckpoints, Outcome, Population, altered, population

MethodCheck = Callable[[Method, LearnerFactory], None]


def check_method(method: Method, make_learner: LearnerFactory) -> None:
    """Run every check that the method's guarantee calls for; raises Nonconforming with all findings."""
    run_all(method_checks(method.guarantee), f"method {method.name}", method, make_learner)


def method_checks(guarantee: Guarantee | None = None) -> Sequence[MethodCheck]:
    """The checks for a guarantee, exact by default; for `@pytest.mark.parametrize("check", method_checks())`."""
    return (*_ANY, *_EXACT) if isinstance(guarantee or Exact(), Exact) else _ANY


# --- any guarantee --------------------------------------------------------------------------------------------------


def erasure_changes_the_model(method: Method, make_learner: LearnerFactory) -> None:
    """An optimiser built on the wrong network, or a result that is the parent, changes nothing."""
    try:
        bench, people, leaving, before, after = _erased(method, make_learner)
    except MethodFailed as error:
        raise Nonconforming(f"three people left, and it said no: {error}") from error
    for shard in _touched(bench, people, leaving):
        require(before.digests[shard] != after.digests[shard], f"shard {shard} lost records and kept its bytes")
        change = np.abs(_answers(bench, before, shard, people) - _answers(bench, after, shard, people)).max()
        require(change > 1e-6, f"shard {shard} lost records and its answers moved by {change:.1e}")


def erasure_leaves_the_parent_alone(method: Method, make_learner: LearnerFactory) -> None:
    """A copy that shares memory with the parent, or one written over it, spoils the way back."""
    bench, people, leaving = _start(method, make_learner)
    before = bench.train(people)
    stored = bench.stored()
    bench.erase(people, leaving, before)
    changed = [key for key, payload in stored.items() if bench.store.get(key) != payload]
    require(not changed, f"{len(changed)} checkpoints of the parent were changed or deleted")


def nothing_is_named_twice(method: Method, make_learner: LearnerFactory) -> None:
    """A name stands for one content: other forget sets and other seeds have other names."""
    bench, people, leaving = _start(method, make_learner)
    before = bench.train(people)
    names: dict[str, str] = {}
    for group in ([leaving[0]], [leaving[1]], leaving):
        after = _forgotten(bench, people, group, before)
        for part in after.trained.parts if after else ():
            known = names.setdefault(part.key, part.digest)
            require(known == part.digest, f"the name {part.key[:12]}… stands for two contents")


def another_recipe_has_another_name(method: Method, make_learner: LearnerFactory) -> None:
    """The recipe is in the name by what it says, not by where it lies: an edited loss is trained, not looked up."""
    bench, people, leaving, before, after = _erased(method, make_learner)
    other = replace(bench, recipe="another recipe").erase(people, leaving, before)
    names = {part.key for part in after.trained.parts} & {part.key for part in other.trained.parts}
    require(not names, f"{len(names)} names are the same for another recipe")
    idle = [part.shard for part in other.trained.parts if not part.slices_trained]
    require(not idle, f"for another recipe shards {idle} trained nothing")


def a_part_is_what_is_stored(method: Method, make_learner: LearnerFactory) -> None:
    """The digest of a part is that of the bytes under its name."""
    _, _, _, _, after = _erased(method, make_learner)
    for part in after.trained.parts:
        require(after.digests[part.shard] == part.digest, f"shard {part.shard}: the part's digest is not that of its bytes")


def the_same_work_gives_the_same_bytes(method: Method, make_learner: LearnerFactory) -> None:
    """Two empty stores end up equal, name by name."""
    (first, *_), (second, *_) = _erased(method, make_learner), _erased(method, make_learner)
    require(first.stored() == second.stored(), "two runs of the same requests stored different bytes")


def again_is_once(method: Method, make_learner: LearnerFactory) -> None:
    """A step that is run again after a crash ends where it ended before."""
    bench, people, leaving, before, after = _erased(method, make_learner)
    stored = bench.stored()
    again = bench.erase(people, leaving, before)
    require(again.digests == after.digests, "the second run of one erasure made another model")
    require(bench.stored() == stored, "the second run of one erasure changed the store")


def jobs_survive_the_trip_to_another_process(method: Method, make_learner: LearnerFactory) -> None:
    """A job is plain values, and its copy does the same work; plan gives the same jobs each time."""
    bench, people, leaving, before, after = _erased(method, make_learner)
    assignment, _ = bench.assignment(people.without(leaving), forget=people.of(leaving), parent=before)
    require(list(method.plan(assignment)) == list(after.jobs), "plan gave other jobs for the same assignment")
    require(pickle.loads(pickle.dumps(after.jobs)) == after.jobs, "a pickled job differs from the original")

    def travelling(run: Callable[[Job], Part], jobs: Iterable[Job]) -> Iterable[Part]:
        return [pickle.loads(pickle.dumps(run(pickle.loads(pickle.dumps(job))))) for job in reversed(list(jobs))]

    other, _, _ = _start(method, make_learner)
    arrived = other.erase(people, leaving, other.train(people, map=travelling), map=travelling)
    require(arrived.digests == after.digests, "jobs that travelled, or ran in another order, made another model")


def nobody_to_forget_changes_nothing(method: Method, make_learner: LearnerFactory) -> None:
    """An empty forget set gives the model that there was."""
    bench, people, _ = _start(method, make_learner)
    before = bench.train(people)
    require(bench.erase(people, [], before).digests == before.digests, "an empty forget set changed the model")


def a_model_of_nobody_is_refused(method: Method, make_learner: LearnerFactory) -> None:
    """Forgetting everyone ends in a refusal, never in a model."""
    bench, people, _ = _start(method, make_learner)
    before = bench.train(people)
    try:
        bench.erase(people, sorted(set(people.people.tolist())), before)
    except Refused:
        return
    require(False, "everyone was forgotten and a model came out; raise WouldEmptyData")


def almost_nobody_left_gives_finite_losses(method: Method, make_learner: LearnerFactory) -> None:
    """A request that empties batches, slices and shards gives no NaN and not the same model as before."""
    bench, people, _ = _start(method, make_learner)
    before = bench.train(people)
    everyone = sorted(set(people.people.tolist()))
    for stays in everyone[:3]:
        after = _forgotten(bench, people, [person for person in everyone if person != stays], before)
        if after is None:
            continue
        for shard, payload in after.states.items():
            losses = bench.learner.losses(bench.learner.loads(payload), people.records)
            require(np.isfinite(losses).all(), f"one person was left, and shard {shard} gives losses that are not finite")
            require(after.digests[shard] != before.digests.get(shard), f"one person was left, and shard {shard} is as before")


def any_group_may_leave(method: Method, make_learner: LearnerFactory) -> None:
    """One record, one person with several, a whole shard, a whole label: a model with numbers in it, and another one."""
    bench, people, _ = _start(method, make_learner)
    if people.records.target.dtype.kind == "i":  # each person has one label, so that a label can leave
        target = people.people % LABELS
        people = replace(people, records=replace(people.records, target=target))
    counts = np.bincount(people.people)
    groups = {
        "one record": [int(np.flatnonzero(counts == 1)[0])],
        "one person with several records": [int(counts.argmax())],
        "a whole shard": [one for (shard, _), members in _cells(bench, people).items() for one in members if shard == 0],
        "a whole label": [one for one in sorted(set(people.people.tolist())) if one % LABELS == 0],
    }
    before = bench.train(people)
    for what, group in groups.items():
        if bench.shards == 1 and what == "a whole shard":
            continue  # that is everybody
        after = _forgotten(bench, people, group, before)
        if after is None:
            continue
        for shard, payload in after.states.items():
            losses = bench.learner.losses(bench.learner.loads(payload), people.records)
            require(np.isfinite(losses).all(), f"{what} left, and shard {shard} gives losses that are not finite")
        same = [shard for shard in _touched(bench, people, group) if after.digests.get(shard) == before.digests[shard]]
        require(not same, f"{what} left, and shards {same} are as before")


def a_second_request_meets_nobody_of_the_first(method: Method, make_learner: LearnerFactory) -> None:
    """Whoever was forgotten is not trained on again, and of the model before nothing is needed any more."""
    bench, people, leaving = _start(method, make_learner)
    learner, shown = _watching(bench.learner)
    bench = replace(bench, learner=learner)
    first = _forgotten(bench, people, leaving[:2], bench.train(people))
    if first is None:
        return
    served = {part.key for part in first.trained.parts}
    for key in list(bench.store.keys()):
        if key not in served:
            bench.store.delete(key)
    shown.clear()
    second = _forgotten(bench, people.without(leaving[:2]), leaving[2:], first)
    gone = _rows(people.of(leaving[:2]).records) - _rows(people.without(leaving[:2]).records)
    back = gone & {row for one in shown for row in _rows(one)}
    require(not back, f"the second request trained on {len(back)} records that the first one had forgotten")
    require(second is None or second.digests != first.digests, "the second request left the first one's model as it was")


def the_forgotten_matter_where_they_are_looked_at(method: Method, make_learner: LearnerFactory) -> None:
    """A teacher that is the student has no quarrel with it: whatever the forgotten said, the result is the same."""
    bench, people, leaving = _start(method, make_learner)
    before = bench.train(people)
    learner, shown = _watching(bench.learner)
    bench = replace(bench, learner=learner)
    theirs = _rows(people.of(leaving).records)
    results = [_forgotten(bench, whom, leaving, before) for whom in (people, people.noised(leaving))]
    if not any(theirs & _rows(one) for one in shown) or None in results:
        return
    one, other = (_answers(bench, result, 0, people) for result in results if result)
    require(np.abs(one - other).max() > 1e-6, "it trained on the forgotten, and what they said does not show in the result")


# --- exact methods --------------------------------------------------------------------------------------------------


def erasure_equals_training_without_them(method: Method, make_learner: LearnerFactory) -> None:
    """The definition of exact, byte for byte, for one person, several, and a whole slice."""
    bench, people, leaving = _start(method, make_learner)
    before = bench.train(people)
    for group in ([leaving[0]], leaving, *list(_cells(bench, people).values())[:3]):
        truth = bench.scratch(people.without(group))
        require(
            bench.erase(people, group, before).digests == truth.digests,
            f"forgetting {len(group)} people is not training without them",
        )


def a_second_request_keeps_the_first_one_forgotten(method: Method, make_learner: LearnerFactory) -> None:
    """Index lists kept from the first training bring the first one's records back."""
    bench, people, leaving = _start(method, make_learner)
    first = bench.erase(people, [leaving[0]], bench.train(people))
    second = bench.erase(people.without([leaving[0]]), [leaving[1]], first)
    truth = bench.scratch(people.without(leaving[:2]))
    require(second.digests == truth.digests, "after two requests the model is not one trained without both people")


def the_order_of_requests_does_not_matter(method: Method, make_learner: LearnerFactory) -> None:
    """One by one, in either order, or together: same names, same bytes."""
    ends = []
    for groups in ([[0], [1]], [[1], [0]], [[0, 1]]):
        bench, people, leaving = _start(method, make_learner)
        model = bench.train(people)
        for group in groups:
            gone = [leaving[member] for member in group]
            model, people = bench.erase(people, gone, model), people.without(gone)
        ends.append((model.chain, model.digests))
    require(ends[0] == ends[1] == ends[2], "the order or batching of two requests shows in the model")


def what_the_forgotten_said_leaves_no_trace(method: Method, make_learner: LearnerFactory) -> None:
    """Records replaced by noise before the first training give the same model once they are erased."""
    _, people, leaving, _, after = _erased(method, make_learner)
    other, _, _ = _start(method, make_learner)
    noised = people.noised(leaving)
    require(
        other.erase(noised, leaving, other.train(noised)).digests == after.digests,
        "the content of erased records shows in the model",
    )


def every_record_is_trained(method: Method, make_learner: LearnerFactory) -> None:
    """The last N mod S records, and the last slice, shape the model like all others."""
    bench, people, _ = _start(method, make_learner)
    before = bench.train(people)
    for row in range(len(people.people)):
        # Its target too: a tree may put the record beside the same others as before.
        changed = replace(people, records=altered(people.records, row))
        require(bench.train(changed).digests != before.digests, f"record {row} of {len(people.people)} shapes no model")


def a_stale_checkpoint_is_never_taken(method: Method, make_learner: LearnerFactory) -> None:
    """Other data, another seed and other hyperparameters in the same store: each as with a store of its own."""
    bench, people, leaving = _start(method, make_learner)
    first = bench.train(people)
    longer = replace(bench, learner=_Longer(bench.learner), recipe="longer")
    for what, other, whom in (
        ("data", bench, people.noised(leaving)),
        ("seed", replace(bench, seed=bench.seed + 1), people),
        ("hyperparameters", longer, people),
    ):
        made, truth = other.train(whom).digests, other.scratch(whom).digests
        require(made == truth, f"with other {what} in the same store the model is not the one an empty store gives")
        # Where nothing is drawn a seed may leave the model alone, and where one pass says all, so may another one.
        draws = getattr(bench.learner, "draws", True)
        require(made != first.digests or (what != "data" and not draws), f"other {what} gave the same model")


def only_what_was_touched_is_trained(method: Method, make_learner: LearnerFactory) -> None:
    """Where jobs reuse checkpoints: nothing outside the touched shards, and there from the touched slice on."""
    bench, people, _ = _start(method, make_learner)
    before = bench.train(people)
    for (shard, piece), members in _cells(bench, people).items():
        after = bench.erase(people, members[:1], before)
        for part, job in zip(after.trained.parts, after.jobs, strict=True):
            filled = [stage for stage, rows in enumerate(after.chain.shards[part.shard].rows) if rows]
            due = len([stage for stage in filled if not job.reuse or (part.shard == shard and stage >= piece)])
            due = 1 if job.parent else due  # what starts from the whole model makes one step of it
            require(
                part.slices_trained == due,
                f"slice {piece + 1} of shard {shard} lost a person: shard {part.shard} trained {part.slices_trained} slices"
                f" instead of {due}",
            )


def work_is_reported_as_done(method: Method, make_learner: LearnerFactory) -> None:
    """A part's rows are those that the learner was shown, and none of them belonged to the forgotten."""
    bench, people, leaving = _start(method, make_learner)
    watched = _Watched(bench.learner, [])
    bench = replace(bench, learner=watched)
    before = bench.train(people)
    watched.shown.clear()
    after = bench.erase(people, leaving, before)
    reported = sum(part.rows_trained for part in after.trained.parts)
    shown = sum(epochs * len(records) for records, epochs in watched.shown)
    require(reported == shown, f"the parts report {reported} rows, the learner was shown {shown}")
    gone = {row.tobytes() for row in people.of(leaving).records.features}
    seen = {row.tobytes() for records, _ in watched.shown for row in np.asarray(records.features)}
    require(not gone & seen, "the learner was shown records of the forgotten")


def an_emptied_slice_or_shard_is_no_special_case(method: Method, make_learner: LearnerFactory) -> None:
    """Each slice in turn, the leading ones together, and a whole shard; a shard without records has no vote."""
    bench, people, _ = _start(method, make_learner)
    before = bench.train(people)
    cells = _cells(bench, people)
    of_shard = {shard: [members for (at, _), members in cells.items() if at == shard] for shard, _ in cells}
    leading = [[*chain.from_iterable(slices[:2])] for slices in of_shard.values()]
    groups = [*cells.values(), *leading, *([*chain.from_iterable(slices)] for slices in of_shard.values())]
    for group in [group for group in groups if len(people.without(group).people)]:
        after, truth = bench.erase(people, group, before), bench.scratch(people.without(group))
        require(after.digests == truth.digests, "after a slice or shard was emptied the model is not one trained without it")
        empty = tuple(shard.shard for shard in after.chain.shards if shard.empty)
        require(after.trained.dropped == empty, f"shards {empty} are empty, the result says {after.trained.dropped}")


def no_stored_name_outlives_its_people(method: Method, make_learner: LearnerFactory) -> None:
    """Whatever is stored under a name that stays valid after an erasure was made without the erased."""
    bench, people, _ = _start(method, make_learner)
    before = bench.train(people)
    for group in _cells(bench, people).values():
        bench.erase(people, group, before)
        fresh = replace(bench, store=MemoryCheckpoints())
        fresh.train(people.without(group))
        held = bench.stored()
        spoiled = [key for key, payload in fresh.stored().items() if held.get(key, payload) != payload]
        require(not spoiled, f"{len(spoiled)} checkpoints hold people that their names do not speak of")


def a_damaged_checkpoint_is_made_again(method: Method, make_learner: LearnerFactory) -> None:
    """Bytes that fail their digest count as missing."""
    store = MemoryCheckpoints()
    bench, people, _ = _start(method, make_learner)
    bench = replace(bench, store=store)
    before = bench.train(people)
    for part in before.trained.parts:
        store.damage(part.key)
    require(bench.train(people).digests == before.digests, "a damaged checkpoint changed the model")


_ANY: tuple[MethodCheck, ...] = (
    erasure_changes_the_model,
    erasure_leaves_the_parent_alone,
    nothing_is_named_twice,
    another_recipe_has_another_name,
    a_part_is_what_is_stored,
    the_same_work_gives_the_same_bytes,
    again_is_once,
    jobs_survive_the_trip_to_another_process,
    nobody_to_forget_changes_nothing,
    a_model_of_nobody_is_refused,
    almost_nobody_left_gives_finite_losses,
    any_group_may_leave,
    a_second_request_meets_nobody_of_the_first,
    the_forgotten_matter_where_they_are_looked_at,
)
_EXACT: tuple[MethodCheck, ...] = (
    erasure_equals_training_without_them,
    a_second_request_keeps_the_first_one_forgotten,
    the_order_of_requests_does_not_matter,
    what_the_forgotten_said_leaves_no_trace,
    every_record_is_trained,
    a_stale_checkpoint_is_never_taken,
    only_what_was_touched_is_trained,
    work_is_reported_as_done,
    an_emptied_slice_or_shard_is_no_special_case,
    no_stored_name_outlives_its_people,
    a_damaged_checkpoint_is_made_again,
)


def _start(method: Method, make_learner: LearnerFactory) -> tuple[Bench, Population, list[int]]:
    """A bench, 17 people in 41 records (41 is divisible by nothing), and three of them who will leave."""
    bench = Bench(method, make_learner())
    people = population(task=task_of(bench.learner))
    try:
        method.plan(bench.assignment(people, forget=people.of([0]), parent=None)[0])
    except WrongUse:
        bench = replace(bench, shards=1)
    cells = list(_cells(bench, people).values())
    return bench, people, [cells[0][0], cells[len(cells) // 2][0], cells[-1][-1]]


def _erased(method: Method, make_learner: LearnerFactory) -> tuple[Bench, Population, list[int], Outcome, Outcome]:
    bench, people, leaving = _start(method, make_learner)
    before = bench.train(people)
    return bench, people, leaving, before, bench.erase(people, leaving, before)


def _forgotten(bench: Bench, people: Population, leaving: Sequence[int], parent: Outcome) -> Outcome | None:
    """The model after these people left; None where the method says that it gives none."""
    try:
        return bench.erase(people, leaving, parent)
    except MethodFailed:
        return None


def _watching(learner: Learner) -> tuple[Learner, list[Records]]:
    """The same learner, and the records that it is given to train on."""
    watched, shown = copy(learner), list[Records]()
    for name in ("fit", "batches"):
        if (do := getattr(learner, name, None)) is not None:
            # Upon the copy itself, for a role is asked for by name.
            object.__setattr__(watched, name, _remembering(do, shown))
    return watched, shown


def _remembering(do: Callable[..., Any], shown: list[Records]) -> Callable[..., Any]:
    def done(state: State, records: Records, **how: Any) -> Any:
        shown.append(records)
        return do(state, records, **how)

    return done


def _rows(records: Records) -> set[bytes]:
    return {row.tobytes() for row in records.features}


def _cells(bench: Bench, people: Population) -> dict[tuple[int, int], list[int]]:
    return people.cells(shards=bench.shards, slices=bench.slices)


def _touched(bench: Bench, people: Population, leaving: Sequence[int]) -> set[int]:
    return {shard for (shard, _), members in _cells(bench, people).items() if set(members) & set(leaving)}


def _answers(bench: Bench, outcome: Outcome, shard: int, people: Population) -> np.ndarray[Any, Any]:
    return bench.learner.predict(bench.learner.loads(outcome.states[shard]), people.records.features)


@dataclass(frozen=True)
class _Watched:
    """A learner that remembers what it was shown; everything else is the original's."""

    inner: Learner
    shown: list[tuple[Records, int]]

    def fit(self, state: State, records: Records, *, epochs: int, seed: int) -> State:
        self.shown.append((records, epochs))
        return self.inner.fit(state, records, epochs=epochs, seed=seed)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


@dataclass(frozen=True)
class _Longer:
    """The same learner with another hyperparameter: one more epoch a stage."""

    inner: Learner

    def stage_epochs(self, slices: int) -> Sequence[int]:
        return [epochs + 1 for epochs in self.inner.stage_epochs(slices)]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)
