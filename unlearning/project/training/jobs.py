"""Run what a job names: the one function that crosses a process border."""

from __future__ import annotations

from pathlib import Path

from unlearning.domain.chain import Job, Part
from unlearning.project import plugins, recipes
from unlearning.stores import foreign_code, spool
from unlearning.stores.checkpoints import CheckpointStore


def run_job(job: Job) -> Part:
    """Open the learner, the records and the checkpoints that a job names, and run its method on them."""
    return foreign_code.apart(lambda: _run(job), Path(job.root))


def _run(job: Job) -> Part:
    recipe = recipes.load_recipe(Path(job.root), job.recipe)
    return plugins.method(job.method).run(
        job,
        recipes.learner_for(recipe, job.device),
        spool.read(Path(job.records)),
        CheckpointStore(job.checkpoints),
    )
