"""Superseded model versions that the people shaped: version, logged model, run and files in MLflow (TRACES 10–16, 19)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from unlearning.domain.entities import Level
from unlearning.domain.traces import MLFLOW_GC, MLFLOW_GC_TAKES, PURGE_DELETES, Found, Residual, Trace, Wanted
from unlearning.domain.versions import ModelVersion
from unlearning.lineage.run_trees import Around
from unlearning.stores.mlflow.garbage import DATASET, MODEL, RUN, MlflowGarbage

NAME = "MLflow"


@dataclass(frozen=True)
class MlflowPlace:
    """Registry, runs, logged models and their files at one address."""

    garbage: MlflowGarbage
    shaped: Callable[[Wanted], Sequence[tuple[ModelVersion, str | None]]] = field(repr=False)
    """Who is searched for → every version they shaped and that is to go, with its run; deleted ones included."""
    serving: Callable[[], Sequence[ModelVersion]] = field(repr=False)
    """What serves now, of each model: where other aliases of a deleted version go."""
    forgotten: Callable[[Sequence[str]], None] = field(repr=False)
    """Told the names of versions that are gone, so that the lineage says so."""
    around: Callable[[frozenset[str]], Around] = field(default=lambda _tokens: Around(), repr=False)
    """Tokens → the runs that hang on those versions, and what people shaped or may have shaped besides."""
    name: str = NAME
    level: Level = "model"
    how: str = (
        "every version that the lineage says they shaped looked up, with its run, the runs of its tree, logged models, data "
        "sets and files; every other run asked what it read"
    )

    def find(self, wanted: Wanted) -> Found:
        """What is left of versions that they shaped, and of what hangs on those. Raises Unavailable."""
        versions, around = self.shaped(wanted), self.around(wanted.tokens)
        known = wanted.known.get(self.name, frozenset())
        left = self.garbage.still({*self.garbage.of(versions, around.runs, spared=around.spared), *known})
        left.sort(key=lambda trace: (trace.kind, trace.name, trace.location))
        return Found(
            tuple(left),
            searched=len(versions) + len(known) + around.searched,
            unclear=around.unclear,
            remedy=self._remedy(left),
        )

    def _remedy(self, left: Sequence[Trace]) -> str:
        if self.garbage.backend is not None:
            return PURGE_DELETES
        return f"`unlearn purge` marks it as deleted, and cannot collect it without the server's database: {_command(left)}"

    def erase(self, traces: Sequence[Trace]) -> Sequence[Residual]:
        """Delete them in the order that leaves nothing. Raises Unavailable."""
        if not traces:
            return ()
        self.garbage.forget(traces, aliases_to=self.serving())
        self.forgotten([trace.name for trace in traces])
        left = self.garbage.still(traces)
        if not left:
            return ()
        why = "a tracking server marks as deleted and cannot collect; its database was not named"
        return (Residual(self.name, "logical", "residual", len(left), why, _command(left)),)


def _command(left: Sequence[Trace]) -> str:
    """What an administrator runs where the server's database can be opened."""
    runs = ",".join(trace.name for trace in left if trace.kind == RUN)
    models = ",".join(trace.name for trace in left if trace.kind == MODEL)
    options = [f"--run-ids {runs}" if runs else "", f"--logged-model-ids {models}" if models else ""]
    more = " and delete its rows in inputs and datasets" if any(trace.kind == DATASET for trace in left) else ""
    command = " ".join((MLFLOW_GC, *filter(None, options)))
    return f"`{command}`{more} ({MLFLOW_GC_TAKES}); or set MLFLOW_BACKEND_STORE_URI and run `unlearn purge`"
