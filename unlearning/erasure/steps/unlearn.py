"""Step 5, unlearn: a candidate for the model that the project trains itself; `adopted` does it for models trained elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from unlearning.domain.chain import Trained
from unlearning.domain.entities import plain
from unlearning.erasure.steps.redact import check_unmoved
from unlearning.project.training import registration
from unlearning.project.training.train import Map, make

if TYPE_CHECKING:
    from unlearning.erasure.erasure import Erasure


def unlearn_step(erasure: Erasure, method: str, *, map: Map = map) -> Mapping[str, Any]:
    """5: a candidate that never saw the people, by one method of the ladder."""

    def body() -> Mapping[str, Any]:
        check_unmoved(erasure)
        began = time.perf_counter()
        trained = _train(erasure, method, map)
        return {
            "method": method,
            "trained": plain(trained),
            "head": registration.head(trained),
            "training_seconds": round(time.perf_counter() - began, 3),
        }

    made = erasure.once("CandidateTrained", body, method=method)
    if erasure.progress.step_done("AliasMoved") is None and not _kept(erasure, made):
        check_unmoved(erasure)
        _train(erasure, method, map)
    return made


def _train(erasure: Erasure, method: str, map: Map) -> Trained:
    return make(
        erasure.workspace,
        erasure.retain,
        method=method,
        forget=erasure.forget,
        parent=[part.key for part in erasure.parent.trained.parts],
        map=map,
    )


def _kept(erasure: Erasure, made: Mapping[str, Any]) -> bool:
    """The candidate's states are still stored: another erasure may have purged them before this one was promoted."""
    return all(part["key"] in erasure.workspace.checkpoints for part in made["trained"]["parts"])
