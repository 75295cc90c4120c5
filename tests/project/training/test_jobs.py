"""What a job names is enough to run it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.small_project import RECIPE
from unlearning.domain.chain import Job
from unlearning.domain.hashing import digest
from unlearning.domain.protocols import Records
from unlearning.project.training.jobs import run_job
from unlearning.stores import spool
from unlearning.stores.checkpoints import CheckpointStore

KEYS = tuple(digest(["key", number]) for number in range(3))


def test_a_job_runs_from_its_plain_values_alone_and_the_second_time_only_verifies(tmp_path: Path) -> None:
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes/outcome.py").write_text(RECIPE.replace("epochs=12", "epochs=1"))
    generator = np.random.default_rng(1)
    records = Records(generator.normal(size=(8, 3)).astype(np.float32), np.array([0, 1] * 4))
    spool.write(tmp_path / "spool", records)
    job = Job(
        method="sisa",
        root=str(tmp_path),
        recipe="recipes/outcome.py:recipe",
        recipe_digest=digest("recipe"),
        device="cpu",
        checkpoints=str(tmp_path / "checkpoints"),
        records=str(tmp_path / "spool"),
        seed=1,
        shard=0,
        keys=KEYS,
        bounds=(0, 4, 8),
    )
    made, again = run_job(job), run_job(job)
    assert (made.key, made.slices_trained, again.slices_trained) == (KEYS[-1], 2, 0)
    assert again.digest == made.digest
    assert set(CheckpointStore(job.checkpoints).keys()) == set(KEYS[1:])
