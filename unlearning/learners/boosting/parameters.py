"""What a library's parameters may say, and why some may not: training must give the same bytes, and draw by record. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_THREADS = "sums depend on the number of threads: training uses one, and shards run side by side"
_SEED = "every stage has a seed of its own, from `partition.seed`"
_DEVICE = "sums on other devices are other bytes: training runs on the CPU"
_ROUNDS = "`rounds` says it"
_STOP = "when to stop would be read off records; say `rounds`"
_CALLS = "code cannot be part of the parameters, nor be repeated"
_ROWS = "it draws rows by their position, so everyone is drawn anew when one person leaves; the row fraction is drawn by record"
_LABELS = "the recipe's labels say it"
_COLUMNS = "the recipe's categories say it, and a gap is NaN"
_WORDS = "training is silent and leaves no files"
_LATER = "it changes trees that stand already: a stage goes on from the trees of the one before and leaves them alone"
_BINS = "bins are found in all records of the stage: a sample of them would be drawn by position"
_ROOT = "trees of several stages are added up: have the table say the root"
_FILES = "what a file says is in no checkpoint's name: an edit of it would go unseen"

_ROUNDS_NAMES = ("n_estimators", "num_boost_round", "num_round", "num_rounds", "num_trees", "num_tree")


@dataclass(frozen=True)
class Rules:
    """What one library calls things."""

    objective: tuple[str, ...]
    """Names of the parameter; the first is the one that we write."""
    binary: tuple[str, ...]
    multiclass: tuple[str, ...]
    """Objectives that mean what the labels mean; the first is the one that we write."""
    values: tuple[str, ...]
    """Objectives of a regression whose answers are in the unit of the target; the first is the default."""
    logarithms: tuple[str, ...]
    """Those of them whose trees answer the logarithm of the value."""
    fraction: tuple[str, ...]
    """Names of the share of rows that a round sees: ours to draw."""
    every: tuple[str, ...]
    """Names of how many rounds see the same rows."""
    refused: Mapping[str, str]
    """Parameter → why it cannot be said."""
    settled: Mapping[str, tuple[Any, ...]]
    """A refused parameter → values of it that say what is the case anyway."""


def _refused(**reasons: Iterable[str]) -> dict[str, str]:
    return {name: _REASONS[reason] for reason, names in reasons.items() for name in names}


_REASONS = {
    "threads": _THREADS,
    "seed": _SEED,
    "device": _DEVICE,
    "rounds": _ROUNDS,
    "stop": _STOP,
    "calls": _CALLS,
    "rows": _ROWS,
    "labels": _LABELS,
    "columns": _COLUMNS,
    "words": _WORDS,
    "later": _LATER,
    "bins": _BINS,
    "files": _FILES,
    "root": _ROOT,
}

RULES: Mapping[str, Rules] = {
    "xgboost": Rules(
        objective=("objective",),
        binary=("binary:logistic",),
        multiclass=("multi:softprob", "multi:softmax"),
        values=(
            "reg:squarederror",
            "reg:absoluteerror",
            "reg:pseudohubererror",
            "reg:squaredlogerror",
            "reg:quantileerror",
            "reg:gamma",
            "reg:tweedie",
            "count:poisson",
        ),
        logarithms=("reg:gamma", "reg:tweedie", "count:poisson"),
        fraction=("subsample",),
        every=(),
        refused=_refused(
            threads=("nthread", "n_jobs"),
            seed=("seed", "random_state", "seed_per_iteration"),
            device=("device", "gpu_id", "predictor"),
            rounds=(*_ROUNDS_NAMES,),
            stop=("early_stopping_rounds",),
            calls=("callbacks", "custom_metric", "obj", "evals"),
            rows=("sampling_method",),
            labels=("num_class",),
            columns=("feature_types", "enable_categorical", "missing"),
            words=("verbosity", "silent", "verbose_eval"),
            later=("process_type", "refresh_leaf", "updater", "booster", "rate_drop", "xgb_model"),
        ),
        settled={
            "nthread": (1,),
            "n_jobs": (1,),
            "device": ("cpu",),
            "process_type": ("default",),
            "booster": ("gbtree",),
            "sampling_method": ("uniform",),
        },
    ),
    "lightgbm": Rules(
        objective=("objective", "objective_type", "app", "application", "loss"),
        binary=("binary",),
        multiclass=("multiclass", "softmax"),
        values=(
            *("regression", "regression_l2", "l2", "mean_squared_error", "mse", "rmse", "l2_root", "root_mean_squared_error"),
            *("regression_l1", "l1", "mean_absolute_error", "mae", "huber", "fair", "poisson", "quantile", "gamma", "tweedie"),
        ),
        logarithms=("poisson", "gamma", "tweedie"),
        fraction=("bagging_fraction", "subsample", "sub_row", "bagging"),
        every=("bagging_freq", "subsample_freq"),
        refused=_refused(
            threads=("num_threads", "num_thread", "nthread", "nthreads", "n_jobs", "force_col_wise", "deterministic"),
            seed=(
                *("seed", "random_seed", "random_state", "bagging_seed", "bagging_fraction_seed", "feature_fraction_seed"),
                *("extra_seed", "data_random_seed", "data_seed", "drop_seed", "objective_seed"),
            ),
            device=("device", "device_type", "num_machines", "machines", "tree_learner", "tree", "tree_type"),
            rounds=(*_ROUNDS_NAMES, "num_iterations", "num_iteration", "n_iter", "num_boost_rounds", "nrounds", "max_iter"),
            stop=("early_stopping_round", "early_stopping_rounds", "early_stopping", "n_iter_no_change"),
            calls=("callbacks", "fobj", "feval", "valid_sets"),
            rows=(
                *("data_sample_strategy", "top_rate", "other_rate", "pos_bagging_fraction", "neg_bagging_fraction"),
                *("pos_sub_row", "neg_sub_row", "pos_bagging", "neg_bagging", "bagging_by_query", "use_quantized_grad"),
            ),
            labels=("num_class", "num_classes"),
            columns=("categorical_feature", "cat_feature", "categorical_column", "cat_column", "categorical_features"),
            words=("verbosity", "verbose"),
            later=("boosting", "boosting_type", "boost", "input_model", "model_input", "model_in", "init_model"),
            bins=("bin_construct_sample_cnt", "subsample_for_bin"),
            root=("reg_sqrt",),
            files=(
                *("forcedsplits_filename", "fs", "forced_splits_filename", "forced_splits_file", "forced_splits"),
                *("forcedbins_filename", "config", "config_file"),
            ),
        ),
        settled={
            **dict.fromkeys(("num_threads", "num_thread", "nthread", "nthreads", "n_jobs"), (1,)),
            **dict.fromkeys(("boosting", "boosting_type", "boost"), ("gbdt", "gbrt")),
            **dict.fromkeys(("device", "device_type"), ("cpu",)),
            "deterministic": (True,),
            "data_sample_strategy": ("bagging",),
            "use_quantized_grad": (False,),
            "reg_sqrt": (False,),
        },
    ),
    "catboost": Rules(
        objective=("loss_function", "objective"),
        binary=("Logloss",),
        multiclass=("MultiClass",),
        values=("RMSE", "MAE", "Quantile", "Huber", "Expectile", "MAPE", "Lq"),
        logarithms=(),
        fraction=("subsample",),
        every=(),
        refused=_refused(
            threads=("thread_count",),
            seed=("random_seed", "random_state"),
            device=("task_type", "devices", "gpu_ram_part"),
            rounds=(*_ROUNDS_NAMES, "iterations"),
            stop=("od_type", "od_wait", "od_pval", "early_stopping_rounds", "use_best_model"),
            calls=("callbacks", "custom_metric", "eval_set"),
            rows=("boosting_type", "bootstrap_type", "bagging_temperature", "mvs_reg", "sampling_frequency", "sampling_unit"),
            labels=("classes_count", "class_names"),
            columns=("cat_features", "text_features", "embedding_features", "ignored_features", "nan_mode"),
            words=(
                *("logging_level", "verbose", "silent", "verbose_eval", "metric_period", "allow_writing_files", "train_dir"),
                *("save_snapshot", "snapshot_file", "snapshot_interval", "name"),
            ),
            later=("model_shrink_rate", "model_shrink_mode", "langevin", "posterior_sampling", "diffusion_temperature"),
            bins=("dev_max_subset_size_for_build_borders",),
            files=("input_borders",),
        ),
        settled={
            "thread_count": (1,),
            "task_type": ("CPU",),
            "boosting_type": ("Plain",),
            "bootstrap_type": ("No", "Bernoulli"),
            "allow_writing_files": (False,),
        },
    ),
}
"""Library → its rules."""


def findings(library: str, parameters: Mapping[str, Any], *, labels: int) -> Iterable[str]:
    """What these parameters may not say, in words."""
    rules = RULES[library]
    for name, value in parameters.items():
        if not _plain(value):
            yield f"parameters[{name!r}] is {type(value).__name__}, expected numbers, text and lists: {_CALLS}"
        elif name in rules.refused and value not in rules.settled.get(name, ()):
            yield f"parameters[{name!r}] = {value!r} cannot be said to {library}: {rules.refused[name]}"
    for names in (rules.objective, rules.fraction, rules.every):
        if len(said := [name for name in names if name in parameters]) > 1:
            yield f"parameters say {' and '.join(said)}, which are the same; say one"
    share, every = fraction(library, parameters)
    if not isinstance(share, (int, float)) or not 0 < share <= 1:
        yield f"parameters[{rules.fraction[0]!r}] = {share!r}; expected a share of the rows, above 0 and up to 1"
    if not isinstance(every, int) or every < 0:
        yield f"parameters[{rules.every[0]!r}] = {every!r}; expected a whole number of rounds"
    if isinstance(parameters.get("quantile_alpha"), (list, tuple)):
        yield f"parameters['quantile_alpha'] = {parameters['quantile_alpha']!r}; expected one number: the answer is one value"
    fitting = _fitting(rules, labels)
    said_objective = _said(parameters, rules.objective)
    if said_objective is not None and _plain(said_objective) and _head(said_objective) not in fitting:
        kind = f"of {labels} labels" if labels else "of numbers"
        yield f"parameters[{rules.objective[0]!r}] = {said_objective!r}, the target is {kind}; expected {', '.join(fitting)}"


def objective(library: str, parameters: Mapping[str, Any], *, labels: int) -> dict[str, Any]:
    """The objective as the library takes it: that of the labels, or of a regression what the parameters say."""
    rules = RULES[library]
    default = _fitting(rules, labels)[0]
    return {rules.objective[0]: default if labels else _said(parameters, rules.objective) or default}


def logarithmic(library: str, parameters: Mapping[str, Any]) -> bool:
    """True when the trees of a regression with these parameters answer the logarithm of the value."""
    rules = RULES[library]
    return _said(parameters, rules.objective) in rules.logarithms


def fraction(library: str, parameters: Mapping[str, Any]) -> tuple[Any, Any]:
    """The share of rows that a round sees, and for how many rounds they are the same, 0 being all rows in every round."""
    rules = RULES[library]
    share, every = _said(parameters, rules.fraction), _said(parameters, rules.every)
    return (1.0 if share is None else share), (1 if every is None else every)


def passed(library: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What the library itself is told of them."""
    rules = RULES[library]
    ours = {*rules.objective, *rules.fraction, *rules.every, *rules.refused}
    return {name: value for name, value in parameters.items() if name not in ours}


def lacking(target: NDArray[Any], labels: int) -> bool:
    """True when a label has no record: trees that start from its share, 0, would hardly move from there ever after."""
    return len(np.unique(target)) < labels


def _fitting(rules: Rules, labels: int) -> tuple[str, ...]:
    if not labels:
        return rules.values
    return rules.binary if labels == 2 else rules.multiclass


def _said(parameters: Mapping[str, Any], names: Iterable[str]) -> Any:
    return next((parameters[name] for name in names if name in parameters), None)


def _head(said: Any) -> str:
    """CatBoost writes parameters of an objective behind it, as in `Quantile:alpha=0.9`."""
    head, _, rest = str(said).partition(":")
    return head if "=" in rest else str(said)


def _plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_plain, value))
    if isinstance(value, Mapping):
        return all(isinstance(key, str) for key in value) and all(map(_plain, value.values()))
    return value is None or isinstance(value, (bool, int, float, str))
