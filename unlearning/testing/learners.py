"""What every learner must keep so that exact unlearning is exact.

A check is a function `(make_learner)`; the learner is for records of 4 features and 3 labels.
"""

from __future__ import annotations

import ast
import os
import random
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from typing import cast

import numpy as np

from unlearning.domain.errors import Damaged
from unlearning.domain.item_lists import unpacked
from unlearning.domain.protocols import Differentiable, Learner, Records, State, Subtractive
from unlearning.domain.tasks import CLASSIFICATION, RANKING, task_of
from unlearning.testing.conformance import LearnerFactory, require, run_all
from unlearning.testing.population import FEATURES, ITEMS, LABELS, altered, frozen, population

LearnerCheck = Callable[[LearnerFactory], None]


def check_learner(make_learner: LearnerFactory) -> None:
    """Run every check; raises Nonconforming with all findings."""
    run_all(learner_checks(), f"learner {type(make_learner()).__name__}", make_learner)


def learner_checks() -> Sequence[LearnerCheck]:
    """The checks, for `@pytest.mark.parametrize("check", learner_checks())`."""
    return _CHECKS


def the_same_arguments_give_the_same_bytes(make_learner: LearnerFactory) -> None:
    """Two learners, made apart, train to the same bytes."""
    require(_trained(make_learner()) == _trained(make_learner()), "two equal trainings gave different bytes")


def global_random_state_is_left_alone(make_learner: LearnerFactory) -> None:
    """Seeds are arguments: what the process drew before does not matter, and what it draws next does not change."""
    plain = _trained(make_learner())
    _seed_globals(123)
    before = _draw_globals()
    _seed_globals(123)
    seeded = _trained(make_learner())
    require(seeded == plain, "training depends on a global random generator")
    require(_draw_globals() == before, "training moved a global random generator; give the learner one of its own")


def threads_do_not_disturb_each_other(make_learner: LearnerFactory) -> None:
    """Four trainings side by side, on one learner, each give the bytes that they give alone."""
    learner = make_learner()
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda seed: _trained(learner, seed), range(4)))
    alone = [_trained(make_learner(), seed) for seed in range(4)]
    require(together == alone, "trainings in threads gave other bytes than alone")


def the_number_of_threads_shapes_nothing(make_learner: LearnerFactory) -> None:
    """One thread and several give the same bytes: sums are taken in an order of their own, and not as threads are done."""
    found = []
    for threads in (1, 2, 5):
        with _threads(threads):
            found.append(_trained(make_learner()))
    require(len(set(found)) == 1, "another number of threads gave other bytes; fix the order of sums, or the number of threads")


def what_was_trained_before_shapes_nothing(make_learner: LearnerFactory) -> None:
    """A learner that saw everybody, or somebody else, trains some people as one that never saw anybody: no base score,
    encoding or random stream outlives a training."""
    records = _records(make_learner())
    some, others = records[:11], records[11:]
    alone = {name: _fitted(make_learner(), one) for name, one in (("all", records), ("some", some))}
    for before in (records, others, some):
        learner = make_learner()
        _fitted(learner, before)
        again = {"all": _fitted(learner, records), "some": _fitted(learner, some)}
        require(again == alone, "what a learner was trained on before shapes its next training; keep nothing in the learner")


def fit_leaves_its_arguments_alone(make_learner: LearnerFactory) -> None:
    """The state before a stage is still the state before it; records are read-only."""
    learner = make_learner()
    records = _records(learner)
    state = learner.fresh(1, records)
    before = learner.dumps(state)
    features, target = records.features.copy(), records.target.copy()
    after = learner.fit(state, records, epochs=2, seed=2)
    require(learner.dumps(state) == before, "fit changed the state it was given; train a copy")
    require(learner.dumps(after) != before, "fit for two epochs changed nothing")
    same = np.array_equal(records.features, features) and np.array_equal(records.target, target)
    require(same, "fit changed the records")


def asking_changes_nothing(make_learner: LearnerFactory) -> None:
    """predict, losses and dumps are questions."""
    learner = make_learner()
    records = _records(learner)
    state = _state(learner)
    before = learner.dumps(state)
    learner.predict(state, records.features)
    learner.losses(state, records)
    require(learner.dumps(state) == before, "predict or losses changed the state")


def a_stored_state_is_the_whole_state(make_learner: LearnerFactory) -> None:
    """Bytes → state → bytes is the identity, and training goes on from either alike (moments, counters, buffers)."""
    learner = make_learner()
    records = _records(learner)
    state = _state(learner)
    loaded = learner.loads(learner.dumps(state))
    require(learner.dumps(loaded) == learner.dumps(state), "dumps of a loaded state are other bytes")
    ends = [learner.dumps(learner.fit(start, records, epochs=2, seed=5)) for start in (state, loaded)]
    require(ends[0] == ends[1], "training goes on differently from a loaded state; something is missing in dumps")
    other = make_learner()
    elsewhere = other.dumps(other.fit(other.loads(learner.dumps(state)), records, epochs=2, seed=5))
    require(elsewhere == ends[0], "training goes on differently in another learner; the learner itself holds state")


def bytes_that_are_no_state_are_damaged(make_learner: LearnerFactory) -> None:
    """Truncated or foreign bytes raise Damaged."""
    learner = make_learner()
    payload = learner.dumps(_state(learner))
    for wrong, what in ((b"", "no bytes"), (b"no state", "foreign bytes"), (payload[: len(payload) // 2], "half a state")):
        try:
            learner.loads(wrong)
        except Damaged:
            continue
        require(False, f"loads took {what} for a state; raise Damaged")


def preprocessing_is_fitted_on_the_first_slice(make_learner: LearnerFactory) -> None:
    """An untrained state is a function of the seed and the first slice; of the seed too, unless the learner says that it
    never draws (`draws = False`)."""
    learner = make_learner()
    records = _records(learner)
    starts = [learner.dumps(learner.fresh(seed, records[:5])) for seed in (1, 1, 2)]
    require(starts[0] == starts[1], "fresh gave different bytes for the same seed and slice")
    depends = starts[0] != starts[2] or not getattr(learner, "draws", True)
    require(depends, "fresh does not depend on its seed; a learner that never draws says `draws = False`")


def no_epochs_change_nothing(make_learner: LearnerFactory) -> None:
    """Zero passes give the state that was there."""
    learner = make_learner()
    state = _state(learner)
    after = learner.fit(state, _records(learner), epochs=0, seed=9)
    require(learner.dumps(after) == learner.dumps(state), "zero epochs changed the state")


def every_record_shapes_the_state(make_learner: LearnerFactory) -> None:
    """Also the last one, whatever number of records there is."""
    learner = make_learner()
    for rows in (1, 2, 7, 17, 33):
        records = _records(learner)[:rows]
        start = learner.fresh(1, _records(learner))
        ends = [learner.dumps(learner.fit(start, one, epochs=1, seed=3)) for one in (records, altered(records, rows - 1))]
        require(ends[0] != ends[1], f"the last of {rows} records does not shape the state")


def any_number_of_records_can_be_trained(make_learner: LearnerFactory) -> None:
    """One record, and numbers that no batch size divides, give finite losses."""
    learner = make_learner()
    for rows in (1, 2, 7, 17, 33):
        records = _records(learner)[:rows]
        state = learner.fit(learner.fresh(1, records), records, epochs=2, seed=3)
        require(
            np.isfinite(learner.losses(state, _records(learner))).all(),
            f"after training on {rows} records losses are not finite",
        )


def answers_are_what_the_task_wants(make_learner: LearnerFactory) -> None:
    """(n, labels) probabilities that sum to 1, (n, 1) numbers or (n, items) scores; also for no record and for one."""
    learner = make_learner()
    records, task = _records(learner), task_of(learner)
    classifies = task is CLASSIFICATION
    state, width = _state(learner), {CLASSIFICATION.name: LABELS, RANKING.name: ITEMS}.get(task.name, 1)
    answers = learner.predict(state, records.features)
    require(answers.shape == (len(records), width), f"predict gave shape {answers.shape}, expected {(len(records), width)}")
    require(np.isfinite(answers).all(), "an answer is no finite number")
    if classifies:
        require(((answers >= 0) & (answers <= 1)).all(), "a probability is not between 0 and 1")
        require(np.allclose(answers.sum(axis=1), 1, atol=1e-5), "the probabilities of a record do not sum to 1")
    if task is RANKING:
        shown = unpacked(records.features, ITEMS).astype(np.bool_)
        last = np.where(shown, answers, -np.inf).max() < np.where(shown, np.inf, answers).min()
        require(last, "an item that a person has is recommended to them; give it the score OWNED of `domain/tasks.py`")
    require(
        np.allclose(learner.predict(state, records.features[:1]), answers[:1], atol=1e-5), "a record alone gets other answers"
    )
    require(learner.predict(state, records.features[:0]).shape == (0, width), f"no record: expected shape (0, {width})")


def losses_are_the_tasks(make_learner: LearnerFactory) -> None:
    """(n,): minus the logarithm of the probability given to the label, the squared error, or how far items are misplaced."""
    learner = make_learner()
    records = _records(learner)
    state = _state(learner)
    losses = learner.losses(state, records)
    require(losses.shape == (len(records),), f"losses gave shape {losses.shape}, expected {(len(records),)}")
    expected = task_of(learner).losses(learner.predict(state, records.features), records.target)
    require(
        np.allclose(losses, expected, rtol=1e-3, atol=1e-5),
        f"losses are not those of a {task_of(learner).name}: -log of a probability, squared errors, or shares misplaced",
    )


def every_stage_trains(make_learner: LearnerFactory) -> None:
    """One whole number of passes for each slice, and at least one after the last, which else is never seen."""
    for slices in (1, 2, 4, 16):
        epochs = list(make_learner().stage_epochs(slices))
        whole = len(epochs) == slices and all(isinstance(one, int) and one >= 0 for one in epochs)
        require(whole, f"stage_epochs({slices}) gave {epochs}; expected {slices} whole numbers")
        require(epochs[-1] > 0, f"stage_epochs({slices}) never trains the last slice")


def training_learns(make_learner: LearnerFactory) -> None:
    """The mean loss falls on records whose labels follow from their features."""
    learner = make_learner()
    records = _records(learner)
    start = learner.fresh(1, records)
    end = learner.fit(start, records, epochs=20, seed=3)
    before, after = learner.losses(start, records).mean(), learner.losses(end, records).mean()
    require(after < before, f"twenty epochs moved the mean loss from {before:.3f} to {after:.3f}")


def what_is_packaged_stands_alone(make_learner: LearnerFactory) -> None:
    """The same files every time, flat and no pickle; code that needs nothing of this package; libraries with their versions."""
    learner = make_learner()
    states = {0: _state(learner), 2: learner.fresh(3, _records(learner))}
    served = learner.package(states)
    require(learner.package(states) == served, "two packages of the same states differ")
    require(served.files, "there is no file to answer from")
    for name, content in served.files.items():
        require(re.fullmatch(r"[\w.-]+", name), f"the file name {name!r} has more than letters, digits, `_`, `.` and `-`")
        require(not re.match(rb"\x80[\x02-\x05]", content), f"{name} is a pickle; store data, not objects")
    require("unlearning" not in _imported(served.code), "the code that answers imports this package; it may not be there")
    loose = [one for one in served.requirements if not re.fullmatch(r"[\w.-]+(\[[\w,-]+\])?==[^\s=]+", one)]
    require(not loose, f"requirements {loose} name no version; write name==version")


def the_environment_is_plain_words(make_learner: LearnerFactory) -> None:
    """Names and versions as text, the same each time: their digest is in certificates."""
    said, again = make_learner().environment(), make_learner().environment()
    plain = all(isinstance(word, str) for pair in said.items() for word in pair)
    require(plain, f"environment() gave {dict(said)}; expected text by name")
    require(dict(said) == dict(again), "two learners side by side name two environments")


def a_network_taken_out_can_be_put_back(make_learner: LearnerFactory) -> None:
    """In the role Differentiable: the network is a copy, a loss for each record, and the rebuilt state answers as before."""
    learner = make_learner()
    records = _records(learner)
    if not isinstance(learner, Differentiable):
        return
    state = _state(learner)
    before, answers = learner.dumps(state), learner.predict(state, records.features)
    with learner.repeatable(3) as generator:
        network = learner.network(state)
        features, labels = next(learner.batches(state, records, size=8, generator=generator))
        losses = learner.loss(network(features), labels)
        again = learner.predict(learner.rebuild(state, network), records.features)
        for weights in network.parameters():
            weights.data.add_(1)
    require(tuple(losses.shape) == (len(labels),), f"loss gave shape {tuple(losses.shape)} for {len(labels)} records")
    require(np.allclose(again, answers, atol=1e-5), "a state rebuilt with its own network gives other answers")
    require(learner.dumps(state) == before, "changing the network that was handed out changed the state; hand out a copy")


def what_is_subtracted_was_never_there(make_learner: LearnerFactory) -> None:
    """In the role Subtractive: a record or many, in one step or several, to the byte of a training without them."""
    learner = make_learner()
    if not hasattr(learner, "subtract"):  # and not by isinstance: a learner may be wrapped
        return
    exact, records = cast("Subtractive", learner), _records(learner)
    rows = np.arange(len(records))
    everybody = _fitted_state(learner, records)
    require(exact.made_of(everybody, records), "made_of does not know the records of a training")
    for leaving in ([0], [40], [3, 17, 29], list(range(20)), list(range(40))):
        left = ~np.isin(rows, leaving)
        truth = learner.dumps(_fitted_state(learner, records[left]))
        at_once = exact.subtract(everybody, records[~left])
        require(learner.dumps(at_once) == truth, "what is left after a subtraction has other bytes than a training without it")
        require(exact.made_of(at_once, records[left]), "made_of does not know what a subtraction left")
        require(not exact.made_of(at_once, records), "made_of takes what a subtraction left for everybody's")
        one_by_one = everybody
        for row in reversed(leaving):
            one_by_one = exact.subtract(one_by_one, records[row : row + 1])
        require(learner.dumps(one_by_one) == truth, "subtracting one by one gives other bytes than at once; sums are not exact")


_CHECKS: tuple[LearnerCheck, ...] = (
    the_same_arguments_give_the_same_bytes,
    global_random_state_is_left_alone,
    threads_do_not_disturb_each_other,
    the_number_of_threads_shapes_nothing,
    what_was_trained_before_shapes_nothing,
    fit_leaves_its_arguments_alone,
    asking_changes_nothing,
    a_stored_state_is_the_whole_state,
    bytes_that_are_no_state_are_damaged,
    preprocessing_is_fitted_on_the_first_slice,
    no_epochs_change_nothing,
    every_record_shapes_the_state,
    any_number_of_records_can_be_trained,
    answers_are_what_the_task_wants,
    losses_are_the_tasks,
    every_stage_trains,
    training_learns,
    what_is_packaged_stands_alone,
    the_environment_is_plain_words,
    a_network_taken_out_can_be_put_back,
    what_is_subtracted_was_never_there,
)


def _imported(code: str) -> set[str]:
    """The packages that a program imports anywhere; raises SyntaxError for what is none."""
    nodes = list(ast.walk(ast.parse(code)))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return {name.partition(".")[0] for name in names}


def _records(learner: Learner) -> Records:
    """41 read-only records for the learner's task, as a spool gives them."""
    records = frozen(population(task=task_of(learner)).records)
    require(records.features.shape[1] in (FEATURES, ITEMS // 8), "the population has another shape than it says")
    return records


def _state(learner: Learner) -> State:
    records = _records(learner)
    return learner.fit(learner.fresh(1, records[:9]), records, epochs=2, seed=2)


def _fitted_state(learner: Learner, records: Records) -> State:
    return learner.fit(learner.fresh(1, records), records, epochs=2, seed=2)


def _fitted(learner: Learner, records: Records) -> bytes:
    return learner.dumps(_fitted_state(learner, records))


def _trained(learner: Learner, seed: int = 2) -> bytes:
    records = _records(learner)
    first = learner.fit(learner.fresh(seed, records[:9]), records[:9], epochs=2, seed=seed + 1)
    return learner.dumps(learner.fit(first, records, epochs=2, seed=seed + 2))


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """With so many threads for whoever asks how many there are: Python, torch, and what NumPy and scikit-learn compute with."""
    with ExitStack() as stack:
        counted = os.cpu_count
        stack.callback(setattr, os, "cpu_count", counted)
        os.cpu_count = lambda: count
        if torch := sys.modules.get("torch"):
            stack.callback(torch.set_num_threads, torch.get_num_threads())
            torch.set_num_threads(count)
        if find_spec("threadpoolctl"):  # comes with scikit-learn
            from threadpoolctl import threadpool_limits

            stack.enter_context(threadpool_limits(count))
        yield


def _seed_globals(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(seed)


def _draw_globals() -> tuple[float, ...]:
    drawn = [random.random(), float(np.random.random())]
    if torch := sys.modules.get("torch"):
        drawn.append(float(torch.rand(())))
    return tuple(drawn)
