"""One person in every form that a file can have, in each place that keeps files: deleted, listed, or missed.

python -m tests.campaign.forms            # some minutes on two cores
python -m tests.campaign.forms --write    # also writes tests/golden/forms.json and the table of docs/traces.md
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.campaign.page import PAGE, ROOT
from tests.conftest import FOREIGN, QUIET
from tests.forms import FORMS, Form, rows_of
from tests.small_project import PARAMS, TRAIN, Project, create, patient

PLACES = ("DVC history", "work tree", "MLflow", "Git history")
IDENTIFIERS: Mapping[str, Callable[[int], Any]] = {
    "text": patient,
    "integer": lambda number: 100_042 + 37 * number,
    "email": lambda number: f"ann.{number:03d}@clinic.example",
}
COLUMN = "subject_ref"
"""No column that the project knows: nobody told it that this one names people."""

GOLDEN = ROOT / "tests/golden/forms.json"
BEGIN, END = "<!-- measured: forms -->", "<!-- end of forms -->"

Fate = str
"""`deleted`, `listed` or `missed`."""


@dataclass(frozen=True)
class World:
    """A project whose people are spelled in one way, with every form planted in every place."""

    project: Project
    kind: str
    person: Any
    planted: Mapping[str, bytes]
    """Form → the file with the person."""
    runs: Mapping[str, str]
    """Form → the run that logged it."""

    @classmethod
    def make(cls, folder: Path, kind: str, forms: Mapping[str, Form] = FORMS) -> World:
        """A trained project, then the files."""
        who = IDENTIFIERS[kind]
        project = create(folder / "project", params={**PARAMS, "subject": {"identifier": kind}}, who=who)
        shaped = project.people(TRAIN)
        person = next(who(number) for number in range(40) if str(who(number)) == shaped[0])
        others = [who(number) for number in range(100, 104)]
        planted = {name: form(rows_of([person, *others], COLUMN), COLUMN) for name, form in forms.items()}
        without = {name: form(rows_of(others, COLUMN), COLUMN) for name, form in forms.items()}
        _in_dvc(project, planted, without)
        _in_git(project, planted)
        return cls(project, kind, person, planted, _in_mlflow(project, planted, folder / "logged"))

    def fates(self) -> dict[str, dict[str, Fate]]:
        """Form → place → what became of the person there, after an erasure and by what a sweep says."""
        workspace = self.project.workspace
        from unlearning.traces import sweep

        done = sweep.sweep(workspace, sweep.people(workspace, [], []))
        said = [f"{name} {row.remedy}" for row in done.places if row.outcome != "verified" for name in (row.place, *row.names)]
        return {name: {place: self._fate(place, name, said) for place in PLACES} for name in self.planted}

    def _fate(self, place: str, name: str, said: Sequence[str]) -> Fate:
        there, called = {
            "DVC history": (self._object(name), f"old/{_called(name)}"),
            "work tree": (self._file(name), f"now/{_called(name)}"),
            "MLflow": (self._logged(name), self.runs[name]),
            "Git history": (True, f"small/{_called(name)}"),
        }[place]
        if not there:
            return "deleted"
        return "listed" if any(called in one for one in said) else "missed"

    def _object(self, name: str) -> bool:
        md5, root = hashlib.md5(self.planted[name], usedforsecurity=False).hexdigest(), self.project.root
        return any((root / store / "files/md5" / md5[:2] / md5[2:]).exists() for store in (".dvc/cache", ".dvc-remote"))

    def _file(self, name: str) -> bool:
        file = self.project.root / "now" / _called(name)
        return file.exists() and file.read_bytes() == self.planted[name]

    def _logged(self, name: str) -> bool:
        """Still there as it was logged; what was rewritten is read again by another library."""
        files = [file for file in self.project.root.rglob(f"{self.runs[name]}/artifacts/{_called(name)}") if file.is_file()]
        return any(_holds(file, self.person) for file in files)


def _called(name: str) -> str:
    """The name of a file of that form: it says nothing of people, and nothing that a reader could go by."""
    return re.sub(r"[^a-z]+", "-", name.lower()).strip("-") + hashlib.sha256(name.encode()).hexdigest()[:4]


def _holds(file: Path, person: Any) -> bool:
    import pandas as pd

    try:
        return str(person) in pd.read_parquet(file).astype(str).to_string()
    except (OSError, ValueError):  # no Parquet, or a torn one: it was not rewritten
        return True


def _in_dvc(project: Project, planted: Mapping[str, bytes], without: Mapping[str, bytes]) -> None:
    """Old versions with the person, then new ones without; and current ones with the person."""
    data = project.workspace.data
    for folder, files in (("old", planted), ("now", planted), ("old", without)):
        (project.root / folder).mkdir(exist_ok=True)
        for name, content in files.items():
            (project.root / folder / _called(name)).unlink(missing_ok=True)
            (project.root / folder / _called(name)).write_bytes(content)
        paths = [f"{folder}/{_called(name)}" for name in files]
        data.add(paths)
        data.push(paths)
        data.git.commit(f"Files in {folder}", ["."])


def _in_git(project: Project, planted: Mapping[str, bytes]) -> None:
    """Committed, and removed again."""
    git, folder = project.workspace.data.git, project.root / "small"
    folder.mkdir()
    for name, content in planted.items():
        (folder / _called(name)).write_bytes(content)
    git.commit("Small files", ["small"])
    for name in planted:
        (folder / _called(name)).unlink()
    git.commit("No small files", ["small"])


def _in_mlflow(project: Project, planted: Mapping[str, bytes], folder: Path) -> dict[str, str]:
    import mlflow

    client, runs = mlflow.MlflowClient(project.workspace.models.uri), {}
    experiment = client.get_experiment_by_name("unlearning")
    folder.mkdir()
    for name, content in planted.items():
        (folder / _called(name)).write_bytes(content)
        run = client.create_run(experiment.experiment_id)
        client.log_artifact(run.info.run_id, str(folder / _called(name)))
        runs[name] = str(run.info.run_id)
    return runs


def measure(folder: Path, forms: Mapping[str, Form] = FORMS, kinds: Sequence[str] = tuple(IDENTIFIERS)) -> dict[str, Any]:
    """Form → kind of identifier → place → fate."""
    found: dict[str, Any] = {name: {} for name in forms}
    for kind in kinds:
        world = World.make(folder / kind, kind, forms)
        world.project.request(str(world.person))
        world.project.erase()
        for name, fates in world.fates().items():
            found[name][kind] = fates
    return found


def missed(found: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """(form, kind, place) of everything that is there and that nothing names."""
    return [
        (name, kind, place)
        for name, kinds in found.items()
        for kind, places in kinds.items()
        for place, fate in places.items()
        if fate == "missed"
    ]


def table(found: Mapping[str, Any]) -> str:
    """Markdown: a row a form, a column a place; where the three kinds of identifiers end differently, each is said."""
    lines = [f"| form | {' | '.join(PLACES)} |", f"|---|{'---|' * len(PLACES)}"]
    lines += [
        f"| {name.replace('|', chr(92) + '|')} | {' | '.join(_said(kinds, place) for place in PLACES)} |"
        for name, kinds in found.items()
    ]
    fates = [fate for kinds in found.values() for places in kinds.values() for fate in places.values()]
    counts = ", ".join(f"{fates.count(fate)} {fate}" for fate in ("deleted", "listed", "missed"))
    return "\n".join(
        [*lines, "", f"{len(found)} forms, {len(IDENTIFIERS)} kinds of identifiers, {len(PLACES)} places: {counts}."]
    )


def _said(kinds: Mapping[str, Mapping[str, Fate]], place: str) -> str:
    by_fate: dict[Fate, list[str]] = {}
    for kind, places in kinds.items():
        by_fate.setdefault(places[place], []).append(kind)
    if len(by_fate) == 1:
        return next(iter(by_fate))
    return "; ".join(f"{', '.join(names)}: {fate}" for fate, names in by_fate.items())


def write(found: Mapping[str, Any]) -> None:
    """Keep the result, and put it on the page."""
    GOLDEN.write_text(json.dumps(found, indent=1) + "\n")
    text = PAGE.read_text("utf-8")
    before, after = text.partition(BEGIN)[0], text.partition(BEGIN)[2].partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{table(found)}\n{END}{after}", "utf-8")


def golden() -> dict[str, Any]:
    """The last result that was written."""
    found: dict[str, Any] = json.loads(GOLDEN.read_text())
    return found


def shown() -> str:
    """The table on the page."""
    return PAGE.read_text("utf-8").partition(BEGIN)[2].partition(END)[0].strip()


@contextmanager
def _alone() -> Iterator[Path]:
    os.environ.update(QUIET)
    for name in FOREIGN:
        os.environ.pop(name, None)
    with tempfile.TemporaryDirectory(prefix="forms-") as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        os.environ.update({"DVC_SITE_CACHE_DIR": f"{name}/site", "DVC_GLOBAL_CONFIG_DIR": f"{name}/dvc-user"})
        yield Path(name)


def main(arguments: Sequence[str]) -> int:
    """Run it; 1 when somebody was missed."""
    with _alone() as folder:
        found = measure(folder)
    print(table(found))
    for one in missed(found):
        print("missed:", *one)
    if "--write" in arguments:
        write(found)
    return 1 if missed(found) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
