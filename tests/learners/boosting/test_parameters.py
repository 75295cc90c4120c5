"""What a library's parameters may say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from unlearning.learners.boosting.parameters import RULES, findings, fraction, lacking, objective, passed


@pytest.mark.parametrize(
    ("library", "parameters", "why"),
    [
        ("xgboost", {"nthread": 4}, "one, and shards run side by side"),
        ("xgboost", {"n_jobs": -1}, "one, and shards run side by side"),
        ("xgboost", {"seed": 3}, "every stage has a seed of its own"),
        ("xgboost", {"device": "cuda"}, "training runs on the CPU"),
        ("xgboost", {"process_type": "update"}, "changes trees that stand"),
        ("xgboost", {"booster": "dart"}, "changes trees that stand"),
        ("xgboost", {"sampling_method": "gradient_based"}, "drawn by record"),
        ("xgboost", {"early_stopping_rounds": 5}, "read off records"),
        ("xgboost", {"objective": len}, "code cannot be part"),
        ("xgboost", {"monotone_constraints": [1, len]}, "code cannot be part"),
        ("xgboost", {"num_class": 3}, "labels say it"),
        ("xgboost", {"subsample": 0.0}, "above 0 and up to 1"),
        ("xgboost", {"subsample": "half"}, "above 0 and up to 1"),
        ("xgboost", {"objective": "rank:ndcg"}, "expected binary:logistic"),
        ("lightgbm", {"num_threads": 2}, "one, and shards run side by side"),
        ("lightgbm", {"bagging_seed": 2}, "every stage has a seed of its own"),
        ("lightgbm", {"boosting": "dart"}, "changes trees that stand"),
        ("lightgbm", {"data_sample_strategy": "goss"}, "drawn by record"),
        ("lightgbm", {"use_quantized_grad": True}, "drawn by record"),
        ("lightgbm", {"subsample_for_bin": 1000}, "bins are found in all records"),
        ("lightgbm", {"reg_sqrt": True}, "have the table say the root"),
        ("lightgbm", {"forcedbins_filename": "bins.json"}, "in no checkpoint's name"),
        ("catboost", {"input_borders": "borders.tsv"}, "in no checkpoint's name"),
        ("xgboost", {"quantile_alpha": [0.1, 0.9]}, "expected one number"),
        ("lightgbm", {"bagging_fraction": 0.5, "subsample": 0.5}, "are the same; say one"),
        ("lightgbm", {"bagging_freq": -1}, "whole number of rounds"),
        ("lightgbm", {"num_iterations": 9}, "`rounds` says it"),
        ("catboost", {"thread_count": 8}, "one, and shards run side by side"),
        ("catboost", {"boosting_type": "Ordered"}, "drawn by record"),
        ("catboost", {"bootstrap_type": "MVS"}, "drawn by record"),
        ("catboost", {"task_type": "GPU"}, "training runs on the CPU"),
        ("catboost", {"cat_features": [1]}, "categories say it"),
        ("catboost", {"train_dir": "here"}, "leaves no files"),
    ],
)
def test_what_would_make_other_bytes_is_refused_with_the_reason(library: str, parameters: dict[str, Any], why: str) -> None:
    (finding,) = findings(library, parameters, labels=2)
    assert why in finding
    assert next(iter(parameters)) in finding or "say one" in finding


@pytest.mark.parametrize(
    ("library", "parameters"),
    [
        ("xgboost", {"nthread": 1, "device": "cpu", "booster": "gbtree", "subsample": 0.8, "objective": "binary:logistic"}),
        ("xgboost", {"monotone_constraints": "(1,-1)", "max_depth": 4, "eval_metric": ["auc"], "base_score": 0.4}),
        ("lightgbm", {"boosting_type": "gbdt", "deterministic": True, "bagging_freq": 5, "monotone_constraints": [1, -1]}),
        ("catboost", {"bootstrap_type": "Bernoulli", "subsample": 0.8, "depth": 4, "rsm": 0.5}),
    ],
)
def test_what_holds_anyway_and_what_shapes_trees_may_be_said(library: str, parameters: dict[str, Any]) -> None:
    assert not list(findings(library, parameters, labels=2))


def test_all_findings_come_at_once() -> None:
    assert len(list(findings("xgboost", {"seed": 1, "nthread": 2, "subsample": 2}, labels=0))) == 3


@pytest.mark.parametrize(
    ("library", "parameters", "labels", "expected"),
    [
        ("xgboost", {}, 2, {"objective": "binary:logistic"}),
        ("xgboost", {"objective": "multi:softmax"}, 3, {"objective": "multi:softprob"}),
        ("lightgbm", {"app": "l1"}, 0, {"objective": "l1"}),
        ("catboost", {"loss_function": "Quantile:alpha=0.9"}, 0, {"loss_function": "Quantile:alpha=0.9"}),
    ],
)
def test_the_objective_is_that_of_the_labels(library: str, parameters: Any, labels: int, expected: Any) -> None:
    assert not list(findings(library, parameters, labels=labels))
    assert objective(library, parameters, labels=labels) == expected


def test_the_fraction_of_rows_is_ours_to_draw_and_never_the_librarys() -> None:
    assert fraction("xgboost", {}) == (1.0, 1)
    assert fraction("lightgbm", {"subsample": 0.5, "subsample_freq": 4}) == (0.5, 4)
    assert passed("lightgbm", {"subsample": 0.5, "bagging_freq": 4, "lambda_l2": 1.0, "num_threads": 1}) == {"lambda_l2": 1.0}


def test_no_parameter_is_ours_and_refused() -> None:
    for rules in RULES.values():
        assert not set(rules.refused) & {*rules.objective, *rules.fraction, *rules.every}
        assert set(rules.settled) <= set(rules.refused)


def test_a_label_lacks_where_it_has_no_record() -> None:
    assert lacking(np.array([0, 0]), 2)
    assert not lacking(np.array([0, 1]), 2)
    assert not lacking(np.array([0.5]), 0)
