"""The roles that interchangeable parts play: methods forget, learners train, checks judge, stores remember.

Built-ins and plugins take the same road, the entry points `unlearning.methods`, `unlearning.learners`,
`unlearning.checks` and `unlearning.readers`; `unlearning.testing` holds the conformance lists.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, Protocol, runtime_checkable

from unlearning.domain.chain import Chain, Job, Part, Trained
from unlearning.domain.entities import CheckResult, Guarantee

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from unlearning.domain.draws import Keys
    from unlearning.domain.tasks import Metric, Task

    Features = NDArray[Any]
    Target = NDArray[Any]
    Answers = NDArray[np.float64]
    Rows = slice | NDArray[np.int64] | NDArray[np.bool_]

State = Any
"""A trained model as its learner holds it; opaque to everyone else."""


@dataclass(frozen=True)
class Records:
    """Encoded records: arrays with one row axis, in memory or mapped."""

    features: Features
    """(n, d) float32; or (n, ⌈items / 8⌉) uint8, the items that are shown of a person, see `domain/item_lists.py`."""
    target: Target
    """(n,) int64, index into the declared label set; or (n,) float64, the value itself; or (n, ⌈items / 8⌉) uint8, the items
    that are left out."""
    keys: Keys = None  # type: ignore[assignment]
    """(n,) uint64: what every draw for a record is made of. Not given, they are equal: the order drawn is the order stored."""

    def __post_init__(self) -> None:
        if self.keys is None:
            import numpy as np

            object.__setattr__(self, "keys", np.zeros(len(self.target), np.uint64))

    def __len__(self) -> int:
        return len(self.target)

    def __getitem__(self, rows: Rows) -> Records:
        return Records(self.features[rows], self.target[rows], self.keys[rows])

    @property
    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """Every array by name."""
        return {"features": self.features, "target": self.target, "keys": self.keys}

    def followed_by(self, more: Records) -> Records:
        """These records, then those."""
        import numpy as np

        theirs = more.arrays
        return Records(*(np.concatenate((values, theirs[name])) for name, values in self.arrays.items()))


@dataclass(frozen=True)
class Encoded:
    """A table as a recipe sees it: records in storage order and the person each one belongs to."""

    records: Records
    people: Sequence[object]
    """(n,) raw identifiers; in memory only."""


class Recipe(Protocol):
    """How one model is made from a table; written once by the user."""

    @property
    def features(self) -> Sequence[str]:
        """Feature columns, in order."""

    @property
    def categories(self) -> Mapping[str, Sequence[str]]:
        """Categorical feature → its declared categories; every other feature is a number."""

    @property
    def target(self) -> str:
        """Label column."""

    @property
    def person(self) -> str:
        """The column that says whose record it is."""

    @property
    def labels(self) -> Sequence[str]:
        """The declared label set, or list of items; empty for a recipe whose `task` ("classification" where it has none) is
        "regression"."""

    def encode(self, table: Any) -> Encoded:
        """A pyarrow Table as arrays; raises DataError for a missing column, a null person or an undeclared label."""

    # A recipe whose record is a person and not a row has `gathered(records, owner, keys)` besides: (m,) rows as `encode` gives
    # them, (m,) which person each is of, (people,) what their draws are made of → a record a person, in that order.

    def facts(self) -> Mapping[str, Any]:
        """Everything that shapes training, as plain values: it is hashed into the chain's root."""


@dataclass(frozen=True)
class Served:
    """A trained ensemble as it is registered: data and a small program that answers with it, no pickle and no record."""

    kind: str
    """What answers, in a word or two, such as `torch.export`; a tag of the registered version."""
    code: str
    """A Python file in MLflow's form "model from code": it calls `mlflow.models.set_model` with a `PythonModel` that finds the
    files in the folder `context.artifacts["ensemble"]`, and imports what `requirements` name and nothing of this package."""
    files: Mapping[str, bytes]
    """File name → content."""
    requirements: Sequence[str]
    """Distributions with their versions, `name==version`."""
    question: Mapping[str, Any] | None = None
    """A made-up question, by column, where it is asked otherwise than by the recipe's features; `reply` goes with it."""
    reply: Mapping[str, Any] | None = None
    """Its answer, by column: both say of which types the columns are."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """What may be said besides with a question, with what holds otherwise: MLflow's `params`."""


class Learner(Protocol):
    """How to train: deterministic, step by step, one record set at a time."""

    def fresh(self, seed: int, first_slice: Records) -> State:
        """An untrained state; preprocessing is fitted on `first_slice` and on nothing else (law 2)."""

    def fit(self, state: State, records: Records, *, epochs: int, seed: int) -> State:
        """The state after `epochs` passes; a pure function of its arguments."""

    def stage_epochs(self, slices: int) -> Sequence[int]:
        """(R,) passes after each slice: about 2e/(R+1), so that slicing costs what e plain epochs cost."""

    def predict(self, state: State, features: Features) -> Answers:
        """(n, labels) probabilities, (n, 1) values, or (n, items) scores, as the recipe's task wants them."""

    def losses(self, state: State, records: Records) -> NDArray[np.float64]:
        """(n,) the task's loss of each record: cross-entropy in nats, the squared error, or how far items are misplaced."""

    def dumps(self, state: State) -> bytes:
        """The whole state (weights, buffers, optimiser, preprocessing) as bytes, the same bytes every time."""

    def loads(self, payload: bytes) -> State:
        """The inverse of dumps; raises Damaged."""

    def package(self, states: Mapping[int, State]) -> Served:
        """What answers in place of these constituents (shard → state, at least one) where this package is not installed."""

    def environment(self) -> Mapping[str, str]:
        """What the bits of a training depend on besides Python and the machine: libraries by version, instruction sets."""


Batch = tuple[Any, Any]
"""(size, …) preprocessed features and (size,) labels, as the learner's own tensors."""


@runtime_checkable
class Differentiable(Learner, Protocol):
    """A learner whose model has gradients: what a method needs that moves the weights itself.

    Networks, tensors and generators are torch's. They are opaque here, because what decides imports no torch.
    """

    def repeatable(self, seed: int) -> AbstractContextManager[Any]:
        """Within: the seed decides whatever is drawn, and the bytes; yields a generator to draw batches with."""

    def network(self, state: State) -> Any:
        """The state's network as a copy of one's own, (n, …) preprocessed features → (n, labels) logits."""

    def batches(self, state: State, records: Records, *, size: int, generator: Any) -> Iterator[Batch]:
        """Batches of one size without end, of at least one record; a pass has a new order and fills up its last batch."""

    def loss(self, logits: Any, labels: Any) -> Any:
        """(n,) what training minimises, of each record."""

    def rebuild(self, state: State, network: Any) -> State:
        """The state with this network, and with an optimiser that starts anew; preprocessing stays as it was."""


class Subtractive(Protocol):
    """A learner whose state is exact sums over records: what the method `subtract` needs."""

    def subtract(self, state: State, records: Records) -> State:
        """The state, to the byte, of a training that never had these records, all of which it was trained on."""

    def made_of(self, state: State, records: Records) -> bool:
        """The state is of these records and no others, as their keys tell; at a fraction of a training's cost."""


@dataclass(frozen=True)
class Minimum:
    """Where trainings ended that each minimised Σ loss(w · x, y) + penalty / 2 ‖w‖² + b · w over records with ‖x‖ ≤ 1."""

    weights: NDArray[np.float64]
    """(m, d)"""
    anchor: NDArray[np.float64]
    """(m, d) the weights at which the curvature was taken."""
    hessian: NDArray[np.float64]
    """(m, d, d) of the records that are left, at the anchor."""
    inverse: NDArray[np.float64]
    """(m, d, d) of the Hessian."""
    gram: NDArray[np.float64]
    """(d, d) Σ x xᵀ of the records that are left."""
    residual: NDArray[np.float64]
    """(m,) at most so long is the gradient at the weights."""
    spectrum: float
    """At least the largest eigenvalue of the Gram matrix."""
    noise: float
    """Standard deviation of each entry of b."""
    steepest: float
    """At most so fast does the second derivative of the loss change with its score."""


@runtime_checkable
class Convex(Learner, Protocol):
    """A learner of linear scores whose objective is convex and has secret noise in it: what the method `newton` needs."""

    def repeatable(self) -> AbstractContextManager[Any]:
        """Within: the same sums have the same bytes."""

    def minimum(self, state: State) -> Minimum:
        """Where training ended."""

    def examples(self, records: Records) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(n, d) inputs x of norm at most 1, and (n, m) y."""

    def slopes(
        self, scores: NDArray[np.float64], wanted: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(n, m) first and second derivative of each loss by its score."""

    def moved(self, state: State, minimum: Minimum, without: Records) -> State:
        """The state at another minimum, that of its records without these."""

    def made_of(self, state: State, records: Records) -> bool:
        """The state is of these records and no others, as their keys tell."""


class Checkpoints(Protocol):
    """Trained states by name."""

    def get(self, key: str) -> bytes | None:
        """The payload, or None when there is none; raises Damaged when its digest does not match."""

    def put(self, key: str, payload: bytes) -> str:
        """Store atomically; returns the payload's SHA-256."""

    def __contains__(self, key: str) -> bool: ...

    def delete(self, key: str) -> bool:
        """True when something was deleted."""

    def keys(self) -> Iterator[str]:
        """Every stored name."""


@dataclass(frozen=True)
class Assignment:
    """What a method is asked to do: make the constituents of `target`, given what exists."""

    root: str
    recipe: str
    device: str
    checkpoints: str
    records: str
    learner: Learner
    """What trains the model: a plan asks which roles it plays; jobs do not take it along."""
    target: Chain
    bounds: tuple[tuple[int, ...], ...]
    """(S, R+1) offsets of each shard's slices in the spool."""
    parent: tuple[str, ...] = ()
    """(S,) names of the current model's constituents, for methods that start from them."""
    forget: tuple[int, int] | None = None
    params: tuple[tuple[str, float], ...] = ()
    save: bool = True
    stops: tuple[tuple[int, int], ...] = ()
    """(shard, slices): where a constituent is to be made of its first slices alone."""


class Method(Protocol):
    """How to forget: one published method a file."""

    @property
    def name(self) -> str:
        """What its paper calls it; the name of its entry point."""

    @property
    def guarantee(self) -> Guarantee:
        """What it promises."""

    def plan(self, assignment: Assignment) -> Sequence[Job]:
        """The independent jobs; pure. Raises WrongUse when the method cannot serve such a model or learner."""

    def run(self, job: Job, learner: Learner, records: Records, checkpoints: Checkpoints) -> Part:
        """One job. `records` is the whole spool, memory-mapped; the job's bounds index it."""

    def merge(self, assignment: Assignment, parts: Sequence[Part]) -> Trained:
        """The candidate; pure."""

    # A method may have `stored(job, learner, checkpoints) -> Part | None` besides: what a job would find made already,
    # without a look at any record. Such a job is not run. And `passes(job) -> int`: how often a job with a `parent` goes over
    # its records, for its price; without it, as often as its parameter `epochs` says, or once.


@dataclass(frozen=True)
class Evidence:
    """What checks may look at. Arrays are per record; None where a part does not apply."""

    holdout_target: Target
    holdout_before: Answers | None
    holdout_after: Answers
    forget_target: Target
    forget_before: Answers | None
    forget_after: Answers
    task: Task
    metric: Metric
    """What utility is measured by."""
    guarantee: Guarantee
    digests: Mapping[int, str]
    """Shard → digest of the candidate's constituent."""
    replayed: Mapping[int, str] | None = None
    """Shard → digest of the same constituent trained again from scratch, when asked."""
    otherwise: Sequence[str] = ()
    """What is other now than where they were made; empty where that does not explain every difference."""
    holdout_drawn_from: int | None = None
    """Rows of the holdout, where its records here are those of drawn people; None where they are everybody's."""

    @property
    def held_out(self) -> str:
        """How many records of the holdout there are to judge by, as reports say it."""
        drawn = f" (of people drawn from a holdout of {self.holdout_drawn_from} rows)" if self.holdout_drawn_from else ""
        return f"{len(self.holdout_target)} records{drawn}"


class Check(Protocol):
    """How to judge a candidate; the thresholds come from `params.yaml`."""

    def __call__(self, evidence: Evidence, thresholds: Mapping[str, float]) -> CheckResult:
        """The judgement, with what it takes to repeat it."""


class Reader(Protocol):
    """How to read a form of files that nobody else knows, so that the people in it can be compared."""

    def __call__(self, stream: IO[bytes], name: str) -> Iterable[Any] | None:
        """The pieces of a file: pyarrow RecordBatches of its tables, str of its texts. None: it is of another form.

        stream: at its start; it can be sought in. name: the path where there is one; DVC's objects have none. Whatever it
        raises, at once or later, makes the file an unread one.
        """
