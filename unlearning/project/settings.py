"""`params.yaml` → Settings. The section `unlearning:` is ours; unknown keys in it stop the program.

Secrets and addresses may come from the environment instead: `unlearning.domain.environ` is the whole list.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, get_args

from cronsim import CronSim, CronSimError
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError

from unlearning.domain import spellings
from unlearning.domain.addresses import without_password
from unlearning.domain.chain import Placement, Room
from unlearning.domain.entities import Guarantee, Level, Regulation
from unlearning.domain.errors import ProjectError, SettingsError, WrongUse, reading
from unlearning.domain.foreign import shown
from unlearning.domain.hashing import KINDS, SAID_PART, IdentifierKind, digest
from unlearning.domain.planning import price
from unlearning.domain.spellings import Difference
from unlearning.stores import yaml_bombs
from unlearning.stores.files import whole

FILE = "params.yaml"
SECTION = "unlearning"

_MOST_BYTES = 1 << 20
_MOST_FINDINGS = 50
_MOST_SHOWN = 80
"""Characters of a value that is wrong."""

Positive = Annotated[int, Field(ge=1, le=1_000_000)]
_KIND = "|".join(KINDS)
Share = Annotated[float, Field(gt=0, lt=1)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_max_length=4_000, allow_inf_nan=False)


class Data(_Section):
    """The DVC-tracked tables with people in them."""

    source: str = "data/records.parquet"
    train: str = "data/train.parquet"
    holdout: str = "data/holdout.parquet"
    holdout_share: Share = 0.2
    """Share of people, not rows, kept for judging."""

    @property
    def tables(self) -> tuple[str, ...]:
        """Every table that an erasure redacts, upstream first."""
        return tuple(dict.fromkeys((self.source, self.train, self.holdout)))


class Subject(_Section):
    """How identifiers are spelled."""

    identifier: Annotated[IdentifierKind, Field(pattern=f"^({_KIND})(/({_KIND}))*$")] = "text"
    aliases: str | None = None
    """DVC-tracked table (`identifier`, `person`) of the identifiers that mean one person."""
    spellings: tuple[str, ...] = ()
    """How an identifier is also spelled in texts and cells: `P-{}`, `{:06d}`, `MRN{}`."""
    same_but_for: tuple[Difference, ...] = ()
    """In what the spellings of one person may differ within a table; whatever else differs there is refused as ambiguous."""
    column: str | None = None
    """What says whose record it is where no recipe does; None: what each adoption says of its tables."""

    @field_validator("spellings")
    @classmethod
    def _spellings_have_a_place(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            if fault := spellings.fault(one):
                raise ValueError(fault)
        return value

    def check_fits(self, person: str, *, named: str) -> None:
        """Raises SettingsError unless the columns that name a person are as many as the kinds of `identifier`."""
        if person.count(SAID_PART) != self.identifier.count(SAID_PART):
            raise SettingsError(
                f"{named} names people by {person!r}, but subject.identifier is {self.identifier!r}; expected one kind a "
                "column, for example `person: clinic/patient` with `identifier: text/integer`"
            )


class LikelyLeavers(_Section):
    """People with a high chance of leaving, by what a column of theirs says; they get shards or slices of their own."""

    column: Annotated[str, Field(min_length=1)]
    """Of the training table. Whoever has one of the values in any of their rows is a likely leaver."""
    values: Annotated[tuple[bool | int | str, ...], Field(min_length=1)]
    shards: Annotated[int, Field(ge=0)] = 0
    """The last so many of the shards are theirs alone; 0: they share all."""
    slices: Annotated[int, Field(ge=0)] = 0
    """The last so many of the slices are theirs alone; 0: they share all."""

    @model_validator(mode="after")
    def _somewhere(self) -> LikelyLeavers:
        if not self.shards + self.slices:
            raise ValueError("likely_leavers gives them neither shards nor slices; expected `shards: 1`, `slices: 1` or both")
        return self


def _quoted(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("expected a date in quotes, as '2026-04-01': DVC, which compares parameters, takes no other")  # noqa: TRY004
    return value


class Arrivals(_Section):
    """Slices by when a person first arrived: who comes after a date goes to a slice of that date's own."""

    column: Annotated[str, Field(min_length=1)]
    """Of the training table, dates: a person arrived on the earliest of their rows; without a date, before all of `since`."""
    slices: Positive
    """The last so many of the slices are for who arrives later, one a date; those of no date yet are empty and free."""
    since: tuple[Annotated[date, BeforeValidator(_quoted)], ...] = ()
    """From each on, arrivals go to the next slice. One more date moves nobody who arrived before it."""

    @model_validator(mode="after")
    def _in_order(self) -> Arrivals:
        if list(self.since) != sorted(set(self.since)):
            raise ValueError("arrivals.since is not in order; expected each date once, the earliest first")
        if len(self.since) > self.slices:
            raise ValueError(
                f"arrivals.since has {len(self.since)} dates and arrivals.slices is {self.slices}; expected a slice for each. "
                "More slices, or fewer dates, train everything again"
            )
        return self


class PartitionSettings(_Section):
    """S, R, k, the seed of the chain, and who goes where."""

    shards: Positive = 8
    slices: Positive = 4
    seed: Annotated[int, Field(ge=0, lt=1 << 63)] = 0
    members_of_person: Positive = 1
    """In so many of the shards is every person: keyed bagging."""
    likely_leavers: LikelyLeavers | None = None
    arrivals: Arrivals | None = None

    @model_validator(mode="after")
    def _no_more_than_there_are(self) -> PartitionSettings:
        if self.members_of_person > self.shards:
            raise ValueError(f"members_of_person is {self.members_of_person}; expected at most shards, {self.shards}")
        for name, own, of, there in (
            ("likely_leavers", self._own_shards, "shards", self.shards),
            ("likely_leavers", self._own_slices, "slices", self.slices),
            ("arrivals", self._late, "slices", self.slices),
        ):
            if own >= there:
                raise ValueError(f"{name}.{of} is {own}; expected less than {of}, {there}: some are left for the others")
        if self._own_slices and self._late:
            raise ValueError("likely_leavers.slices and arrivals both mean the last slices; give likely leavers shards instead")
        if self.placement and (least := min(room.shards for room in self.placement.rooms)) < self.members_of_person:
            raise ValueError(
                f"members_of_person is {self.members_of_person} and likely_leavers.shards {self._own_shards} of {self.shards}; "
                f"expected at most {least}: likely leavers and others each stay in shards of their own"
            )
        return self

    @property
    def _own_shards(self) -> int:
        return self.likely_leavers.shards if self.likely_leavers else 0

    @property
    def _own_slices(self) -> int:
        return self.likely_leavers.slices if self.likely_leavers else 0

    @property
    def _late(self) -> int:
        return self.arrivals.slices if self.arrivals else 0

    @property
    def placement(self) -> Placement | None:
        """Where the people of each group go; group g of a likely leaver who arrived after p dates is (late slices + 1) + p, of
        anybody else p.
        """
        if self.likely_leavers is None and self.arrivals is None:
            return None
        shards = [(0, self.shards - self._own_shards)]
        slices = [(0, self.slices - self._own_slices - self._late)]
        if self.likely_leavers is not None:
            shards += [(self.shards - self._own_shards, self._own_shards) if self._own_shards else shards[0]]
            slices += [(self.slices - self._own_slices, self._own_slices) if self._own_slices else slices[0]]
        later = [(self.slices - self._late + number, 1) for number in range(self._late)]
        rooms = [
            Room(*of_shards, *of_slices)
            for of_shards, usual in zip(shards, slices, strict=False)
            for of_slices in (usual, *later)
        ]
        since = [day.isoformat() for day in self.arrivals.since] if self.arrivals else []
        return Placement(tuple(rooms), digest([self.declared, since]))

    @property
    def declared(self) -> dict[str, dict[str, object]]:
        """What of the placement names every checkpoint, as plain values; empty where nothing is declared.

        The dates of `arrivals` are not in it: who moves changes the content of slices, and so their names and those after.
        """
        said: dict[str, dict[str, object]] = {}
        if (leavers := self.likely_leavers) is not None:
            values = sorted(map(str, leavers.values))
            said["likely_leavers"] = {"column": leavers.column, "values": values, "own": [leavers.shards, leavers.slices]}
        if (arrivals := self.arrivals) is not None:
            said["arrivals"] = {"column": arrivals.column, "slices": arrivals.slices}
        return said


class Thresholds(_Section):
    """What a plan may touch and cost before a person is asked."""

    models: Annotated[int, Field(ge=0)] | None = None
    """Made again."""
    minutes: Annotated[float, Field(ge=0)] | None = None
    """From plan to certificate, as estimated by former erasures; before the first a person is asked."""
    records: Annotated[int, Field(ge=0)] | None = None
    """Redacted."""


class Approval(_Section):
    """A person is asked about a plan that is above any of these."""

    above: Thresholds

    @property
    def thresholds(self) -> dict[str, float]:
        """Those that are set, by name."""
        return self.above.model_dump(exclude_none=True)

    @model_validator(mode="after")
    def _any_threshold(self) -> Approval:
        if not self.thresholds:
            raise ValueError("above names no threshold; expected models, minutes or records, or approval: true")
        return self


class Batch(_Section):
    """Requests wait for each other, so that one training is for several; the latest safe start of any always wins."""

    at_least: Positive | None = None
    """So many people begin at once."""
    oldest_days: Annotated[float, Field(ge=0, le=365)] | None = None
    """So many days after its receipt the oldest request begins, with all that wait then."""

    @model_validator(mode="after")
    def _anything(self) -> Batch:
        if self.at_least is None and self.oldest_days is None:
            raise ValueError("batch says nothing; expected at_least or oldest_days, or batch: null")
        return self


CHEAPEST = "cheapest"
"""In place of a list of methods."""


class Policy(_Section):
    """Which methods, in which order, and what happens when none passes."""

    methods: Annotated[list[str], Field(min_length=1)] = ["sisa", "retrain"]
    """`cheapest` alone: the planner's choice among all that are installed, for each erasure and model."""
    guarantee: str | None = None
    """What a method must keep to be used; None: what the listed methods promise, and exact where the planner chooses."""
    answer: Literal["instant", "retrained"] = "retrained"
    """`instant`: the touched constituents fall back at once to what nobody who leaves is in, and are healed after the purge."""
    on_failure: Literal["keep", "withdraw"] = "keep"
    on_return: Literal["drop", "fail"] = "fail"
    """What happens when a data load brings erased people back."""
    on_watch: Literal["propose", "request"] = "propose"
    """What a round of watching does about erased people in a table: name their requests to decide on, or request anew."""
    regulation: Regulation = "gdpr"
    approval: bool | Approval = False
    """An erasure waits, planned, until somebody lets it begin."""
    batch: Batch | None = None
    """None: what is open begins with the next run."""
    start_margin_days: Annotated[float, Field(ge=0, le=365)] = 3
    """Besides what erasures take here, so many days before its deadline one must have begun."""
    params: dict[str, dict[str, float]] = {}
    """Hyperparameters of heuristic methods, by method name."""

    @field_validator("methods", mode="before")
    @classmethod
    def _cheapest_alone(cls, value: object) -> object:
        if isinstance(value, list) and CHEAPEST in value and value != [CHEAPEST]:
            raise ValueError(f"{CHEAPEST} is the planner's choice among all methods; expected it alone, or a list without it")
        return [value] if value == CHEAPEST else value

    @field_validator("guarantee")
    @classmethod
    def _is_a_guarantee(cls, value: str | None) -> str | None:
        if value is not None:
            price.promised(value)
        return value

    @property
    def listed(self) -> tuple[str, ...] | None:
        """The methods in the order of the policy; None where the planner chooses."""
        return None if self.methods == [CHEAPEST] else tuple(self.methods)

    @property
    def first(self) -> str:
        """What is tried first, or that the planner chooses."""
        return price.INSTANT if self.answer == price.INSTANT else self.methods[0]

    @property
    def promised(self) -> Guarantee | None:
        """What a method must keep to be used."""
        said = self.guarantee or ("exact" if self.listed is None else None)
        return None if said is None else price.promised(said)


class Run(_Section):
    """Where jobs run."""

    runner: Literal["threads", "processes", "dask", "ray"] = "threads"
    workers: Positive = 2
    device: str = "cpu"
    cluster: Annotated[str, Field(pattern=r"^[a-z]+://")] | None = None
    """Of a Dask or Ray cluster that is running; None: one of our own on this machine, for as long as a command runs."""
    spool: Annotated[str, Field(pattern=r"^(/|[a-z0-9]+://)")] | None = None
    """Where the records of a training lie for its jobs, sealed; None: mapped into memory from the project folder."""
    resources: dict[str, Annotated[float, Field(gt=0)]] = {}
    """What each job takes of a worker that declares it."""

    @property
    def elsewhere(self) -> bool:
        """Jobs may run on other machines."""
        return self.cluster is not None or self.spool is not None

    @model_validator(mode="after")
    def _only_clusters_have_workers_elsewhere(self) -> Run:
        if self.runner not in ("dask", "ray") and (self.cluster or self.resources):
            raise ValueError("cluster and resources are those of a cluster; expected runner: dask or ray with them")
        if self.runner == "ray" and self.cluster and not self.cluster.startswith("ray://"):
            raise ValueError(f"cluster is {self.cluster}; expected the address of Ray's client server, as ray://head:10001")
        return self


class Checks(_Section):
    """Thresholds; each is explained in the template and in docs/checks.md."""

    metric: str | None = None
    """What utility is measured by; None: accuracy, r2 of a regression, or ndcg@10 of a ranking."""
    utility_tolerance: Annotated[float, Field(ge=0, le=1)] = 0.05
    agreement_minimum: Annotated[float, Field(ge=0, le=1)] = 0.85
    membership_margin: Annotated[float, Field(ge=0, le=0.5)] = 0.1
    drift_maximum: Annotated[float, Field(ge=0)] = 0.25
    holdout_records: Annotated[int, Field(ge=1_000)] = 50_000
    """Of a larger holdout, models are judged on people with about so many records, drawn by key."""


class Stores(_Section):
    """Addresses. Paths are relative to the project folder."""

    mlflow: str | None = None
    experiment: str = "unlearning"
    ledger: str = "sqlite:///.unlearning/ledger.db"
    lineage: str = "sqlite:///.unlearning/lineage.db"
    checkpoints: str = ".unlearning/checkpoints"
    keys: str = ".unlearning/keys"
    certificates: str = ".unlearning/certificates"
    reports: str = ".unlearning/reports"


class Versioning(_Section):
    """What an erasure does in Git and DVC besides writing the new version."""

    commit: bool = False
    push: bool = True
    remote: str | None = None


class BackupSettings(_Section):
    """A backup that holds the tables, the models or the databases of this project."""

    name: Annotated[str, Field(min_length=1)]
    keeps_days: Annotated[int, Field(ge=0, le=36_500)] | None = None
    """After so many days a copy made before a purge is gone; None: it is kept for good."""


class Elsewhere(_Section):
    """A system that holds the same people, and that no run of this software can search."""

    place: Annotated[str, Field(min_length=1)]
    why: Annotated[str, Field(min_length=1)]
    remedy: Annotated[str, Field(min_length=1)]
    level: Level = "physical"


class FreeOfPeople(_Section):
    """Files of a form that nobody here can read, and that are about nobody: people decide, and say why."""

    paths: Annotated[str, Field(min_length=1)]
    """A pattern as in `.gitignore`, of paths in the project; of files in MLflow, `mlflow:` and their path in the run."""
    reason: Annotated[str, Field(min_length=1)]


class RetentionSettings(_Section):
    """How long rows of a table are kept; people with younger rows stay."""

    table: Annotated[str, Field(min_length=1)]
    """A table that erasures redact; of one that `prepare` splits, training and holdout are kept as long."""
    column: Annotated[str, Field(min_length=1)]
    """Holds the date of each row."""
    after_days: Annotated[int, Field(ge=1, le=73_000)]
    """So many days after its date a row goes."""


class AnswerSettings(_Section):
    """What a person reads who asked to be erased, besides what was done."""

    template: str | None = None
    """A Jinja2 template of the house's own, relative to the project folder."""
    contact: Annotated[str, Field(min_length=1)] | None = None
    """How the person reaches the house about the answer."""
    complaints: Annotated[str, Field(min_length=1)] | None = None
    """Where the person can complain; None: what the law of the request says of that."""


class RecipientSettings(_Section):
    """Somebody who received data or models of this project, to be told of every erasure (GDPR Art. 19)."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    contact: Annotated[str, Field(min_length=1)] | None = None
    """How to tell them."""


class CallbackSettings(_Section):
    """Whom the intake service may call; the addresses come from whoever asks."""

    hosts: tuple[Annotated[str, Field(pattern=r"^[a-z0-9_.:-]+$")], ...] = ()
    """Only these hosts; empty: any that is public."""
    internal: tuple[Annotated[str, Field(pattern=r"^[a-z0-9_.:\[\]-]+:[0-9]{1,5}$")], ...] = ()
    """`host:port` of receivers that may be private or loopback, over http too."""
    fides: Annotated[str, Field(pattern=r"^https?://[^?#@\s]+[^?#@\s/]$", max_length=300)] | None = None
    """Where Fides' API is, to which the path in its `reply-to` belongs: `https://fides.example.com/api/v1`."""


def _is_a_schedule(value: str) -> str:
    try:
        if len(value.split()) == 5:
            CronSim(value, datetime(2000, 1, 1))
            return value
    except CronSimError:
        pass
    raise ValueError("expected five fields of cron, in UTC, as '*/15 * * * *', or null for never")


Cron = Annotated[str, AfterValidator(_is_a_schedule)]


class Schedules(_Section):
    """When flows run by themselves, in `unlearn serve` or on a Prefect server; None: only when they are asked for."""

    erase: Cron | None = "0 * * * *"
    """Again, of what did not come to its end; new requests begin at once, or as `policy.batch` says."""
    watch: Cron | None = "*/15 * * * *"
    follow: Cron | None = "30 * * * *"
    retire: Cron | None = "15 3 * * *"
    """Where `retention` has a rule."""


class OpenLineage(_Section):
    """Where lineage events go."""

    file: Annotated[str, Field(min_length=1)] | None = None
    """One JSON document a line is appended."""
    url: Annotated[str, Field(pattern="^https?://")] | None = None
    """Of a lineage server; events are posted to `api/v1/lineage` there."""
    namespace: Annotated[str, Field(min_length=1)] = "unlearning"
    """Of the jobs."""

    @model_validator(mode="after")
    def _one_target(self) -> OpenLineage:
        if (self.file is None) == (self.url is None):
            raise ValueError("expected file or url, one of them")
        return self


class Reports(NamedTuple):
    """Where the DVC stages of one model write what they found, from the project's folder."""

    data: str
    train: str
    metrics: str


REPORTS = Reports("reports/data.json", "reports/train.json", "reports/metrics.json")
"""Of a project with a single model, or with none of its own."""


class Own(NamedTuple):
    """A model that a project trains itself, beside those it adopts."""

    model: str
    """Name of the registered model."""
    alias: str
    """What serving follows."""
    recipe: str
    data: Data
    reports: Reports = REPORTS


_OF_ITS_OWN = ("alias", "data", "partition")
"""Sections that say something of a project's own model only."""


def _names_an_attribute(value: str) -> str:
    if ".py:" not in value:
        raise ValueError("expected path/to/file.py:attribute")
    return value


RecipeAt = Annotated[str, AfterValidator(_names_an_attribute)]
MODEL_NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"
"""A model among several names a folder of reports, stages of DVC and a key of their parameters."""


class ModelSettings(_Section):
    """One model of several: what is said of it alone stands over what the project says of all."""

    recipe: RecipeAt
    alias: str = "champion"
    data: Data = Data()
    partition: PartitionSettings = PartitionSettings()
    policy: Policy = Policy()
    checks: Checks = Checks()


_OF_ONE = {"methods", "guarantee", "answer", "on_failure", "params"}
"""What of the policy may differ between models: requests, loads and rounds of watching are about all of them."""


class Settings(_Section):
    """Everything a project decides, checked."""

    model: Annotated[str, Field(min_length=1)] | None
    """None, as is the recipe, for a project that trains nothing: every model that it looks after is adopted."""
    models: dict[Annotated[str, Field(pattern=MODEL_NAME, max_length=200)], ModelSettings] = {}
    """Several of its own, by name, in place of `model` and `recipe`; where one is silent, what is said of all counts."""
    alias: str = "champion"
    issuer: str = "unnamed operator"
    """Who signs the certificates, in words."""
    recipe: RecipeAt | None
    data: Data = Data()
    further_tables: dict[Annotated[str, Field(min_length=1)], Annotated[str, Field(min_length=1)] | None] = {}
    """Path → person column (None: the usual one) of other DVC-tracked tables of the same people, such as what a stage makes
    `source` from: redacted in the same erasures. A list of paths will do."""
    subject: Subject = Subject()
    partition: PartitionSettings = PartitionSettings()
    policy: Policy = Policy()
    run: Run = Run()
    checks: Checks = Checks()
    stores: Stores = Stores()
    versioning: Versioning = Versioning()
    backups: tuple[BackupSettings, ...] = ()
    out_of_reach: tuple[Elsewhere, ...] = ()
    """Besides what is always out of reach; certificates state both."""
    free_of_people: tuple[FreeOfPeople, ...] = ()
    """Sweep and certificate repeat each with its reason."""
    retention: tuple[RetentionSettings, ...] = ()
    answers: AnswerSettings = AnswerSettings()
    callbacks: CallbackSettings = CallbackSettings()
    recipients: tuple[RecipientSettings, ...] = ()
    notify: tuple[Annotated[str, Field(pattern=r"^[a-z0-9-]+/[a-z0-9-]+$")], ...] = ()
    """Notification blocks of the Prefect server, as type/name: told when an erasure ended or stopped, or must begin."""
    schedules: Schedules = Schedules()
    openlineage: OpenLineage | None = None

    @model_validator(mode="before")
    @classmethod
    def _said_of_all(cls, value: object) -> object:
        """Each of several models with what the project says of all of them, and with its own words over that."""
        if not isinstance(value, dict) or not (models := value.get("models")):
            return value
        if not isinstance(models, dict):
            how = "as `models: {churn: {recipe: 'recipes/churn.py:recipe'}}`"
            raise ValueError(f"models: expected names with a recipe each, {how}")  # noqa: TRY004 - what pydantic takes
        if said := [name for name in ("model", "recipe") if value.get(name) is not None]:
            raise ValueError(f"models names every model with its recipe, and {' and '.join(said)} one more; expected either")
        made = {name: _over(value, one) for name, one in models.items()}
        return {**value, "model": None, "recipe": None, "models": made}

    @field_validator("further_tables", mode="before")
    @classmethod
    def _paths_will_do(cls, value: object) -> object:
        return dict.fromkeys(value) if isinstance(value, list) and all(isinstance(one, str) for one in value) else value

    @model_validator(mode="after")
    def _further_tables_are_others(self) -> Settings:
        named = {path for own in self.owns for path in own.data.tables} | {self.subject.aliases}
        if twice := sorted(self.further_tables.keys() & named):
            raise ValueError(f"further_tables names {', '.join(twice)}, which data or subject.aliases names too; take it out")
        return self

    @field_validator("recipients")
    @classmethod
    def _recipients_once(cls, value: tuple[RecipientSettings, ...]) -> tuple[RecipientSettings, ...]:
        if len({one.name for one in value}) < len(value):
            raise ValueError("recipients names somebody twice; expected each once")
        return value

    @model_validator(mode="after")
    def _several_that_keep_apart(self) -> Settings:
        names = dict[str, str]()
        for name in self.models:
            if (other := names.setdefault(name.lower(), name)) != name:
                raise ValueError(f"models {other} and {name} differ by capitals alone, and so would their folders; rename one")
        made = dict[str, tuple[str, Data]]()
        for name, one in self.models.items():
            for path in (one.data.train, one.data.holdout):
                other, data = made.setdefault(path, (name, one.data))
                if data != one.data:
                    raise ValueError(
                        f"models {other} and {name} make {path} of other data; expected the same source, train, holdout and "
                        f"holdout_share for both, or data.train and data.holdout of its own, as `models: {{{name}: {{data: "
                        f"{{train: data/{name}/train.parquet, holdout: data/{name}/holdout.parquet}}}}}}`"
                    )
        return self

    @model_validator(mode="after")
    def _a_model_with_its_recipe_or_neither(self) -> Settings:
        if (self.model is None) != (self.recipe is None):
            raise ValueError("expected model and recipe, or null for both where every model is adopted")
        if self.model is not None or self.models:
            if self.subject.column is not None:
                raise ValueError("subject.column is for projects without a recipe; expected null, the recipe's person is used")
            return self
        if useless := [name for name in _OF_ITS_OWN if name in self.model_fields_set]:
            raise ValueError(f"{', '.join(useless)} says something of a model that this project trains, and model is null")
        if self.policy.on_return == "drop":
            raise ValueError("policy.on_return: drop needs `unlearn prepare`, and model is null; expected fail")
        if self.subject.column is not None:
            self.subject.check_fits(self.subject.column, named="subject.column")
        return self

    @property
    def own(self) -> Own | None:
        """The model that the project trains; None where every model is adopted. Raises WrongUse where it trains several."""
        if self.model is None or self.recipe is None:
            if self.models:
                raise WrongUse(f"this project trains several models; expected one of {', '.join(self.models)}")
            return None
        reports = Reports(*(path.replace("/", f"/{self.model}/") for path in REPORTS)) if self.models else REPORTS
        return Own(self.model, self.alias, self.recipe, self.data, reports)

    @property
    def owns(self) -> tuple[Own, ...]:
        """Every model that the project trains."""
        return tuple(one for each in self.each if (one := each.own) is not None)

    @property
    def each(self) -> tuple[Settings, ...]:
        """The settings of each model that the project trains."""
        if self.models:
            return tuple(map(self.of, self.models))
        return (self,) if self.model is not None else ()

    @property
    def reports(self) -> frozenset[str]:
        """Every report of a DVC stage."""
        return frozenset((*REPORTS, *(path for own in self.owns for path in own.reports)))

    def of(self, name: str) -> Settings:
        """The same as one of its models has them. Raises WrongUse for a model that the project does not train."""
        if not self.models and name == self.model:
            return self
        if name not in self.models:
            known = list(self.models) or [self.model or "none"]
            raise WrongUse(f"this project trains no model {shown(name)!r}{_meant(name, known)}; expected {' | '.join(known)}")
        said = self.models[name]
        return self.model_copy(update={"model": name, **{key: getattr(said, key) for key in ModelSettings.model_fields}})


def _over(project: Mapping[str, object], one: object) -> object:
    """What is said of one model over what the project says of all, section by section."""
    if not isinstance(one, dict):
        return one
    policy = one.get("policy")
    if isinstance(policy, dict) and (others := sorted(map(str, policy.keys() & set(Policy.model_fields) - _OF_ONE))):
        raise ValueError(
            f"policy.{others[0]} is the project's and the same for every model; expected it under {SECTION}.policy"
        )
    found = dict(one)
    for key in ("alias", *(name for name, field in ModelSettings.model_fields.items() if isinstance(field.default, _Section))):
        said, mine = project.get(key), one.get(key, project.get(key))
        if key in one or key in project:
            found[key] = {**said, **mine} if isinstance(said, dict) and isinstance(mine, dict) else mine
    return found


def is_project(folder: Path) -> bool:
    """The folder has settings of ours, valid or not."""
    try:
        return _OURS.search(whole(folder / FILE)) is not None
    except OSError:
        return False


_OURS = re.compile(rf"^[\"']?{SECTION}[\"']?\s*:".encode(), re.MULTILINE)


def load(root: Path) -> Settings:
    """The project's settings. Raises ProjectError without a file or section, SettingsError with every finding at once."""
    path = root / FILE
    if not path.is_file():
        raise ProjectError(f"no {FILE} in {root}; run `unlearn init` there, or pass --root")
    with reading(FILE, "it is not valid YAML: mend it", otherwise=SettingsError):
        if (size := path.stat().st_size) > _MOST_BYTES:
            raise SettingsError(f"{path} has {size} bytes; expected at most {_MOST_BYTES}")
        try:
            document = YAML(typ="safe").load(whole(path).decode()) or {}
        except DuplicateKeyError as error:
            line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
            raise SettingsError(
                f"{FILE}{line}: a key stands twice in one section, and only one of the two would count; keep one. Two models "
                "have two names, and each has one alias"
            ) from None
    yaml_bombs.check_document(document, path)
    if not isinstance(document, dict) or not isinstance(document.get(SECTION), dict):
        near = _near(SECTION, map(str, document)) if isinstance(document, dict) and SECTION not in document else None
        step = f"call `{shown(near)}:` so, if that is meant" if near else f"run `unlearn init` in {root}"
        raise ProjectError(f"{path} has no section `{SECTION}:`; {step}")
    try:
        return Settings.model_validate(document[SECTION])
    except ValidationError as error:
        findings = _each_once(error.errors(include_url=False, include_context=False))
        more = [f"  and {len(findings) - _MOST_FINDINGS} more"] if len(findings) > _MOST_FINDINGS else []
        raise SettingsError(f"{FILE}:\n" + "\n".join([*map(_finding, findings[:_MOST_FINDINGS]), *more])) from error


def _each_once(findings: Sequence[ErrorDetails]) -> list[ErrorDetails]:
    """Without what several models repeat of what is said of all."""
    of_all = {item["loc"] for item in findings}
    return [item for item in findings if item["loc"][:1] != ("models",) or item["loc"][2:] not in of_all]


def _finding(item: ErrorDetails) -> str:
    said = item["msg"].removeprefix("Value error, ")
    if not item["loc"]:  # about several keys at once: each value would be the whole section
        return f"  {SECTION}: {said}"
    where = f"  {shown('.'.join(map(str, (SECTION, *item['loc']))))}"
    came = f", got {_said(item['input'])}"
    match item["type"]:
        case "extra_forbidden":
            return f"{where}: unknown key{_meant_key(item['loc'])}"
        case "missing":
            return f"{where}: missing; write it, or run `unlearn init` where the section is new"
        case "literal_error":
            words = re.findall("'([^']*)'", said)
            return f"{where}: expected {' | '.join(words)}{came}{_meant(item['input'], words)}"
        case "string_pattern_mismatch" if item["loc"] == ("subject", "identifier"):
            kinds = " | ".join(KINDS)
            return f"{where}: expected {kinds}, or one a column as in text/integer{came}{_meant(item['input'], KINDS)}"
        case "string_pattern_mismatch" if item["loc"][:1] == ("models",) and item["loc"][-1] == "[key]":
            return f"  {SECTION}.models: expected a name of letters, digits, _ and -{came}"
        case kind if kind in _LIMITS:
            return f"{where}: expected {_LIMITS[kind]} {said.rpartition(' ')[2]}{came}"
        case kind if kind in _TYPES:
            return f"{where}: expected {_TYPES[kind]}{came}"
        case _:
            return f"{where}: {said.replace('Input should be', 'expected')}{came}"


_TYPES = {
    "bool_parsing": "true | false",
    "bool_type": "true | false",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "float_type": "a number",
    "string_type": "text, in quotes where YAML takes it for something else",
    "model_type": "keys below it",
    "dict_type": "keys below it",
    "list_type": "a list",
    "tuple_type": "a list",
}
"""Kind of finding → what is expected, in words."""
_LIMITS = {
    "greater_than": "more than",
    "greater_than_equal": "at least",
    "less_than": "less than",
    "less_than_equal": "at most",
}


def _said(value: object) -> str:
    """What came, of a size to read."""
    if isinstance(value, Mapping):
        return "keys"
    if isinstance(value, (list, tuple)):
        return f"a list of {len(value)}"
    return shown(without_password(repr(value)), _MOST_SHOWN)


def _near(word: object, words: Iterable[str]) -> str | None:
    return next(iter(difflib.get_close_matches(str(word)[:_MOST_SHOWN].lower(), list(words), n=1)), None)


def _meant(word: object, words: Iterable[str]) -> str:
    near = _near(word, words)
    return f"; did you mean {near}?" if near else ""


def _meant_key(loc: Sequence[int | str]) -> str:
    """The key that was meant here, or else the section that has this one, or the keys that there are."""
    *above, key = loc
    known = _keys(above)
    if meant := _meant(key, known):
        return meant
    homes = [name for name in Settings.model_fields if str(key) in _keys([name])]
    return f"; it belongs in {SECTION}.{homes[0]}" if homes else f"; the keys here are {', '.join(known)}"


def _keys(loc: Sequence[int | str]) -> list[str]:
    """The keys of a section."""
    kind: object = Settings
    for name in loc:
        if isinstance(kind, type) and issubclass(kind, BaseModel) and name in kind.model_fields:
            kind = _section_in(kind.model_fields[str(name)].annotation)
    return list(kind.model_fields) if isinstance(kind, type) and issubclass(kind, BaseModel) else []


def _section_in(annotation: object) -> object:
    """The section that a key holds, maybe among others or as one of several."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for each in get_args(annotation) if (found := _section_in(each))), None)
