"""The examples of the demo, each an entry: the files of its project and its data, made by a script in the new folder."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unlearning.entrypoints.demo import data

if TYPE_CHECKING:
    from unlearning.entrypoints.presentation import Section
    from unlearning.project.workspace import Workspace

TEMPLATES = Path(__file__).with_name("templates")
SOURCE = "data/records.parquet"


@dataclass(frozen=True)
class Example:
    """One situation, as a project that somebody there would recognise."""

    about: str
    """Where the data comes from, and who its people are."""
    model: str
    """Name of the registered model."""
    write: Callable[[Path], None]
    """Puts the files of the project into a new repository, before `unlearn init`, and its source table."""
    settings: Mapping[str, str]
    """What is changed in the text of `params.yaml` after `unlearn init`."""
    look: Callable[[Workspace], Any] = lambda workspace: None  # noqa: ARG005
    """What is kept in memory of the version that serves, before and after somebody leaves."""
    compare: Callable[[Any, Any], Section | None] = lambda before, after: None  # noqa: ARG005
    """What the report shows of the two."""


def _diagnosis(folder: Path) -> None:
    from unlearning.stores.tables import redaction

    (folder / SOURCE).parent.mkdir(parents=True, exist_ok=True)
    redaction.write(data.columns(), folder / SOURCE)


def _of_template(name: str) -> Callable[[Path], None]:
    """Copies the files of a template, and runs its `records.py`, which makes the data up."""

    def write(folder: Path) -> None:
        for file in sorted((TEMPLATES / name).iterdir()):
            (folder / file.name).write_bytes(file.read_bytes())
        subprocess.run([sys.executable, "-B", "records.py", SOURCE], cwd=folder, check=True)

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
}
DEFAULT = "diagnosis"
