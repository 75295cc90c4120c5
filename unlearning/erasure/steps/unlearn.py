"""Step 5, unlearn: a candidate for the model that the project trains itself; `adopted` does it for models trained elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from unlearning.domain.chain import Trained
from unlearning.domain.events import AliasMoved, CandidateTrained
from unlearning.erasure.steps.redact import check_unmoved
from unlearning.project.training import registration
from unlearning.project.training.train import Map, make

if TYPE_CHECKING:
    from unlearning.erasure.erasure import Erasure
    from unlearning.erasure.record_sets import RecordSets


def unlearn_step(erasure: Erasure, sets: RecordSets, method: str, *, map: Map = map) -> Trained:
    """5: a candidate that never saw the people, by one method of the ladder."""

    def body() -> CandidateTrained:
        check_unmoved(erasure)
        began = time.perf_counter()
        trained = _train(erasure, sets, method, map)
        return CandidateTrained(
            method=method,
            trained=trained,
            head=registration.head(trained),
            training_seconds=round(time.perf_counter() - began, 3),
        )

    made = erasure.once(CandidateTrained, body, method=method).trained
    if erasure.said(AliasMoved) is None and not _kept(erasure, made):
        check_unmoved(erasure)
        _train(erasure, sets, method, map)
    return made


def _train(erasure: Erasure, sets: RecordSets, method: str, map: Map) -> Trained:
    return make(
        erasure.workspace,
        sets.retain,
        method=method,
        forget=sets.forget,
        parent=[part.key for part in sets.parent.trained.parts],
        map=map,
    )


def _kept(erasure: Erasure, made: Trained) -> bool:
    """The candidate's states are still stored: another erasure may have purged them before this one was promoted."""
    return all(part.key in erasure.workspace.checkpoints for part in made.parts)
