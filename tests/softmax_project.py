"""A project whose learner needs no torch, in a process that cannot import torch: trained, erased from, certified.

`python -m tests.softmax_project FOLDER` makes it there and prints what happened as JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

RECIPE = """
from tests.numpy_learner import SoftmaxRecipe

recipe = SoftmaxRecipe(features=["age", "dose", "score"], target="outcome", person="patient", labels=("ill", "well"))
"""
INSTALLED = "[unlearning.learners]\nsoftmax = tests.numpy_learner:SoftmaxLearner\n"
ASKED = {"age": [41.0, 65.5, 80.0], "dose": [2.0, 0.5, 1.0], "score": [0.0, -1.0, 2.0]}


class Absent:
    """Packages that cannot be imported here."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        del path, target
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"{name} is not installed here", name=name)


def install(folder: Path) -> None:
    """What pip leaves of a plugin: the learner's entry point, for whoever has the folder on the path."""
    info = folder / "softmax_learner-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: softmax-learner\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(INSTALLED)


def story(folder: Path) -> dict[str, Any]:
    """One person is erased; before, the policy names a method that this learner cannot serve."""
    import numpy as np

    from tests.small_project import TRAIN, create
    from unlearning.domain.errors import WrongUse
    from unlearning.erasure.steps.plan import check_ready
    from unlearning.project.training.ensemble import Ensemble
    from unlearning.project.training.registration import parent_of, record_of

    project = create(folder, recipe=RECIPE)
    person, settings = project.people(TRAIN)[0], (folder / "params.yaml").read_bytes()
    project.configure({"policy": {"methods": ["negative_gradient", "retrain"]}})
    refused = ""
    try:
        check_ready(project.workspace)
    except WrongUse as error:
        refused = str(error)
    (folder / "params.yaml").write_bytes(settings)
    project.request(person)
    done = project.erase(replay=True)
    workspace = project.workspace
    trained = record_of(workspace, parent_of(workspace)).trained
    features = np.stack([*map(np.array, ASKED.values())], axis=1).astype(np.float32)
    return {
        "refused": refused,
        "done": done,
        "states": list(project.states().values()),
        "person_left": person in project.people(TRAIN),
        "answers": Ensemble.of(workspace, trained).predict(features).tolist(),
        "torch": [name for name in sys.modules if name.partition(".")[0] in ("torch", "safetensors")],
    }


if __name__ == "__main__":
    sys.meta_path.insert(0, Absent("torch", "safetensors"))  # type: ignore[arg-type]
    print(json.dumps(story(Path(sys.argv[1])), default=str))
