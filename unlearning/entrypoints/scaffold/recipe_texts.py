"""The recipes that `unlearn init` writes, one for each learner: short, commented, and to be made one's own."""

from __future__ import annotations

DEFAULT = "torch"
LEARNERS = (DEFAULT, "boosting", "sklearn", "statistics")
WITHOUT_SHARDS = ("statistics",)
"""Learners from whose state a person's part is taken out again: splitting the people would only cost accuracy."""

RECOMMENDERS = (DEFAULT, "statistics")
"""Learners that can recommend, from a column of what people have."""
CATALOGUE = "recipes/catalogue.txt"
"""The items, which nobody but the user can say: read off the data, it would keep what only one person had."""

_HEAD = '''"""How the {{title}} model is made, as `unlearn init` proposed it. Make it yours: columns, labels, {what}.

Whatever is set here names the model's checkpoints, so editing this file trains everything again.
"""

from __future__ import annotations

'''

_COLUMNS = """    features=[
{features}    ],
{categories}    target={target},
    person={person},
{labels}"""

_TORCH = (
    _HEAD.format(what="network, training")
    + '''from collections.abc import Iterable

from torch import nn, optim

from unlearning.learners.torch import TorchRecipe, standardize


def network(features: int, outputs: int) -> nn.Module:
    """A small perceptron: (n, features) to (n, outputs), a logit for each label or one number."""
    return nn.Sequential(nn.Linear(features, 32), nn.ReLU(), nn.Linear(32, outputs))


def optimizer(parameters: Iterable[nn.Parameter]) -> optim.Optimizer:
    """A fresh optimiser for a network's parameters; weight decay keeps constituents with few records from overfitting."""
    return optim.AdamW(parameters, lr=0.01, weight_decay=0.05)


recipe = TorchRecipe(
    network=network,
'''
    + _COLUMNS
    + """    optimizer=optimizer,
    epochs=40,
    batch_size=16,
    preprocessing=standardize,
)
"""
)

_BOOSTING = (
    _HEAD.format(what="trees")
    + """from unlearning.learners.boosting import BoostingRecipe

recipe = BoostingRecipe(
    library="xgboost",  # or lightgbm, catboost: `pip install 'mlflow-unlearning[xgboost]'`
    rounds=100,  # of a plain training; slices share them
    parameters={{"max_depth": 4, "eta": 0.1}},
"""
    + _COLUMNS
    + ")\n"
)

_SKLEARN = (
    _HEAD.format(what="estimator")
    + '''from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import ESTIMATOR
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from unlearning.learners.sklearn import SklearnRecipe

NUMBERS = {numbers}
CATEGORIES = {coded}


def estimator() -> Pipeline:
    """Whatever is fitted here, scaler and encoder too, is fitted on a member's own people."""
    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler()), list(NUMBERS)),
            ("categories", OneHotEncoder(handle_unknown="ignore"), list(CATEGORIES)),
        ]
    )
    return make_pipeline(columns, ESTIMATOR(SETTINGS))


recipe = SklearnRecipe(
    estimator=estimator,
'''
)

_STATISTICS = (
    _HEAD.format(what="ranges")
    + """from unlearning.learners.statistics import StatisticsRecipe

recipe = StatisticsRecipe(
    model="MODEL",
    ranges={{  # between which a value can lie at all: declared, never read off the people who are there
{ranges}    }},
"""
)

_LISTS = """    item={target},
    person={person},
    # Your own list, one item a line, and never read off what people have: an item that only one person had would stay in it.
    items=Path(__file__).with_name("catalogue.txt").read_text("utf-8").splitlines(),
    sources=["recipes/catalogue.txt"],
"""

_TORCH_RANKING = (
    _HEAD.format(what="network, training")
    + '''from collections.abc import Iterable
from pathlib import Path

from torch import nn, optim

from unlearning.learners.torch import TorchRankingRecipe, Towers


def network(items: int) -> nn.Module:
    """A person is the sum of the vectors of what they have, and has no row of their own; a third argument is a second tower."""
    return Towers(items, 32)


def optimizer(parameters: Iterable[nn.Parameter]) -> optim.Optimizer:
    """A fresh optimiser for a network's parameters."""
    return optim.Adam(parameters, lr=0.01)


recipe = TorchRankingRecipe(
    network=network,
'''
    + _LISTS
    + """    optimizer=optimizer,
    epochs=10,
    batch_size=64,
)
"""
)

_STATISTICS_RANKING = (
    _HEAD.format(what="penalty")
    + """from pathlib import Path

from unlearning.learners.statistics import RankingRecipe

recipe = RankingRecipe(
    model="ease",  # or the baselines cooccurrence, popularity
    penalty=100.0,  # the larger, the less two items say of each other that few people have
"""
    + _LISTS
    + ")\n"
)


def text(learner: str, *, classifies: bool, ranks: bool = False) -> str:
    """The recipe of a learner, to be filled with `str.format`: title, features, categories, target, person, labels, numbers,
    coded (names of the categorical columns), ranges."""
    if ranks:
        return {DEFAULT: _TORCH_RANKING, "statistics": _STATISTICS_RANKING}[learner]
    if learner == "sklearn":
        kind, settings = ("LogisticRegression", "max_iter=1000") if classifies else ("Ridge", "")
        return _SKLEARN.replace("ESTIMATOR", kind).replace("SETTINGS", settings) + _COLUMNS + ")\n"
    if learner == "statistics":
        return _STATISTICS.replace("MODEL", "lda" if classifies else "ridge") + _COLUMNS + ")\n"
    return {"torch": _TORCH, "boosting": _BOOSTING}[learner]
