"""What a training ran on, and what is said of one that went on from what another library version had made."""

from __future__ import annotations

import importlib
import json
import platform
import uuid
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tests.small_boosting import LIBRARIES, boosting_learner
from tests.small_sklearn import sgd
from tests.small_statistics import factory
from tests.small_torch import torch_learner
from unlearning.checks.exactness import exactness
from unlearning.domain.chain import Job
from unlearning.domain.hashing import digest
from unlearning.methods import constituent
from unlearning.project.training.environment import engine, environment, otherwise
from unlearning.stores.checkpoints import CheckpointStore, Recording
from unlearning.testing.population import population

FAMILIES: dict[str, tuple[Callable[[], Any], str, str]] = {
    "torch": (torch_learner, "torch", "torch.__version__"),
    "statistics": (factory("gaussian_nb"), "numpy", "numpy.__version__"),
    "sklearn": (sgd, "scikit-learn", ""),
    **{library: (partial(boosting_learner, library), library, "") for library in LIBRARIES},
}
"""Who trains → a learner, the library that its bytes depend on, and where that says its version; else the installation does."""


def upgrade(monkeypatch: pytest.MonkeyPatch, name: str, said_at: str) -> None:
    """The library says another version."""
    if said_at:
        monkeypatch.setattr(said_at, "9.9.9")
        return
    real: Callable[[str], str] = importlib.metadata.version
    fake = lambda asked: "9.9.9" if asked == name else real(asked)  # noqa: E731
    monkeypatch.setattr("importlib.metadata.version", fake)
    monkeypatch.setattr("unlearning.learners.boosting.learner.version", fake)


def test_it_names_what_the_bits_depend_on_in_plain_words() -> None:
    learner = torch_learner()
    found = environment(learner)
    assert found["python"] == platform.python_version()
    assert found["torch"] == torch.__version__
    assert json.loads(json.dumps(found)) == found == environment(learner)
    assert all(found.values())


@pytest.mark.parametrize("family", FAMILIES)
def test_a_chain_that_two_library_versions_made_says_both(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make, library, said_at = FAMILIES[family]
    learner, records = make(), population().records
    store, then = CheckpointStore(f"memory://{uuid.uuid4().hex}"), engine(learner)
    keys = tuple(digest([family, number]) for number in range(3))
    job = Job("sisa", "", "", "", "cpu", "", "", 1, 0, keys, (0, len(records) // 2, len(records)))
    constituent.make(job, learner, records, Recording(store, then))
    assert [store.read(key)[1] for key in keys[1:]] == [(then,), (then,)]  # type: ignore[index]

    store.delete(keys[2])
    upgrade(monkeypatch, library, said_at)
    now = engine(learner)
    constituent.make(job, learner, records, job_store := Recording(store, now))

    assert set(job_store.engines(here=True)) == set(store.read(keys[2])[1]) == {then, now}  # type: ignore[index]
    said = otherwise((then, now), now)
    assert said == (f"{library} {dict(then)[library]} then, 9.9.9 now",)
    evidence: Any = SimpleNamespace(digests={0: "of then"}, replayed={0: "of now"}, otherwise=said)
    judged = exactness(evidence, {})
    assert (judged.verdict, said[0] in judged.how) == ("underpowered", True)
    assert otherwise((now,), now) == otherwise(((),), now) == ()


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_said_is_plain_text_that_goes_into_an_event(family: str) -> None:
    """torch's own version is a class of its own, which no event takes in."""
    assert {type(value) for pair in engine(FAMILIES[family][0]()) for value in pair} == {str}


def test_what_only_one_of_two_engines_names_is_said_too() -> None:
    assert otherwise([(("blas", "mkl"),)], (("numpy", "2.0"),)) == ("blas mkl then, none now", "numpy none then, 2.0 now")
