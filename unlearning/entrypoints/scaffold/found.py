"""What a repository trains and registers before `unlearn init`, and what looking after each of its models would take.

Nothing is run and nothing is opened but what MLflow and DVC say, the code that stages name, and the tables that they read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal

from unlearning.domain.environ import MLFLOW_TRACKING_URI
from unlearning.domain.errors import UnlearningError
from unlearning.entrypoints.scaffold import proposal
from unlearning.entrypoints.scaffold.proposal import recipe_address
from unlearning.erasure.report import counted, duration
from unlearning.project.settings import MODEL_NAME, PartitionSettings
from unlearning.stores.dvc.stages import declared
from unlearning.stores.tables import tables

if TYPE_CHECKING:
    from unlearning.stores.dvc.repository import DvcData
    from unlearning.stores.mlflow.models import MlflowModels, Registered

_LEARNERS = {"sklearn": "sklearn", "xgboost": "boosting", "lightgbm": "boosting", "catboost": "boosting", "pytorch": "torch"}
"""MLflow's flavour → who can train such a model here."""


@dataclass(frozen=True)
class Way:
    """One way to look after a model."""

    way: Literal["own recipe", "adoption"]
    commands: Sequence[str]
    next_request: str
    """What a request costs then, in words."""


@dataclass(frozen=True)
class Found:
    """One registered model."""

    model: str
    version: int
    """The newest."""
    aliases: Mapping[str, int]
    flavours: Sequence[str]
    stages: Sequence[str]
    """DVC stages whose code names the model."""
    table: str | None
    """The tracked table that such a stage reads; the first, where there are several."""
    seconds: float | None
    """How long the run of the newest version took."""
    ways: Sequence[Way]

    @property
    def lines(self) -> Iterator[str]:
        """For people."""
        pointing = "".join(f", @{alias}" for alias in self.aliases)
        made = f"; made by the stage {self.stages[0]}" if self.stages else "; no stage depends on code that names it"
        read = f" from {self.table}" if self.table else ""
        took = f" in {duration(self.seconds)}" if self.seconds is not None else ""
        flavours = ", ".join(self.flavours) or "of no known flavour"
        yield f"found     {self.model}/{self.version} ({flavours}){pointing}{made}{read}{took}"
        for one in self.ways:
            yield f"          {one.way}: {one.next_request}"
            yield from (f"            {command}" for command in one.commands)


@dataclass(frozen=True)
class Looked:
    """What was found, or why nobody could look."""

    models: Sequence[Found] = ()
    unseen: str | None = None

    @property
    def lines(self) -> Iterator[str]:
        """For people, before anything else that `unlearn init` says."""
        if self.unseen:
            yield f"what is registered already was not looked at: {self.unseen}"
        if self.models:
            yield f"{counted(len(self.models), 'model')} registered already; what looking after each takes:"
        for one in self.models:
            yield from one.lines
        if self.several:
            yield "several own recipes: `unlearn init` of one, then in params.yaml, for `model`, `recipe` and `models`,"
            yield "          these lines; then `unlearn init` of each of the others writes its recipe, and the stages of all"
            yield from (f"            {line}" for line in self.several)

    @property
    def several(self) -> Sequence[str]:
        """The lines of params.yaml that list every model which could have a recipe here, on the table that it reads now; the
        first one's table is the project's. Without those whose name is none there; nothing where fewer than two are left."""
        able = [
            (one.model, PurePosixPath(one.table))
            for one in self.models
            if re.fullmatch(MODEL_NAME, one.model)
            and one.table
            and PurePosixPath(one.table).suffix
            and any(way.way == "own recipe" for way in one.ways)
        ]
        return ["models:", *(_listed(name, table, able[0][1]) for name, table in able)] if len(able) > 1 else []


def _listed(name: str, table: PurePosixPath, usual: PurePosixPath) -> str:
    said: dict[str, object] = {"recipe": recipe_address(name)}
    if table != usual:
        made = {part: str(table.with_suffix("") / f"{part}{table.suffix}") for part in ("train", "holdout")}
        said["data"] = {"source": str(table), **made}
    return f"  {json.dumps(name, ensure_ascii=False)}: {json.dumps(said, ensure_ascii=False)}"


def look(data: DvcData, environ: Mapping[str, str]) -> Looked:
    """Every registered model, at the address that the environment names or in the repository; none where neither is."""
    from unlearning.stores.mlflow.models import MlflowModels

    uri = environ.get(MLFLOW_TRACKING_URI)
    if uri is None and not (data.root / "mlflow.db").exists():
        return Looked()
    try:
        return Looked(models_of(data, MlflowModels(uri, "unlearning", data.root)))
    except UnlearningError as error:
        return Looked(unseen=str(error))


def models_of(data: DvcData, models: MlflowModels) -> list[Found]:
    """Every registered model, by name. Raises Unavailable when the registry does not answer."""
    aliases = models.every_alias()
    newest: dict[str, Registered] = {}
    for one in models.every_version():
        if one.model.name not in newest or one.model.version > newest[one.model.name].model.version:
            newest[one.model.name] = one
    seen = _Seen(data, declared(data), frozenset(data.outputs()))
    return [_found(seen, models, one, aliases.get(name, {})) for name, one in sorted(newest.items())]


@dataclass
class _Seen:
    """What DVC says of a repository, read once for all models of it."""

    data: DvcData
    stages: Mapping[str, Sequence[str]]
    """Stage → what it depends on."""
    tracked: frozenset[str]
    _people: dict[str, tuple[str | None, int]] = field(default_factory=dict)

    def people(self, path: str) -> tuple[str | None, int]:
        """Which column of a table seems to name people, and how many; read once, however many models are made of it."""
        if path not in self._people:
            self._people[path] = _people(self.data, path)
        return self._people[path]


def _found(seen: _Seen, models: MlflowModels, newest: Registered, aliases: Mapping[str, int]) -> Found:
    name, data = newest.model.name, seen.data
    flavours = tuple(one for one in _flavours(models, newest) if one != "python_function")
    made = [one for one, deps in seen.stages.items() if _names(data, deps, name)]
    read = [path for one in made for path in seen.stages[one] if path in seen.tracked and (data.root / path).exists()]
    table = read[0] if read else None
    person, people = seen.people(table) if table else (None, 0)
    seconds = models.seconds(newest.run_id) if newest.run_id else None
    stage = made[0] if made else None
    ways = [
        *(_own(name, learner, table, people) for learner in sorted({_LEARNERS[one] for one in flavours if one in _LEARNERS})),
        _adoption(f"{name}/{newest.model.version}", table, person, stage, seconds),
    ]
    return Found(name, newest.model.version, dict(aliases), flavours, made, table, seconds, ways)


def _own(model: str, learner: str, table: str | None, people: int) -> Way:
    shards, slices = proposal.shards(people), PartitionSettings().slices
    of = f"1 of {shards} shards" if shards > 1 else "the model"
    share = f", about {(slices + 1) / (2 * slices * shards):.0%} of a training"
    said = f"a request trains {of} again from the person's slice on{share}"
    if not people:  # in how many shards they would be, and so what a request costs, nobody can say
        said = "a request trains one shard again from the person's slice on"
    command = f"unlearn init --model {model} --recipe {learner} --table {table or 'PATH'} --target COLUMN"
    return Way("own recipe", (command,), said)


def _adoption(version: str, table: str | None, person: str | None, stage: str | None, seconds: float | None) -> Way:
    command = f"unlearn adopt {version} --data {table or 'PATH'} --subject-column {person or 'COLUMN'}"
    took = f", {duration(seconds)} the last time" if seconds is not None else ""
    if stage is None:
        said = "a request runs your stage again, all of a training; name or write one, or every erasure lists the model as left"
        return Way("adoption", ("unlearn init --adopt-only", f"{command} --stage STAGE"), said)
    said = f"a request runs the stage {stage} again, all of a training{took}"
    return Way("adoption", ("unlearn init --adopt-only", f"{command} --stage {stage}"), said)


def _flavours(models: MlflowModels, version: Registered) -> Sequence[str]:
    try:
        return models.flavours(version.model)
    except UnlearningError:  # its files are gone, or its store does not answer: then nobody can say
        return ()


def _names(data: DvcData, deps: Sequence[str], model: str) -> bool:
    """The code that a stage depends on says the model's name."""
    code = [data.root / path for path in deps if path.endswith(".py")]
    texts = [file.read_text("utf-8", "replace") for file in code if file.is_file()]
    return any(f"{quote}{model}{quote}" in text for text in texts for quote in "'\"")


def _people(data: DvcData, path: str) -> tuple[str | None, int]:
    """Which column seems to name people, and how many."""
    try:
        table = proposal.look_at(data, path)
        if table.person is None:
            return None, 0
        return table.person, len(tables.people(tables.read(table.file, person=table.person, named=path), table.person).values)
    except UnlearningError:  # no table that can be read: whoever looks after the model says what it is
        return None, 0
