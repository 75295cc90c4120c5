"""The project's stores and settings, opened from its folder. A workspace never crosses a process border."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unlearning.domain.environ import MLFLOW_BACKEND_STORE_URI, MLFLOW_TRACKING_URI
from unlearning.domain.errors import WrongUse
from unlearning.project.settings import Own, Settings, is_project, load

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from unlearning.checks.data_profile import Depth, Facts
    from unlearning.domain.protocols import Learner, Recipe
    from unlearning.domain.tasks import Metric, Task
    from unlearning.stores.checkpoints import CheckpointStore
    from unlearning.stores.dvc.repository import DvcData
    from unlearning.stores.keys import Keys
    from unlearning.stores.mlflow.models import MlflowModels
    from unlearning.stores.rolls import Rolls
    from unlearning.stores.sealed import SealedSpool
    from unlearning.stores.sql.attempts import SqlAttempts
    from unlearning.stores.sql.followed import SqlFollowed
    from unlearning.stores.sql.ledger import SqlLedger
    from unlearning.stores.sql.lineage import SqlLineage

ROLLS = ".unlearning/people"


if TYPE_CHECKING:
    shared = cached_property
else:

    class shared(cached_property):  # noqa: N801 - a decorator, as cached_property is
        """What a project has once, whichever of its models is asked about: opened at first use."""

        def __get__(self, instance: Any, owner: type[Any] | None = None) -> Any:
            """The value; the descriptor itself of the class."""
            return super().__get__((instance and instance.project) or instance, owner)


@dataclass(frozen=True)
class Workspace:
    """One project: `params.yaml` and the services it names, each opened at first use."""

    root: Path
    settings: Settings
    project: Workspace | None = field(default=None, repr=False, compare=False)
    """The whole project, where this is the view of one of several models."""
    connect: Callable[[str, Path], Engine] | None = field(default=None, repr=False, compare=False)
    """How its databases are opened: (address, root) → opened; None for whoever may also write."""

    def of(self, name: str) -> Workspace:
        """The project as one of its models sees it, with the same stores. Raises WrongUse as `Settings.of`."""
        whole = self.project or self
        if whole.settings.of(name) is whole.settings:
            return whole
        if name not in whole._views:
            whole._views[name] = Workspace(whole.root, whole.settings.of(name), whole, whole.connect)
        return whole._views[name]

    @property
    def each(self) -> tuple[Workspace, ...]:
        """The view of each model that the project trains."""
        return tuple(self.of(own.model) for own in self.settings.owns)

    def among(self, names: Sequence[str] = ()) -> tuple[Workspace, ...]:
        """The views of these models, or of all. Raises WrongUse as `of`, and as `own` where there is none."""
        if not self.settings.owns:
            _ = self.own
        return tuple(self.of(name) for name in dict.fromkeys(names)) if names else self.each

    @cached_property
    def _views(self) -> dict[str, Workspace]:
        return {}

    def path(self, relative: str) -> Path:
        """A settings path in the project folder."""
        return self.root / relative

    @shared
    def keys(self) -> Keys:
        """The secrets, from the environment or the key folder."""
        from unlearning.stores import keys

        return keys.load(self.path(self.settings.stores.keys), os.environ, keys.remembered(self.root))

    @shared
    def trusted_keys(self) -> tuple[bytes, ...]:
        """What signatures of this project are checked with; none in a clone that has no key."""
        from unlearning.stores import keys

        return keys.load_trusted(self.path(self.settings.stores.keys), os.environ)

    @shared
    def ledger(self) -> SqlLedger:
        """What happened. Raises Unavailable for one that is not this project's own."""
        from unlearning.project import own_ledger
        from unlearning.stores.sql.ledger import SqlLedger

        address, certificates = self.settings.stores.ledger, self.path(self.settings.stores.certificates)
        return own_ledger.opened(self.root, address, certificates, lambda used: SqlLedger(self._engine(address), used=used))

    @shared
    def lineage(self) -> SqlLineage:
        """Who is in which data version, and which keys made which model."""
        from unlearning.domain.hashing import key_id
        from unlearning.stores.sql.lineage import SqlLineage

        return SqlLineage(self._engine(self.settings.stores.lineage), key_id=lambda: key_id(self.keys.index))

    @shared
    def followed(self) -> SqlFollowed:
        """What the registry and the DVC history say of where models come from."""
        from unlearning.stores.sql.followed import SqlFollowed

        return SqlFollowed(self._engine(self.settings.stores.lineage))

    @shared
    def rolls(self) -> Rolls:
        """Who the rows of each content belong to, as it was read once."""
        from unlearning.stores.rolls import Rolls

        return Rolls(self.path(ROLLS), self.keys.index)

    @cached_property
    def learned(self) -> dict[tuple[str, str], tuple[object, Any]]:
        """What a step of this process found out of a path, for the next that asks: (everything that shapes it, the answer)."""
        return {}

    @shared
    def facts(self) -> dict[tuple[str, str, Depth], Facts]:
        """(Digest of a part of a table, column, how much was asked of it) → the answer: in memory only, it may hold cells."""
        return {}

    @shared
    def attempts(self) -> SqlAttempts:
        """Which chains trainings set out to make."""
        from unlearning.stores.sql.attempts import SqlAttempts

        return SqlAttempts(self._engine(self.settings.stores.lineage))

    @shared
    def data(self) -> DvcData:
        """The Git and DVC repository."""
        from unlearning.stores.dvc.repository import DvcData

        return DvcData(self.root)

    @property
    def own(self) -> Own:
        """The model that this project trains. Raises WrongUse where every model is adopted, or where it trains several."""
        if (own := self.settings.own) is None:
            raise WrongUse(
                "this project trains no model of its own (`model` and `recipe` are null in params.yaml), and this needs one: "
                "name a registered model and a recipe there (docs/how-it-works.md). Models that other code trains are looked "
                "after without: `unlearn adopt MODEL/VERSION --data PATH --subject-column COLUMN`, then `unlearn erase`"
            )
        return own

    @shared
    def person(self) -> str | None:
        """The column that says whose record it is where nobody said another: the first recipe's, or `subject.column`.

        Raises SettingsError as `recipe` does.
        """
        return next((one.person_column for one in self.each), self.settings.subject.column)

    @cached_property
    def person_column(self) -> str:
        """The same of the tables of its own model: as its recipe says it. Raises SettingsError as `recipe` does."""
        from unlearning.project.recipes import person_column

        return self._fitting(person_column(self.root, self.own.recipe))

    @shared
    def models(self) -> MlflowModels:
        """The MLflow tracking server and registry."""
        from unlearning.stores.mlflow.models import MlflowModels

        uri = self.settings.stores.mlflow or os.environ.get(MLFLOW_TRACKING_URI)
        return MlflowModels(uri, self.settings.stores.experiment, self.root, self.mlflow_database)

    @property
    def mlflow_database(self) -> str | None:
        """The tracking server's database, where this project may open it to collect garbage."""
        return os.environ.get(MLFLOW_BACKEND_STORE_URI)

    @shared
    def checkpoints_url(self) -> str:
        """Absolute address of the checkpoint store."""
        url = self.settings.stores.checkpoints
        return url if "://" in url else str(self.path(url))

    @shared
    def checkpoints(self) -> CheckpointStore:
        """Trained states under their keys."""
        from unlearning.stores.checkpoints import CheckpointStore

        return CheckpointStore(self.checkpoints_url)

    def sealed_spool(self, url: str) -> SealedSpool:
        """The project's part of a place where the records of trainings lie for jobs elsewhere."""
        from unlearning.domain.hashing import key_id
        from unlearning.stores.sealed import SealedSpool

        return SealedSpool(url, key_id(self.keys.index), self.root, partial(self.ledger.exclusive, timeout=0))

    @cached_property
    def recipe(self) -> Recipe:
        """How the model is made. Raises SettingsError when it names people by more or fewer columns than `subject` says."""
        from unlearning.project.recipes import load_recipe

        recipe = load_recipe(self.root, self.own.recipe)
        self._fitting(recipe.person)
        return recipe

    @cached_property
    def recipe_digest(self) -> str:
        """The name of everything that shapes training besides the records."""
        from unlearning.domain.hashing import key_id
        from unlearning.project.recipes import recipe_digest

        return recipe_digest(
            self.root,
            self.own.recipe,
            self.recipe,
            shards=self.settings.partition.shards,
            slices=self.settings.partition.slices,
            partition_key_id=key_id(self.keys.partition),
            members_of_person=self.settings.partition.members_of_person,
            placement=self.settings.partition.declared,
        )

    @cached_property
    def learner(self) -> Learner:
        """What trains it."""
        from unlearning.project.recipes import learner_for

        return learner_for(self.recipe, self.settings.run.device)

    def _fitting(self, person: str) -> str:
        self.settings.subject.check_fits(person, named=self.own.recipe)
        return person

    @cached_property
    def task(self) -> Task:
        """What its own model is for; raises SettingsError for one that nobody here judges."""
        from unlearning.domain import tasks

        return tasks.named(getattr(self.recipe, "task", tasks.CLASSIFICATION.name))

    @cached_property
    def metric(self) -> Metric:
        """What utility is measured by; raises SettingsError for a metric that the task does not have."""
        return self.task.metric(self.settings.checks.metric, len(self.recipe.labels))

    def _engine(self, url: str) -> Engine:
        from unlearning.stores.sql.database import connect

        return (self.connect or connect)(url, self.root)


def open_workspace(folder: Path) -> Workspace:
    """The project that a folder is in. Raises ProjectError or SettingsError."""
    folder = folder.resolve()
    root = project_root(folder) or next((one for one in (folder, *folder.parents) if _is_top(one)), folder)
    return Workspace(root=root, settings=load(root))


def project_root(folder: Path) -> Path | None:
    """The nearest folder, itself or above it, that is a project; none beyond its Git repository."""
    for one in (folder, *folder.parents):
        if is_project(one):
            return one
        if (one / ".git").exists():
            break
    return None


def _is_top(folder: Path) -> bool:
    """Where a project would be made."""
    return (folder / ".dvc").exists() or (folder / ".git").exists()
