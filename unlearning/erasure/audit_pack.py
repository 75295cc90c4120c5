"""What an outside privacy audit needs of a judgement, as plain NumPy and CSV: answers and labels, no feature and nobody's name.

Each folder with a `target.yaml` is a target as sacroml reads it (SACRO-ML, github.com/AI-SDC/SACRO-ML): "train" is whom an
attack should find, "test" are people who are in no training set. Records are shuffled and people numbered at random, anew in
every pack, so that no row of it can be laid beside a row of a table by its place.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unlearning.checks.judge import FORGET, RETAIN, UNSEEN, Said, Trial
from unlearning.domain.codec import write
from unlearning.domain.errors import WrongUse
from unlearning.domain.hashing import file_digest

if TYPE_CHECKING:
    from unlearning.erasure.judge import Judged

_ARRAYS = (
    *("X_train", "y_train", "X_test", "y_test", "X_orig", "y_orig", "X_train_orig", "y_train_orig", "X_test_orig"),
    *("y_test_orig", "proba_train", "proba_test"),
)
_READ_ME = """What is in this folder

judgement.json   what the judge found, and on whom
answers.npz      every array, for numpy.load(..., allow_pickle=False): `target_SIDE` and `whose_SIDE` of each side of people,
                 what each model answers (`judged_SIDE`, `retrained_SIDE`, `retrained_again_SIDE`, `before_SIDE`), of shadow
                 models `shadow_member`, `shadow_confidence`, `shadow_unlearned`: (models, records) over the forgotten and then
                 the records `shadow_unseen` of the unseen
*/target.yaml    targets for `sacroml run`, of a classification:
  forgotten      the judged model on the forgotten (train) and on people it never saw (test): an attack should find nothing
  retrained      a retraining on the same: what an attack finds of a model that never saw them, the floor
  before         the version before on the same, where there is one: whom an attack should find
  retained       the judged model on people it was trained on: what an attack can find of it at all
SHA256           `sha256sum --check SHA256`

People are numbers, drawn anew for this pack; records are shuffled; no feature of anybody is in it. The answers are still
those to people's records: whoever holds the table and the model can tell whose. Keep it as you keep data of people.
"""


@dataclass(frozen=True)
class _Shuffled:
    """One order and one numbering of each side."""

    order: Mapping[str, NDArray[np.int64]]
    whose: Mapping[str, NDArray[np.int64]]

    @classmethod
    def of(cls, trial: Trial) -> _Shuffled:
        generator = np.random.default_rng()  # of the machine's entropy: nobody can undo it
        order = {side: generator.permutation(len(one)) for side, one in trial.sides.items()}
        whose = {}
        for side, one in trial.sides.items():
            known, numbered = np.unique(one.whose, return_inverse=True)
            whose[side] = generator.permutation(len(known))[numbered.reshape(-1)][order[side]]
        return cls(order, whose)


def require_empty(folder: Path) -> None:
    """Raises WrongUse for a folder that holds something, or is none."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise WrongUse(
            f"--export {folder}: it is not empty; name a new folder, so that no older pack is taken for part of this one"
        )


def export(judged: Judged, folder: Path) -> list[str]:
    """Write the pack; the names of its files. Raises WrongUse for a folder that is not empty."""
    require_empty(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    trial, shuffled = judged.trial, _Shuffled.of(judged.trial)
    (folder / "README.txt").write_text(_READ_ME, "utf-8")
    (folder / "judgement.json").write_text(json.dumps(write(judged.judgement), indent=2), "utf-8")
    np.savez(folder / "answers.npz", allow_pickle=False, **_arrays(trial, shuffled))
    if trial.task.name == "classification":
        for name, said, members in _targets(trial):
            if len(trial.sides[members]) and len(trial.sides[UNSEEN]):
                called = f"{judged.judgement.model}-{judged.judgement.version}-{name}"
                _target(folder / name, called, trial, said, members, shuffled)
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    names = [file.relative_to(folder).as_posix() for file in files]
    lines = (f"{file_digest(file)}  {name}\n" for file, name in zip(files, names, strict=True))
    (folder / "SHA256").write_text("".join(lines), "utf-8")
    return [*names, "SHA256"]


def _targets(trial: Trial) -> list[tuple[str, Said, str]]:
    """(folder, model, whom an attack looks for)."""
    before = [("before", trial.old, FORGET)] if trial.old else []
    return [
        ("forgotten", trial.judged, FORGET),
        ("retrained", trial.gold[0], FORGET),
        ("retained", trial.judged, RETAIN),
        *before,
    ]


def _arrays(trial: Trial, shuffled: _Shuffled) -> dict[str, NDArray[Any]]:
    found: dict[str, NDArray[Any]] = {}
    models = {"judged": trial.judged, "retrained": trial.gold[0], "retrained_again": trial.gold[1], "before": trial.old}
    for side, order in shuffled.order.items():
        found |= {f"target_{side}": trial.sides[side].target[order], f"whose_{side}": shuffled.whose[side]}
        found |= {f"{name}_{side}": said[side][order] for name, said in models.items() if said}
    return found | _shadow_arrays(trial, shuffled)


def _shadow_arrays(trial: Trial, shuffled: _Shuffled) -> dict[str, NDArray[Any]]:
    """In the order of the sides, which the columns follow."""
    if (shadows := trial.shadows) is None:
        return {}
    place = np.argsort(shuffled.order[UNSEEN])[trial.drawn]  # where each drawn record lies now
    columns = np.concatenate((shuffled.order[FORGET], len(trial.sides[FORGET]) + np.argsort(place)))
    found = {"shadow_member": shadows.member, "shadow_confidence": shadows.confidence, "shadow_unlearned": shadows.unlearned}
    return {name: values[:, columns] for name, values in found.items() if values is not None} | {
        "shadow_unseen": np.sort(place)
    }


def _target(folder: Path, name: str, trial: Trial, said: Said, members: str, shuffled: _Shuffled) -> None:
    """A target that sacroml loads: probabilities and labels, no model and no features."""
    folder.mkdir(mode=0o700)
    arrays: dict[str, NDArray[Any]] = {}
    for half, side in (("train", members), ("test", UNSEEN)):
        order = shuffled.order[side]
        arrays |= {f"proba_{half}": said[side][order], f"y_{half}": trial.sides[side].target[order]}
    for array, values in arrays.items():
        np.savetxt(folder / f"{array}.csv", values, delimiter=",", fmt="%d" if array.startswith("y_") else "%.17g")
    # YAML, written as the JSON that it includes.
    target: dict[str, Any] = {"dataset_name": name, "dataset_module_path": "", "features": {}, "safemodel": []}
    target |= {f"{array}_path": f"{array}.csv" if array in arrays else "" for array in _ARRAYS}
    (folder / "target.yaml").write_text(json.dumps(target, indent=1), "utf-8")
