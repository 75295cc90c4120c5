"""Attacks with shadow models, on confidences that are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import strategies as st

from tests.properties import drawn
from unlearning.checks import attacks
from unlearning.checks.attacks import Floats, Shadows, area, caught, confidence, curve, lira, logit, rmia, u_lira


def made(*, count: int = 16, records: int = 60, told: float = 2.0, seed: int = 0) -> tuple[Shadows, Floats]:
    """Shadow models that are surer of what they saw by `told` logits, and the base logit of each record."""
    generator = np.random.default_rng(seed)
    member = np.argsort(np.argsort(generator.random((count, records)), axis=0), axis=0) < count // 2
    base = generator.normal(0, 2, records)
    phi = base + told * member + generator.normal(0, 0.5, member.shape)
    return Shadows(member, 1 / (1 + np.exp(-phi))), base


SEEDS = range(20)
"""Each its own draw of everything; what is said holds for their mean, not for every one."""


@pytest.mark.parametrize("told", [1.5, 2.0, 3.0])
def test_shadow_models_find_who_was_in_whatever_how_easy_their_records_are(told: float) -> None:
    found = []
    for seed in SEEDS:
        shadows, base = made(told=told, seed=seed)
        inside = np.arange(len(base)) % 2 == 0
        sure = 1 / (1 + np.exp(-(base + told * inside)))
        scored = (sure, lira(sure, shadows), rmia(sure, shadows, ~inside))
        found.append([area(one[inside], one[~inside]) for one in scored])
    plain, likely, robust = np.mean(found, axis=0)
    assert min(likely, robust) > max(plain, 0.9)


def test_nothing_is_found_where_nothing_is() -> None:
    found = []
    for seed in SEEDS:
        shadows, base = made(told=0, seed=seed, records=400)
        scores = lira(1 / (1 + np.exp(-base)), shadows)
        found.append(area(scores[::2], scores[1::2]))
    assert abs(np.mean(found) - 0.5) < 0.03


def test_what_was_unlearned_stands_in_for_what_was_in() -> None:
    shadows, base = made()
    unlearned = Shadows(shadows.member, shadows.confidence, unlearned=shadows.confidence)
    sure = 1 / (1 + np.exp(-base))
    assert np.array_equal(u_lira(sure, unlearned), lira(sure, shadows))
    with pytest.raises(ValueError, match="no shadow model unlearned"):
        u_lira(sure, shadows)


def test_a_record_without_models_on_both_sides_has_no_score() -> None:
    shadows, base = made(records=10)
    member = shadows.member.copy()
    member[:, 0] = True
    lacking = Shadows(member, shadows.confidence)
    sure = 1 / (1 + np.exp(-base))
    assert np.isnan(lira(sure, lacking)[0])
    assert np.isnan(rmia(sure, lacking, np.ones(10, np.bool_))[0])
    assert np.isfinite(lira(sure, lacking)[1:]).all()


@pytest.mark.parametrize(
    ("task", "losses", "expected"),
    [("classification", [0.0, np.inf], [1, 0]), ("regression", [0.0, np.inf], [1, 0]), ("ranking", [0.0, 1.0], [1, 0])],
)
def test_the_confidence_of_every_task_is_a_number_between_0_and_1(
    task: str, losses: list[float], expected: list[float]
) -> None:
    found = confidence(task, np.array(losses), scale=0.5)
    assert found.tolist() == expected
    assert np.isfinite(logit(found)).all()


@drawn(few=20, many=500, members=st.lists(st.integers(0, 9), min_size=1), strangers=st.lists(st.integers(0, 9), min_size=1))
def test_areas_and_rates_are_what_counting_gives(members: list[int], strangers: list[int]) -> None:
    one, other = np.array(members, np.float64), np.array(strangers, np.float64)
    pairs = [(a > b) + (a == b) / 2 for a in members for b in strangers]
    assert area(one, other) == pytest.approx(sum(pairs) / len(pairs))
    for wrongly in (0.0, 0.01, 0.5):
        best = max(
            (np.mean(one > t) for t in [*sorted(strangers), -1] if np.mean(other > t) <= wrongly),
            default=0.0,
        )
        assert caught(one, other, wrongly=wrongly) == pytest.approx(best)


def test_the_curve_rises_from_nothing_to_everything() -> None:
    generator = np.random.default_rng(1)
    found = curve(generator.normal(1, 1, 500), generator.normal(0, 1, 500))
    assert all(np.all(np.diff(values) >= 0) and values[0] == 0 and values[-1] == 1 for values in found.values())
    assert len(found["true_positives"]) <= 201
    assert attacks.GAMMA > 1
