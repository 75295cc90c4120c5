"""Run what a job names: the one function that crosses a process border."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from unlearning.domain.chain import Job, Part
from unlearning.domain.errors import Refused
from unlearning.domain.protocols import Learner, Records
from unlearning.project import plugins, recipes
from unlearning.project.training.environment import engine, environment
from unlearning.stores import foreign_code, sealed, spool
from unlearning.stores.checkpoints import CheckpointStore, Recording


def run_job(job: Job) -> Part:
    """Open the learner, the records and the checkpoints that a job names, and run its method on them.

    A job whose records are sealed needs nothing of the project's folder. Raises Refused, before anything is trained or stored,
    where another engine runs than the training began with.
    """
    if not job.records_key:
        return foreign_code.apart(lambda: _run(job, Path(job.root), spool.read(Path(job.records))), Path(job.root))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        return foreign_code.apart(lambda: _unseal(job, root), root)


def _unseal(job: Job, folder: Path) -> Part:
    opened = sealed.read(job.records, job.records_key)
    return _run(job, recipes.unpacked(opened.code, folder), opened.records)


def _run(job: Job, root: Path, records: Records) -> Part:
    learner = recipes.learner_for(recipes.load_recipe(root, job.recipe), job.device)
    _require_engine(job, learner)
    store = Recording(CheckpointStore(job.checkpoints), engine(learner))
    part = plugins.method(job.method).run(job, learner, records, store)
    return replace(part, engines=store.engines(here=part.slices_trained > 0))


def _require_engine(job: Job, learner: Learner) -> None:
    here, begun = environment(learner), dict(job.engine)
    if other := [name for name in begun if here.get(name) != begun[name]]:
        said = ", ".join(f"{name} {here.get(name)} where the training began with {begun[name]}" for name in other)
        raise Refused(
            f"shard {job.shard}: this worker has another engine, which gives other bytes: {said}; nothing of it was stored. "
            "Give every worker the same versions and kind of processor, and run again"
        )
