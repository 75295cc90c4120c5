"""What a recipe and its table should not ask of a learner: what `unlearn train` says, and that nothing changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.entrypoints.cli.commands import unlearn
from tests.entrypoints.cli.test_bad_input import RECIPE, Case, check, identifiers, settings, table, versions
from tests.small_project import TRAIN, Project

pytestmark = [pytest.mark.usefixtures("without_prefect"), pytest.mark.slow]

COMMON = 'features=["age", "dose", "score"], target="outcome", person="patient"'
LABELS = 'labels=("ill", "well")'


def sklearn(estimator: str, more: str = "") -> str:
    return (
        "import numpy as np\nfrom sklearn.linear_model import LogisticRegression\nfrom sklearn.pipeline import make_pipeline\n"
        "from sklearn.preprocessing import FunctionTransformer, OneHotEncoder\n"
        "from unlearning.learners.sklearn import SklearnRecipe\n"
        f"recipe = SklearnRecipe(estimator={estimator}, {COMMON}, {LABELS}{more})\n"
    )


def boosting(library: str) -> str:
    return (
        "from unlearning.learners.boosting import BoostingRecipe\n"
        f'recipe = BoostingRecipe(library="{library}", rounds=4, {COMMON}, {LABELS})\n'
    )


def statistics(model: str, more: str) -> str:
    return f'from unlearning.learners.statistics import StatisticsRecipe\nrecipe = StatisticsRecipe(model="{model}", {more})\n'


def embedded(length: int) -> str:
    return (
        "from torch import nn, optim\nfrom unlearning.learners.torch import TorchRecipe\n"
        "recipe = TorchRecipe(network=nn.Linear, optimizer=lambda p: optim.SGD(p, lr=0.1), epochs=1, batch_size=8, "
        f'features=["note"], embeddings={{"note": {length}}}, target="outcome", person="patient", {LABELS})\n'
    )


def made_by(text: str, *changes: Callable[[Project], None]) -> Callable[[Project], None]:
    def change(project: Project) -> None:
        (project.root / RECIPE).write_text(text)
        project.configure({"partition": {"slices": 1}})
        for one in changes:
            one(project)

    return change


def gap(old: dict[str, Any]) -> dict[str, Any]:
    return {**old, "score": [None, *old["score"][1:]]}


def uneven(old: dict[str, Any]) -> dict[str, Any]:
    return {**old, "note": [[1.0, 2.0]] * (len(old["age"]) - 1) + [[1.0]]}


def many(old: dict[str, Any]) -> dict[str, Any]:
    """More than the sums hold at this resolution."""
    return {name: list(values) * (1 + 2**15 // len(values)) for name, values in old.items()}


def one_label(old: dict[str, Any]) -> dict[str, Any]:
    return {**old, "outcome": ["ill"] * len(old["age"])}


REFUSED: Mapping[str, Case] = {
    "an estimator that needs pickle": Case(
        ("train",),
        ("cannot be stored without pickle", "is code that is not there", "estimators of scikit-learn and pipelines"),
        made_by(sklearn("make_pipeline(FunctionTransformer(lambda x: x), LogisticRegression())")),
        code=1,
    ),
    "an estimator that draws without a seed": Case(
        ("train",),
        ("draws random numbers without a random_state", "give it one"),
        made_by(sklearn("LogisticRegression(solver='saga')")),
        code=1,
    ),
    "a gap that the estimator does not take": Case(
        ("train",),
        ("LogisticRegression", "takes no missing values", "put an imputer before it"),
        made_by(sklearn("LogisticRegression()"), table(gap, TRAIN)),
        code=1,
    ),
    "sums that overflow": Case(
        ("train",),
        ("may overflow the sums", "bits"),
        made_by(
            statistics("ridge", 'features=["age"], target="score", person="patient", ranges=(-1000, 1000), bits=24'),
            table(many, TRAIN),
        ),
    ),
    "a value outside its range": Case(
        ("train",),
        ("feature 'age' (-1 to 1) is out of its declared range in", "mend them, or widen the range"),
        made_by(statistics("ridge", 'features=["age"], target="score", person="patient", ranges=(-1, 1)')),
    ),
    "a library that is not there": Case(
        ("train",), ("library='nothing'; expected one of xgboost, lightgbm, catboost",), made_by(boosting("nothing"))
    ),
    "lists of uneven length": Case(
        ("train",),
        ("feature 'note' has 1 lists of another length than the declared 2", "make them anew, or drop them"),
        made_by(embedded(2), table(uneven, TRAIN)),
    ),
    "a metric of another task": Case(
        ("train",),
        ("checks.metric", "'rmse' is no metric of a classification", "accuracy"),
        settings(checks={"metric": "rmse"}),
    ),
    "a model twice": Case(
        ("status",),
        ("params.yaml", "a key stands twice"),
        lambda project: (project.root / "params.yaml").write_text(
            f"unlearning:\n  models:\n    a: {{recipe: '{RECIPE}:recipe'}}\n    a: {{recipe: '{RECIPE}:recipe'}}\n"
        ),
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_learner_cannot_do_is_named_and_no_version_comes_of_it(project: Project, name: str) -> None:
    case, before = REFUSED[name], versions(project)
    workspace = project.workspace
    case.change(project)
    check(unlearn(project.root, *case.words, "--json"), case.code, case.says, identifiers(project))
    models = workspace.models
    assert (models.every_alias(), [str(version.model) for version in models.every_version()]) == before


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(sklearn("LogisticRegression()"), id="sklearn"),
        *(pytest.param(boosting(library), id=library) for library in ("xgboost", "lightgbm", "catboost")),
        *(
            pytest.param(statistics(model, f"{COMMON}, {LABELS}, ranges=(-1000, 1000)"), id=model)
            for model in ("gaussian_nb", "bernoulli_nb", "lda", "nearest_centroid")
        ),
    ],
)
def test_a_table_with_one_label_trains_and_serves_nobody_as_it_is_no_better_than_guessing(project: Project, text: str) -> None:
    """In a project whose version of before was made by another learner, so that there is nothing to compare with."""
    made_by(text, table(one_label, TRAIN))(project)
    answer = unlearn(project.root, "train", "--json")
    assert (answer.code, answer.document["version"], answer.document["alias"]) == (1, 2, None), answer.said
    verdicts = {one["name"]: one["verdict"] for one in answer.document["checks"]}
    assert verdicts == {"utility": "failed", "agreement": "underpowered"}
    assert project.champion == 1


@pytest.mark.parametrize("text", [sklearn("LogisticRegression()"), boosting("xgboost")])
def test_a_model_may_be_made_by_another_learner_from_now_on(project: Project, text: str) -> None:
    made_by(text)(project)
    answer = unlearn(project.root, "train", "--json")
    assert (answer.code, project.champion) == (0, 2), answer.said
    [agreement] = [one for one in answer.document["checks"] if one["name"] == "agreement"]
    assert agreement["how"] == "not measured: there is no version before that this recipe can ask"
