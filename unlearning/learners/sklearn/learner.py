"""Fit a scikit-learn estimator slice by slice, to the same bytes every time.

A stage is a pure function of (recipe, state, records, epochs, seed): every `random_state` is the stage's seed, one thread, and
an estimator read back from its stored state, so that nothing a checkpoint cannot hold is carried from one stage to the next.
Whatever is fitted (scalers, encoders, imputers, selections) is fitted inside the member.
Method: SISA training, Bourtoule et al. 2021, arXiv:1912.03817.
"""

from __future__ import annotations

import importlib.metadata
import json
import threading
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import threadpoolctl
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import Pipeline

from unlearning.domain import draws
from unlearning.domain.errors import Damaged, DataError, RecipeError, SettingsError
from unlearning.domain.hashing import bytes_digest, digest, seed_from
from unlearning.domain.protocols import Records, Served
from unlearning.domain.tasks import named
from unlearning.learners.sklearn import answering, storing
from unlearning.learners.sklearn.determinism import one_thread, watched
from unlearning.learners.sklearn.recipe import SklearnRecipe, last_step
from unlearning.learners.tabular import packaged
from unlearning.stores import foreign_code

if TYPE_CHECKING:
    from unlearning.domain.protocols import Answers, Features

_ROWS = 60
"""Made-up records to rehearse on, at least: enough for a cross-validation inside an estimator."""
_HERE = Path(__file__).parent


@dataclass(frozen=True)
class SklearnState:
    """A member: what was fitted as bytes, and how to answer without."""

    seed: int
    """Of the untrained member."""
    passes: int = 0
    """Over the records so far, or rounds of a model that grows by rounds."""
    only: int | None = None
    """The one label of its records so far."""
    fitted: bool = False
    """False: what is stored is what stands before the last step of a pipeline, or nothing."""
    payload: bytes = field(default=b"", repr=False)
    by: str = ""
    """The libraries that wrote the payload, by version."""

    @cached_property
    def estimator(self) -> Any:
        """What is stored, for asking only: who fits it takes a copy of his own."""
        return storing.unpack(self.payload)

    def holding(self, payload: bytes, **more: Any) -> SklearnState:
        """This state with what was stored just now."""
        return replace(self, payload=payload, by=storing.written_by() if payload else "", **more)

    @property
    def said(self) -> dict[str, Any]:
        """Everything but the estimator."""
        return {"seed": self.seed, "passes": self.passes, "only": self.only, "fitted": self.fitted, "by": self.by}


class SklearnLearner:
    """Fits what a SklearnRecipe describes; satisfies `unlearning.domain.protocols.Learner`."""

    _rehearsed: set[str] = set()  # noqa: RUF012 (of the process: a job makes a learner of its own each time)
    _rehearsing = threading.RLock()

    def __init__(self, recipe: SklearnRecipe, device: str = "cpu") -> None:
        if device != "cpu":
            raise SettingsError(f"run.device: {device!r}, but scikit-learn computes on the CPU; use cpu")
        self.recipe = recipe
        self._is_rehearsed = False

    def fresh(self, seed: int, first_slice: Records) -> SklearnState:
        """An untrained state; where stages go on, what stands before a pipeline's last step is fitted on `first_slice`."""
        if not len(first_slice):
            raise ValueError("nothing can be fitted on an empty slice; pass the shard's first slice with a record")
        state, made = SklearnState(seed), self.recipe.made()
        if self.recipe.stages == "refit" or not isinstance(made, Pipeline) or len(made.steps) < 2:
            return state
        whole, table = _ready(clone(made), seed), self._table(first_slice.features)
        with one_thread():
            self._guarded(whole, table, lambda: whole[:-1].fit(table, self._target(first_slice)))
        return state.holding(storing.pack(whole))

    def fit(self, state: SklearnState, records: Records, *, epochs: int, seed: int) -> SklearnState:
        """The state after these records; `state` itself is left as it is.

        Raises RecipeError when the estimator cannot be fitted, stored or repeated, DataError for gaps that it does not take.
        """
        if not len(records) or epochs < 1:
            return state
        self._rehearse()
        with one_thread():
            return self._fit(state, records, epochs, seed)

    def stage_epochs(self, slices: int) -> list[int]:
        """(R,) 1 each for what is fitted at once; passes of `partial_fit`, 2e/(R+1) each (Bourtoule et al. 2021); or the rounds
        of a model that grows, spread evenly."""
        last = last_step(self.recipe.made())
        rounds = _rounds(last) if self.recipe.stages == "warm_start" else None
        if rounds is not None:
            total = int(last.get_params(deep=False)[rounds])
            return [total * stage // slices - total * (stage - 1) // slices for stage in range(1, slices + 1)]
        passes = round(2 * self.recipe.epochs / (slices + 1)) if self.recipe.stages == "partial_fit" else 1
        return [max(1, passes)] * slices

    def predict(self, state: SklearnState, features: Features) -> Answers:
        """(n, labels) probabilities or (n, 1) values; raises RecipeError when the estimator cannot answer."""
        labels = self.recipe.labels
        if not state.fitted or state.only is not None:
            return np.asarray(answering.constant(len(features), labels, state.only), np.float64)
        with one_thread():
            table = self._table(features)
            asked = self._guarded(state.estimator, table, lambda: answering.answers(state.estimator, table, labels))
        return np.asarray(asked, np.float64)

    def losses(self, state: SklearnState, records: Records) -> NDArray[np.float64]:
        """(n,) cross-entropy of each record in nats, or its squared error."""
        return named(self.recipe.task).losses(self.predict(state, records.features), records.target)

    def dumps(self, state: SklearnState) -> bytes:
        """A line of JSON with the digests of what it is asked with and of what follows, then the estimator as a skops file."""
        said = state.said | {"asked": self._asked, "sha256": bytes_digest(state.payload)}
        return json.dumps(said, sort_keys=True).encode() + b"\n" + state.payload

    def loads(self, payload: bytes) -> SklearnState:
        """The inverse of dumps; raises Damaged.

        A file of these very libraries with its digest is known to open, and is opened once somebody asks it: opening takes as
        long as fitting a small member. A file of others is tried at once.
        """
        head, end, estimator = payload.partition(b"\n")
        try:
            said = json.loads(head)
            sha256, asked = said.pop("sha256"), said.pop("asked")
            state = SklearnState(**said, payload=estimator)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise Damaged(f"a checkpoint of {len(payload)} bytes is no state; delete it and run `unlearn train`") from error
        if not end or sha256 != bytes_digest(estimator) or (state.fitted and state.only is None and not estimator):
            raise Damaged(f"a checkpoint of {len(payload)} bytes is cut off or changed; delete it and run `unlearn train`")
        if asked != self._asked:
            raise Damaged("a checkpoint is of other columns or labels than the recipe's; delete it and run `unlearn train`")
        if estimator and state.by != storing.written_by():
            _ = state.estimator
        return state

    def package(self, states: Mapping[int, SklearnState]) -> Served:
        """Every fitted estimator as a skops file, and the file that answers with them."""
        files: dict[str, bytes] = {}
        members: list[dict[str, Any]] = []
        trusted: set[str] = set()
        for shard, state in sorted(states.items()):
            if not state.fitted or state.only is not None:
                members.append({"only": state.only})
                continue
            files[name := f"shard-{shard:03d}.skops"] = state.payload
            members.append({"file": name})
            trusted.update(storing.trusted_types(state.payload))
        said = json.dumps({"trusted": sorted(trusted), "members": members}, indent=1).encode()
        return packaged(
            self.recipe,
            "skops",
            _HERE / "serving.py",
            {"constituents.json": said, **files},
            needs=("mlflow", "scikit-learn", "scipy", "skops"),
            beside=[_HERE / "answering.py"],
        )

    def environment(self) -> dict[str, str]:
        """The libraries that the bits of a fit depend on, and the instruction sets of their linear algebra."""
        names = ("numpy", "pandas", "scikit-learn", "scipy", "skops")
        pools = threadpoolctl.threadpool_info()
        blas = sorted(
            {f"{one['internal_api']} {one['version']} {one.get('architecture')}" for one in pools if one["user_api"] == "blas"}
        )
        return {**{name: importlib.metadata.version(name) for name in names}, "blas": ", ".join(blas)}

    # --- fitting ------------------------------------------------------------------------------------------------------

    def _fit(self, state: SklearnState, records: Records, epochs: int, seed: int) -> SklearnState:
        after = replace(state, passes=state.passes + epochs, only=None, fitted=True)
        partial = self.recipe.stages == "partial_fit"
        if self.recipe.labels and not partial and len(seen := np.unique(records.target)) == 1:
            return after.holding(self._head(state), only=int(seen[0]), fitted=False)
        made = self._continued(state, records) if self.recipe.stages != "refit" else clone(self.recipe.made())
        table, target = self._table(records.features), self._target(records)
        _ready(made, seed)
        if self.recipe.stages == "refit":
            self._guarded(made, table, lambda: made.fit(table, target))
            return after.holding(storing.pack(getattr(made, "best_estimator_", made)))
        last, seen_so_far = last_step(made), self._guarded(made, table, lambda: _before(made, table))
        if partial:
            self._guarded(made, table, lambda: self._passes(last, seen_so_far, target, records, epochs, seed))
        else:
            rounds = _rounds(last)
            last.set_params(warm_start=True, **({rounds: after.passes} if rounds else {}))
            self._guarded(made, table, lambda: last.fit(seen_so_far, target))
        return after.holding(storing.pack(made))

    def _passes(self, last: Any, table: Any, target: Any, records: Records, epochs: int, seed: int) -> None:
        """One pass an epoch, in an order that each record's own key draws."""
        if "shuffle" in last.get_params(deep=False):
            last.set_params(shuffle=False)
        classes = {"classes": np.array(self.recipe.labels)} if self.recipe.labels else {}
        for number in range(epochs):
            order = draws.order(records.keys, seed, number)
            rows = table.iloc[order] if hasattr(table, "iloc") else table[order]
            last.partial_fit(rows, target[order], **classes)

    def _continued(self, state: SklearnState, records: Records) -> Any:
        """A copy of what is stored, to go on with; begun anew where it was fitted on other labels than there are now."""
        if not state.payload:
            return clone(self.recipe.made())
        made = storing.unpack(state.payload)
        last = last_step(made)
        warm = state.fitted and self.recipe.stages == "warm_start" and self.recipe.labels
        if warm and not np.array_equal(last.classes_, np.unique(self._target(records))):
            return _with_last(made, clone(last))
        return made

    def _head(self, state: SklearnState) -> bytes:
        """The stored pipeline with its last step not fitted; nothing without one."""
        if self.recipe.stages == "refit" or not state.payload or not isinstance(state.estimator, Pipeline):
            return b""
        made = storing.unpack(state.payload)
        return storing.pack(_with_last(made, clone(last_step(made))))

    @cached_property
    def _asked(self) -> str:
        """Digest of the columns and labels: an estimator of others would fail when it is asked, or worse, answer."""
        recipe = self.recipe
        declared = {name: list(values) for name, values in recipe.categories.items()}
        return digest([list(recipe.encoded), declared, list(recipe.labels)])

    def _table(self, features: Features) -> Any:
        return answering.frame(features, self.recipe.encoded, self.recipe.categories)

    def _target(self, records: Records) -> NDArray[Any]:
        """(n,) labels as they are declared, or values."""
        return np.array(self.recipe.labels)[records.target] if self.recipe.labels else np.array(records.target, np.float64)

    def _guarded(self, estimator: Any, table: Any, do: Any) -> Any:
        """What the estimator does, its error as one of ours that names the step."""
        try:
            return do()
        except (ValueError, TypeError, AttributeError, RuntimeError, IndexError, KeyError, ArithmeticError) as error:
            step = _step(error, estimator)
            gaps = int(table.isna().any(axis=1).sum())
            if gaps and "NaN" in str(error):
                raise DataError(
                    f"{step} takes no missing values, and {gaps} of {len(table)} records have some; put an imputer before it,"
                    " or use an estimator that takes them, such as HistGradientBoostingClassifier"
                ) from error
            raise RecipeError(
                f"{step} failed on {len(table)} records: {foreign_code.said(error)}; if it met a category that its shard does"
                " not have, give its encoder the declared `categories`, or handle_unknown='ignore'"
            ) from error

    # --- rehearsing -----------------------------------------------------------------------------------------------------

    def _rehearse(self) -> None:
        """Fit on made-up records, once in a process, before any real ones.

        Raises RecipeError for an estimator that draws without a `random_state`, cannot be stored, or gives other bytes twice.
        """
        if self._is_rehearsed:
            return
        name = digest([*map(str, self.recipe.facts().values()), bytes_digest(storing.pack(self.recipe.made()))])
        with self._rehearsing:
            if name not in self._rehearsed:
                with one_thread(), warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    self._try()
                self._rehearsed.add(name)
        self._is_rehearsed = True

    def _try(self) -> None:
        records = _made_up(self.recipe)
        table, target, made = self._table(records.features), self._target(records), clone(self.recipe.made())
        _, drew = watched(lambda: self._guarded(made, table, lambda: made.set_params(**_single(made)).fit(table, target)))
        if drew:
            unset = [key for key, value in made.get_params(deep=True).items() if _named(key, "random_state") and value is None]
            where = ", ".join(unset) or "one that its parameters do not show, such as that of a splitter"
            raise RecipeError(
                f"{type(made).__name__} draws random numbers without a random_state, so it could never be repeated; give it"
                f" one, any number ({where}): the seed of each stage takes its place"
            )
        first, second = (self._state_of(records, number) for number in (0, 0))
        if first.payload != second.payload:
            raise RecipeError(
                f"{type(made).__name__} fitted twice on the same records gave other bytes, in"
                f" {storing.difference(first.payload, second.payload)}; use an estimator that depends on its records and its"
                " random_state alone"
            )

    def _state_of(self, records: Records, seed: int) -> SklearnState:
        return self._fit(self.fresh(seed, records), records, self.stage_epochs(1)[0], seed)


def _made_up(recipe: SklearnRecipe) -> Records:
    """Nobody's records: numbers between 0 and 1, every declared category and label in turn."""
    rows = max(_ROWS, 12 * len(recipe.labels), *map(len, recipe.categories.values()), 0)
    generator = np.random.default_rng(0)
    features = generator.random((rows, recipe.width)).astype(np.float32)
    for number, name in enumerate(recipe.encoded):
        if name in recipe.categories:
            features[:, number] = np.arange(rows) % len(recipe.categories[name])
    target = (
        generator.permutation(np.arange(rows) % len(recipe.labels))
        if recipe.labels
        else 1 + features.sum(axis=1, dtype=np.float64)
    )
    return Records(features, target)


def _ready(estimator: Any, seed: int) -> Any:
    """The estimator with a seed for everything that draws in it, and one process."""
    seeds = {
        name: seed_from("random_state", seed, name) & 0x7FFFFFFF
        for name in estimator.get_params(deep=True)
        if _named(name, "random_state")
    }
    return estimator.set_params(**seeds, **_single(estimator))


def _single(estimator: Any) -> dict[str, int]:
    return {name: 1 for name, jobs in estimator.get_params(deep=True).items() if _named(name, "n_jobs") and jobs is not None}


def _named(path: str, parameter: str) -> bool:
    return path == parameter or path.endswith(f"__{parameter}")


def _rounds(last: Any) -> str | None:
    """The parameter by which a model grows when it goes on: trees, or rounds of boosting."""
    if isinstance(last, (HistGradientBoostingClassifier, HistGradientBoostingRegressor)):
        return "max_iter"
    return "n_estimators" if "n_estimators" in last.get_params(deep=False) else None


def _before(estimator: Any, table: Any) -> Any:
    """The table as a pipeline's last step sees it."""
    whole = isinstance(estimator, Pipeline) and len(estimator.steps) > 1
    return estimator[:-1].transform(table) if whole else table


def _with_last(estimator: Any, last: Any) -> Any:
    if isinstance(estimator, Pipeline):
        estimator.steps[-1] = (estimator.steps[-1][0], last)
        return estimator
    return last


def _step(error: BaseException, estimator: Any) -> str:
    """`step 'model' (LogisticRegression)`: the innermost estimator that was at work."""
    at_work = next((one for one in _selves(error) if one is not estimator), estimator)
    names = [name for name, value in estimator.get_params(deep=True).items() if type(value) is type(at_work)]
    kind = type(at_work).__name__
    return f"step {names[0]!r} ({kind})" if names else kind


def _selves(error: BaseException) -> Iterator[Any]:
    """The estimators in an error's traceback, innermost first."""
    frames, trace = [], error.__traceback__
    while trace is not None:
        frames.append(trace.tb_frame)
        trace = trace.tb_next
    return (one for one in (frame.f_locals.get("self") for frame in reversed(frames)) if isinstance(one, BaseEstimator))
