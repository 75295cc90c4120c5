"""Requests, impact and policy → the plan of one erasure. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from unlearning.domain.codec import BESIDE, LEFT_OUT, write
from unlearning.domain.errors import WouldEmptyData
from unlearning.domain.hashing import digest
from unlearning.domain.versions import DataVersion, ModelVersion


@dataclass(frozen=True, slots=True)
class OwnPlan:
    """What becomes of the model that the project trains itself."""

    model: str
    alias: str
    parent: ModelVersion
    """The version behind the alias when the plan was made; promotion refuses any other."""
    methods: tuple[str, ...]
    """The ladder: the next one runs when the checks of the one before fail."""
    train: str
    """Path of the table that trains the model."""
    retrain_model: bool
    """False when nobody to forget shaped the version behind the alias: the data is redacted, the model stays."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one erasure will do, decided before anything is changed."""

    erasure_id: str
    tokens: tuple[str, ...]
    before: tuple[DataVersion, ...]
    """The tables as they are now, upstream first."""
    suppressed_upto: int
    """Ledger position as of which suppressed people are left out of the training."""
    own: OwnPlan | None = field(metadata=BESIDE)
    """None where the project trains nothing: every model is adopted."""
    adopted: tuple[str, ...] = ()
    """Models that were trained elsewhere, that these people shaped, and that their own DVC stages make again, each after all
    that it comes from."""
    before_own: int = field(default=0, metadata=LEFT_OUT)
    """How many of them an own model comes from: these are made again before it."""
    others: tuple[OwnPlan, ...] = field(default=(), metadata=LEFT_OUT)
    """What becomes of the other models that the project trains itself, where it trains several."""
    order: tuple[str, ...] = field(default=(), metadata=LEFT_OUT)
    """What is made again, where the project trains several: each after all that it comes from."""

    @property
    def content(self) -> str:
        """A digest of what is to be done to what, whenever it was planned: it is the same as long as nothing moves."""
        tables = tuple(replace(one, rev=None) for one in self.before)  # the same file in another commit is the same
        return digest(["unlearning/plan/1", write(replace(self, before=tables, suppressed_upto=0))])

    @property
    def owns(self) -> tuple[OwnPlan, ...]:
        """What becomes of each model that the project trains itself."""
        return (*((self.own,) if self.own else ()), *self.others)

    @property
    def retrained(self) -> tuple[str, ...]:
        """The own models that are to be replaced."""
        return tuple(own.model for own in self.owns if own.retrain_model)

    @property
    def turns(self) -> tuple[str, ...]:
        """Every model that is made again, each after all that it comes from."""
        return self.order or (*self.adopted[: self.before_own], *self.retrained, *self.adopted[self.before_own :])


def erasure_id(request_ids: Sequence[str]) -> str:
    """The name of a batch: the same requests make the same batch, so a second start finds the first."""
    return "erasure-" + digest(["unlearning/erasure/1", sorted(request_ids)])[:12]


def check_something_remains(*, table: str, rows: int, removed: int) -> None:
    """Raises WouldEmptyData when an erasure would leave no record to train on."""
    if removed >= rows:
        raise WouldEmptyData(
            f"erasing these people would remove all {rows} records of {table}; a model cannot be trained on nothing. "
            "Add data first, or retire the model and its data in MLflow and DVC"
        )
