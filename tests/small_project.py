"""A whole project, small enough to erase from in seconds: forty people, three features, four shards of two slices."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML

from tests import ran, untouched
from unlearning.domain import hashing
from unlearning.domain.clocks import utc_now
from unlearning.domain.codec import write
from unlearning.domain.entities import ErasureRequest
from unlearning.domain.events import Event, Fact
from unlearning.domain.partition import places, shard_and_slice
from unlearning.erasure.steps.receive import receive
from unlearning.project.training import stages
from unlearning.project.workspace import Workspace, open_workspace
from unlearning.stores.tables import redaction, tables

PEOPLE = 40
SOURCE, TRAIN, HOLDOUT = TABLES = ("data/records.parquet", "data/train.parquet", "data/holdout.parquet")
STAGES = ("prepare", "check", "train", "evaluate")

RECIPE = """
from torch import nn, optim

from unlearning.learners.torch import TorchRecipe, standardize


def network(features, labels):
    return nn.Sequential(nn.Linear(features, 4), nn.ReLU(), nn.Linear(4, labels))


def optimizer(parameters):
    return optim.SGD(parameters, lr=0.1, momentum=0.9)


recipe = TorchRecipe(
    network=network,
    features=["age", "dose", "score"],
    target="outcome",
    person="patient",
    labels=("ill", "well"),
    optimizer=optimizer,
    epochs=12,
    batch_size=8,
    preprocessing=standardize,
)
"""

PARAMS: Mapping[str, Any] = {
    "model": "outcome",
    "recipe": "recipes/outcome.py:recipe",
    "data": {"holdout_share": 0.3},
    "partition": {"shards": 4, "slices": 2, "seed": 1},
    # Forty people are too few for thresholds that mean something; tests about refusals set their own.
    "checks": {"utility_tolerance": 1.0, "agreement_minimum": 0.0, "membership_margin": 0.5, "drift_maximum": 100.0},
    "versioning": {"commit": True, "push": True},
}


def patient(number: int) -> str:
    """An identifier that nothing else looks like, so that a search for it finds people only."""
    return f"Zq{number:04d}-canary-{hashing.digest(number)[:6]}"


def columns(people: int = PEOPLE, who: Callable[[int], Any] = patient) -> dict[str, Any]:
    """1 to 4 rows a person, and a label that can be learned. who: how a person is called."""
    generator = np.random.default_rng(5)
    whose = [who(number) for number in range(people) for _ in range(1 + number % 4)]
    ill = generator.random(len(whose)) < 0.5
    return {
        "patient": whose,
        "age": np.round(50 + 20 * ill + generator.normal(0, 8, len(whose)), 3),
        "dose": np.round(2 - ill + generator.normal(0, 1, len(whose)), 3),
        "score": np.round(generator.normal(0, 1, len(whose)), 3),
        "outcome": ["ill" if one else "well" for one in ill],
    }


def create(
    folder: Path,
    *,
    params: Mapping[str, Any] = PARAMS,
    people: int = PEOPLE,
    train: bool = True,
    recipe: str = RECIPE,
    who: Callable[[int], Any] = patient,
    paths: Sequence[str] = TABLES,
    write: Callable[[Mapping[str, Any], Path], None] = redaction.write,
) -> Project:
    """A Git and DVC repository with a local remote and everything `unlearn init` writes; prepared, pushed, committed."""
    from unlearning.entrypoints.scaffold import scaffold
    from unlearning.stores.dvc import repository as dvc_repository

    repository = dvc_repository.create(folder, remote=".dvc-remote")
    _relative_remote(folder)
    scaffold.init(folder, model=params["model"])
    project = Project(folder)
    data = dict(zip(("source", "train", "holdout"), paths, strict=True))
    project.configure({**params, "data": {**params["data"], **data}}, base={})
    (folder / "recipes/diagnosis.py").unlink()
    (folder / "recipes/outcome.py").write_text(recipe)
    pipeline = folder / "dvc.yaml"
    stages_text = pipeline.read_text().replace("recipes/diagnosis.py", "recipes/outcome.py")
    for usual, path in zip(TABLES, paths, strict=True):
        stages_text = stages_text.replace(usual, path)
    pipeline.write_text(stages_text)
    _fixed_keys(folder / ".unlearning/keys")
    with (folder / ".gitignore").open("a") as ignored:
        ignored.write("/.dvc-remote/\n")
    (folder / paths[0]).parent.mkdir(parents=True, exist_ok=True)
    write(columns(people) if who is patient else columns(people, who), folder / paths[0])
    repository.add([paths[0]])
    stages.prepare(project.workspace)
    repository.adopt(["prepare"])
    repository.push(paths)
    repository.git.commit("Add the records", ["."])
    if train:
        project.train()
    return project


def _relative_remote(folder: Path) -> None:
    """A remote beside `.dvc`, named relative to it, so that a copy of the project has a copy of the remote."""
    config = folder / ".dvc/config"
    config.write_text(config.read_text().replace(str((folder / ".dvc-remote").resolve()), "../.dvc-remote"))


def _fixed_keys(folder: Path) -> None:
    """Keys of the test's own, so that everyone is in the same shard and slice in every run; the signing key is a new one."""
    from unlearning.stores import keys

    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in keys.TOKEN_KEYS:
        file = folder / f"{name}.key"
        file.touch(mode=0o600)
        file.write_text(hashing.digest(["tests", name]) + "\n")
    keys.create(folder)


def copy(template: Project, folder: Path) -> Project:
    """The same project elsewhere: MLflow keeps absolute places in its database, everything else is relative."""
    shutil.copytree(template.root, folder, symlinks=True)
    if (folder / "mlflow.db").exists():
        _move_places(folder / "mlflow.db", str(template.root), str(folder))
    return Project(folder)


def _move_places(database: Path, old: str, new: str) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            texts = [
                name
                for _, name, kind, *_ in connection.execute(f"PRAGMA table_info({table})").fetchall()
                if kind.upper().startswith(("VARCHAR", "TEXT"))
            ]
            for name in texts:
                connection.execute(
                    f'UPDATE "{table}" SET "{name}" = replace("{name}", ?, ?) WHERE "{name}" LIKE ?', (old, new, f"%{old}%")
                )


@dataclass(frozen=True)
class Project:
    """A project folder, and what tests ask of it."""

    root: Path

    @property
    def workspace(self) -> Workspace:
        """Opened anew, as a new process would."""
        return open_workspace(self.root)

    def configure(self, changes: Mapping[str, Any], base: Mapping[str, Any] | None = None) -> None:
        """Change settings in params.yaml, section by section."""
        yaml, file = YAML(typ="safe"), self.root / "params.yaml"
        settings = dict(yaml.load(file.read_text())["unlearning"] if base is None else base)
        for name, value in changes.items():
            settings[name] = {**settings.get(name, {}), **value} if isinstance(value, Mapping) else value
        with file.open("w") as stream:
            yaml.dump({"unlearning": settings}, stream)

    def people(self, path: str) -> list[str]:
        """The distinct identifiers in a table, as they lie there."""
        table = tables.read(self.root / path)
        return [str(value) for value in tables.people(table, "patient").values]

    def cells(self) -> dict[tuple[int, int], list[str]]:
        """(shard, slice), both 0-based → the people of the training table there."""
        workspace, people = self.workspace, self.people(TRAIN)
        where = places(hashing.keyed(workspace.keys.partition, [hashing.fingerprint(one, "text") for one in people]))
        part, found = workspace.settings.partition, {}
        for one, shard, piece in zip(people, *shard_and_slice(where, shards=part.shards, slices=part.slices), strict=True):
            found.setdefault((int(shard), int(piece)), []).append(one)
        return found

    def token(self, identifier: str) -> str:
        """The index token of a person."""
        return hashing.token(self.workspace.keys.index, identifier, "text")

    def request(self, *identifiers: str) -> list[ErasureRequest]:
        """Record requests."""
        return receive(self.workspace, identifiers, regulation="gdpr", now=utc_now())

    def train(self) -> dict[str, Any]:
        """The stages of dvc.yaml up to a version behind the alias, without Prefect; committed."""
        workspace = self.workspace
        stages.check(workspace)
        work = stages.load(workspace)
        trained = stages.fit(work)
        # A first version answers no better than a coin on so few people, and may serve all the same.
        made = stages.register(work, trained, _Passed())
        stages.evaluate(workspace)
        workspace.data.adopt(STAGES)
        workspace.data.git.commit("Train", ["."])
        return dict(write(made))

    def erase(self, *requests: str, replay: bool = False, before: Callable[[str], None] | None = None) -> list[dict[str, Any]]:
        """The steps of the erasure flow in their order, without Prefect; `before` is called with the name of each first."""
        from unlearning.entrypoints.flows import erase as flow

        def step(name: str, do: Callable[[], Any], **_said: Any) -> Any:
            if before is not None:
                before(name)
            return do()

        ran.note("unlearn erase")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(flow, "step", step)
            patch.setattr(flow, "mapped", lambda run, jobs: [run(job) for job in jobs])
            patch.setattr(flow, "create_markdown_artifact", lambda *_args, **_named: None)
            with untouched.by_wrong_use(self.root):
                done = flow.erase.fn(root=str(self.root), requests=list(requests), replay=replay)
            return list(write(done))

    def events(self) -> list[Event[Fact]]:
        """The ledger."""
        return self.workspace.ledger.events()

    def kinds(self) -> list[str]:
        """The ledger's kinds, in order."""
        return [event.kind for event in self.events()]

    def states(self) -> dict[str, str]:
        """Request → state."""
        from unlearning.domain import lifecycle

        return {name: request.state for name, request in lifecycle.fold(self.events()).requests.items()}

    @property
    def champion(self) -> int | None:
        """The version behind the alias."""
        workspace = self.workspace
        found = workspace.models.alias(workspace.settings.model, workspace.settings.alias)
        return found.version if found else None

    def outcome(self) -> dict[str, Any]:
        """What a finished erasure leaves, without the names that chance or time give: equal when two runs ended alike."""
        workspace = self.workspace
        records = {record.model.version: record for record in workspace.lineage.models("outcome")}
        return {
            "tables": {path: tables.digest(self.root / path) for path in TABLES},
            "objects": {path: tracked(self.root, path) for path in TABLES},
            "dvc": workspace.data.status(),
            "chain": records[self.champion or 1].chain.keys,
            "parts": [(part.shard, part.key, part.digest) for part in records[self.champion or 1].trained.parts],
            "checkpoints": sorted(workspace.checkpoints.keys()),
            "states": sorted(self.states().values()),
            "ledger": workspace.ledger.verify(),
            "leftovers": [
                path.name
                for path in sorted((self.root / ".unlearning/tmp").rglob("*"))
                if path.is_file() and path.name != ".gate"
            ],
        }


class _Passed:
    """A report without a check."""

    passed = True
    metrics: Mapping[str, float] = {}
    results: Sequence[Any] = ()


Make = Callable[[Path], object]
"""Fills a folder that is not there yet."""
MadeProject = Callable[[str, Make], Project]
"""The fixture `made_project`."""


def erased_person(project: Project) -> str:
    """Whom `erased_template` is without, asked of a project that still has everybody."""
    return project.cells()[0, 1][0]


def tracked(root: Path, path: str) -> str:
    """The hash DVC recorded for a table."""
    document = YAML(typ="safe")
    if (single := root / f"{path}.dvc").exists():
        return str(document.load(single.read_text())["outs"][0]["md5"])
    outs = [out for stage in document.load((root / "dvc.lock").read_text())["stages"].values() for out in stage.get("outs", ())]
    return str(next(out["md5"] for out in outs if out["path"] == path))


def remote_objects(root: Path) -> set[str]:
    """The hashes of the objects in the DVC remote."""
    folder = root / ".dvc-remote/files/md5"
    return {file.parent.name + file.name for file in folder.rglob("*") if file.is_file()}


def snapshot(root: Path, *, without: Iterable[str] = ()) -> dict[str, str]:
    """Relative path → digest of every file, scratch files of databases, locks, rolls and the private words of errors aside."""
    skipped = ("-wal", "-shm", ".lock", ".gate", "said.txt", ".roll", *without)
    return {
        str(file.relative_to(root)): hashing.file_digest(file)
        for file in sorted(root.rglob("*"))
        if file.is_file() and not file.name.endswith(skipped)
    }
