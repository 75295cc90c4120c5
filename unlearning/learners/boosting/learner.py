"""Train boosted trees slice by slice, to the same bytes every time.

A stage is a pure function of (recipe, links before, records, rounds, seed). A link is a file of the library's own with the
trees of a stage; it goes on from margins, what the links before it answer, and from nothing else: whatever a file cannot hold
is not carried on. Which rows a round sees is drawn by each record's key; columns are drawn by the library from the stage's
seed. Base score, bins and averages are the library's, of the records of the stage.
Method: SISA training, Bourtoule et al. 2021, arXiv:1912.03817.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from itertools import accumulate, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from unlearning.domain import draws
from unlearning.domain.errors import Damaged, RecipeError, SettingsError
from unlearning.domain.hashing import bytes_digest
from unlearning.domain.protocols import Records, Served
from unlearning.domain.tasks import named
from unlearning.learners.boosting import parameters
from unlearning.learners.boosting.library import Margins, Rows, opened
from unlearning.learners.boosting.recipe import BoostingRecipe
from unlearning.learners.tabular import packaged
from unlearning.stores import foreign_code

if TYPE_CHECKING:
    from unlearning.domain.draws import Keys
    from unlearning.domain.protocols import Answers, Features

_SEEDS = 2**31 - 2**16
"""Seeds that every library takes, with room to count on from each."""


@dataclass(frozen=True)
class BoostedState:
    """The trees so far."""

    links: tuple[bytes, ...] = ()
    """The library's own files, in the order in which they were trained."""
    margins: bytes = b""
    """What links answer of the records that the last one was trained on. Asking them again costs a third of growing them."""
    through: int = 0
    """How many of the links they are of: all, or all but the last."""
    seen: str = ""
    """SHA-256 of those records' features: the margins count for no others."""


class BoostingLearner:
    """Trains what a BoostingRecipe describes; satisfies `unlearning.domain.protocols.Learner`."""

    draws: ClassVar[bool] = False
    """An untrained state holds nothing, so that its seed shows nowhere."""

    def __init__(self, recipe: BoostingRecipe, device: str = "cpu") -> None:
        if device != "cpu":
            raise SettingsError(f"run.device: {device!r}; boosted trees are trained on the CPU, to the same bytes; use cpu")
        self.recipe = recipe
        self._library = opened(recipe.library)

    def fresh(self, seed: int, first_slice: Records) -> BoostedState:
        """No tree; what a library fits besides them, it fits in the first stage."""
        del seed, first_slice
        return BoostedState()

    def fit(self, state: BoostedState, records: Records, *, epochs: int, seed: int) -> BoostedState:
        """The state after so many rounds more on these records; raises RecipeError when the library refuses to train."""
        if not len(records) or epochs < 1:
            return state
        rows, links, margins = self._rows(records.keys, seed), state.links, self._margins(state, records.features)
        through, alike = len(links), (self._library.ROUNDS_ALIKE if rows else None) or epochs
        for start in range(0, epochs, alike):
            margins = self._asked(links[through:], records.features, margins)
            through = len(links)
            seen = None if rows is None else partial(_later, rows, start)
            rounds = min(alike, epochs - start)
            link, after = self._link(margins, records, rounds=rounds, seed=seed % _SEEDS + start, rows=seen)
            links = (*links, link)
            if after is not None:
                margins, through = after, len(links)
        if margins is None:
            return BoostedState(links)
        return BoostedState(links, margins.tobytes(), through, _digest(records.features))

    def stage_epochs(self, slices: int) -> list[int]:
        """(R,) an equal share of the recipe's rounds after each slice, so that the model has as many trees as a plain one.

        About twice as many, as SISA's 2e/(R+1) would have it, cost 1.2 (CatBoost) to 4.7 times (LightGBM) a plain training on a
        table of Adult's shape, because a round on few records costs more than its share: splits are looked for in every bin.
        """
        least, more = divmod(self.recipe.rounds, slices)
        return [max(1, least + (stage >= slices - more)) for stage in range(slices)]

    def predict(self, state: BoostedState, features: Features) -> Answers:
        """(n, labels) probabilities or (n, 1) values; an untrained state holds every label for as probable, or answers 0."""
        if not state.links or not len(features):
            return np.full((len(features), self.recipe.outputs), 1 / len(self.recipe.labels) if self.recipe.labels else 0.0)
        margins = np.asarray(self._asked(state.links, features, None), np.float64)
        if self.recipe.labels:
            return _probabilities(margins)
        return np.exp(margins) if self._logarithmic else margins

    def losses(self, state: BoostedState, records: Records) -> NDArray[np.float64]:
        """(n,) cross-entropy of each record in nats, or its squared error, whatever the objective is."""
        return named(self.recipe.task).losses(self.predict(state, records.features), records.target)

    def dumps(self, state: BoostedState) -> bytes:
        """A line that says what follows, the library's own files, and the margins."""
        body = b"".join((*state.links, state.margins))
        return self._head([len(link) for link in state.links], state.through, state.seen, body) + body

    def loads(self, payload: bytes) -> BoostedState:
        """The inverse of dumps; raises Damaged when the bytes are no state, or not one of this recipe's trees."""
        head, _, body = payload.partition(b"\n")
        try:
            said = json.loads(head)
            lengths, through, seen = [int(length) for length in said["links"]], int(said["through"]), str(said["seen"])
        except (ValueError, KeyError, TypeError) as error:
            raise _damaged(payload, "it says nothing of what it holds") from error
        if head + b"\n" != self._head(lengths, through, seen, body):
            raise _damaged(payload, "it does not say what the recipe expects of it")
        ends = list(accumulate(lengths, initial=0))
        links = tuple(body[start:end] for start, end in pairwise(ends))
        for link in links:
            if complaint := self._library.complain(link):
                raise _damaged(payload, complaint)
        return BoostedState(links, body[ends[-1] :], through, seen)

    def package(self, states: Mapping[int, BoostedState]) -> Served:
        """The constituents as files of the library's own, and the file that answers with them."""
        files = {
            f"shard-{shard:03d}-{number:03d}.{self._library.SUFFIX}": link
            for shard, state in sorted(states.items())
            for number, link in enumerate(state.links or (b"",))
        }
        code = Path(__file__).with_name("serving.py")
        more = {"logarithmic": self._logarithmic}
        return packaged(self.recipe, self.recipe.library, code, files, needs=(self.recipe.library,), more=more)

    def environment(self) -> dict[str, str]:
        """The versions of the library and of numpy."""
        return {name: version(name) for name in (self.recipe.library, "numpy")}

    def _rows(self, keys: Keys, seed: int) -> Rows | None:
        share, every = parameters.fraction(self.recipe.library, self.recipe.parameters)
        if share == 1 or not every:
            return None

        def rows(number: int) -> NDArray[np.float32]:
            seen: NDArray[np.bool_] = draws.uniform(keys, "rows", seed, number // every) < share
            return (seen if seen.any() else ~seen).astype(np.float32)

        return rows

    def _margins(self, state: BoostedState, features: Features) -> Margins | None:
        """(n, k) what all links answer; of the records that the state has margins of, only the links since are asked."""
        known = np.frombuffer(state.margins, self._library.MARGINS).reshape(-1, self._columns)
        if not len(known) or _digest(features[: len(known)]) != state.seen:
            return self._asked(state.links, features, None)
        old = self._asked(state.links[state.through :], features[: len(known)], known)
        new = self._asked(state.links, features[len(known) :], None) if len(known) < len(features) else None
        return old if old is None or new is None else np.concatenate((old, new))

    def _asked(self, links: Sequence[bytes], features: Features, margins: Margins | None) -> Margins | None:
        for link in links:
            margins = self._library.margins(self.recipe, link, features, margins)
        return margins

    def _link(
        self, margins: Margins | None, records: Records, *, rounds: int, seed: int, rows: Rows | None
    ) -> tuple[bytes, Margins | None]:
        try:
            return self._library.train(self.recipe, margins, records, rounds=rounds, seed=seed, rows=rows)
        except self._library.FAILURES as error:
            raise RecipeError(
                f"{self.recipe.library} cannot train {len(records)} records with these parameters: {foreign_code.said(error)}; "
                "check parameters in the recipe"
            ) from error

    @property
    def _columns(self) -> int:
        return self.recipe.outputs if self.recipe.outputs > 2 else 1

    @property
    def _logarithmic(self) -> bool:
        return parameters.logarithmic(self.recipe.library, self.recipe.parameters)

    def _head(self, lengths: Sequence[int], through: int, seen: str, body: bytes) -> bytes:
        said = {
            "library": self.recipe.library,
            "features": self.recipe.width,
            "outputs": self.recipe.outputs,
            "links": lengths,
            "through": through,
            "seen": seen,
            "sha256": hashlib.sha256(body).hexdigest(),
        }
        return json.dumps(said).encode() + b"\n"


def _later(rows: Rows, start: int, number: int) -> NDArray[np.float32]:
    return rows(start + number)


def _digest(features: Features) -> str:
    return bytes_digest(np.ascontiguousarray(features).data)


def _probabilities(raw: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, k) from log-odds, in doubles: a probability of 0 in single precision would be an infinite loss."""
    scores = raw if raw.shape[1] > 1 else np.concatenate((np.zeros_like(raw), raw), axis=1)
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    answers: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return answers


def _damaged(payload: bytes, why: str) -> Damaged:
    return Damaged(f"a checkpoint of {len(payload)} bytes cannot be read ({why}); delete it and run `unlearn train`")
