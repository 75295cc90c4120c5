"""Models that are trained to compare with: a project's own recipe on records of one's choosing, in a store that is deleted.

They hold people as every model does. So they lie in the private scratch folder, which a purge and the next spool empty after a
kill, and their files are deleted as soon as they are in memory. What is to be kept for another time goes into the project's own
checkpoint store, under its chain of keys and noted as an attempt: the purge of a later erasure finds it there and deletes it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from unlearning.domain.chain import Trained
from unlearning.domain.hashing import seed_from
from unlearning.domain.partition import Places
from unlearning.domain.protocols import Records
from unlearning.project.settings import Run
from unlearning.project.training.ensemble import Ensemble
from unlearning.project.training.train import make
from unlearning.project.training.training_set import TrainingSet, arranged
from unlearning.project.workspace import Workspace
from unlearning.stores import spool

if TYPE_CHECKING:
    from unlearning.domain.tasks import Task
    from unlearning.stores.checkpoints import CheckpointStore

SCRATCH = ".unlearning/tmp"


@dataclass(frozen=True)
class Bench:
    """Where one model, and what a method makes of it, is trained: with a seed and a checkpoint store of its own."""

    workspace: Workspace
    noted: bool

    def set_of(self, records: Records, where: Places) -> TrainingSet:
        """These records as a training set. where: whose each is."""
        made = arranged(self.workspace, records, where)
        return TrainingSet(made.records, made.chain, people=len(np.unique(where, axis=0)), excluded=0)

    def train(self, retain: TrainingSet) -> Trained:
        """A training from nothing; where it is kept, what an earlier one left is gone on from."""
        return make(self.workspace, retain, method="sisa" if self.noted else "retrain", noted=self.noted)

    def unlearn(self, retain: TrainingSet, forget: Records, parent: Trained, method: str) -> Trained:
        """What a method makes of a model. forget: in canonical order, with their keys."""
        keys = [part.key for part in parent.parts]
        return make(self.workspace, retain, method=method, forget=forget, parent=keys, noted=self.noted)

    def borrow(self, store: CheckpointStore, keys: Collection[str]) -> None:
        """Copy states that are stored elsewhere, those that are there."""
        for key in keys:
            if key not in self.workspace.checkpoints and (found := store.read(key)):
                self.workspace.checkpoints.put(key, found[0], engines=found[1])

    def answers(self, trained: Trained) -> Ensemble:
        """The model, in memory."""
        return Ensemble.of(self.workspace, trained)


@contextmanager
def bench(workspace: Workspace, *, seed: int | None = None, kept: bool = False) -> Iterator[Bench]:
    """A bench for one model of this view, on this machine; what is stored on it is deleted when the block ends.

    seed: of its chain; None: the project's own. kept: train in the project's own store, and leave it there.
    """
    if kept:
        yield Bench(_apart(workspace, workspace.settings.stores.checkpoints, seed), noted=True)
        return
    with spool.spooled(workspace.path(SCRATCH)) as folder:
        yield Bench(_apart(workspace, str(folder / "checkpoints"), seed), noted=False)


def _apart(workspace: Workspace, checkpoints: str, seed: int | None) -> Workspace:
    settings = workspace.settings
    changes = {
        "partition": settings.partition if seed is None else settings.partition.model_copy(update={"seed": seed}),
        "stores": settings.stores.model_copy(update={"checkpoints": checkpoints}),
        "run": Run(device=settings.run.device),
    }
    return Workspace(workspace.root, settings.model_copy(update=changes), None, workspace.connect)


MOST_PASSES = 30


def passes_until_known(model: Ensemble, task: Task, forget: Mapping[int, Records], judged: Records, loss: float) -> int:
    """After how many more passes over the forgotten records their mean loss is at most `loss`, or MOST_PASSES.

    forget: shard → its records of them. judged: all of them, each once.
    """
    states = dict(model.states)
    for number in range(1, MOST_PASSES):
        for shard, records in forget.items():
            if shard in states:
                states[shard] = model.learner.fit(states[shard], records, epochs=1, seed=seed_from("relearn", number, shard))
        answers = Ensemble(model.learner, states).predict(judged.features)
        if float(np.mean(task.losses(answers, judged.target))) <= loss:
            return number
    return MOST_PASSES
