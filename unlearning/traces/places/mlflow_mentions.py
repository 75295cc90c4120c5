"""What users logged about people in MLflow: tags, parameters, tables, traces, evaluation records (TRACES 10–13, 16–19)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

from unlearning.domain.entities import Level
from unlearning.domain.traces import MLFLOW_GC, MLFLOW_GC_TAKES, PURGE_DELETES, Found, Residual, Trace, Wanted
from unlearning.stores.mlflow.mentions import MlflowMentions
from unlearning.stores.scans import raw_bytes
from unlearning.stores.scans.words import Watch
from unlearning.stores.sql import vacuum
from unlearning.traces.places import listing


@dataclass(frozen=True)
class MentionsPlace:
    """Rows and files at MLflow's address that name them, whatever they are for."""

    mentions: MlflowMentions
    watch: Watch
    erased: Callable[[], frozenset[str]] = field(repr=False)
    """Everyone whose data may go: a table is kept without their rows."""
    explained: Callable[[str], bool] = field(default=lambda _path: False, repr=False)
    """What nobody can read below a path in an experiment is of a known clean run or model, or declared free of people."""
    name: str = "MLflow: what was logged about people"
    level: Level = "logical"
    how: str = "every text in its database and every file of its experiments read: people by token, else each cell and word"

    def find(self, wanted: Wanted) -> Found:
        """Rows and files that name them. Raises Unavailable."""
        watch = replace(self.watch, tokens=wanted.tokens, raw=raw_bytes.pattern(wanted.identifiers))
        found = self.mentions.find(watch)
        unread = [(path, seen) for path, seen in found.unread if not self.explained(path)]
        maybe = [path for path in found.doubtful if not self.explained(path)]
        return Found(
            tuple(found.traces),
            searched=found.read,
            remedy=self._remedy(found.traces),
            unclear=(
                *_binaries(found.owners),
                *listing.unread(
                    self.name, self.level, [seen for _, seen in unread], sorted({self._shown(path) for path, _ in unread})
                ),
                *listing.doubtful(self.name, self.level, len(maybe), set(map(self._shown, maybe))),
                *self._unseen(),
            ),
        )

    def erase(self, traces: Sequence[Trace]) -> Sequence[Residual]:
        """Delete them; tables are rewritten without the rows. Raises Unavailable."""
        if not traces:
            return ()
        left = self.mentions.erase(traces, replace(self.watch, tokens=self.erased()))
        if not left:
            return ()
        runs = _owners(left)
        why = "the server's API cannot delete parameters, metrics, data sets or anything of a deleted run"
        return (Residual(self.name, self.level, "residual", len(left), why, _command(runs)),)

    def _remedy(self, traces: Sequence[Trace]) -> str:
        if self.mentions.garbage.backend is not None:
            return PURGE_DELETES
        return f"`unlearn purge` deletes what the server's API lets it; of the rest, {_command(_owners(traces))}"

    @staticmethod
    def _shown(path: str) -> str:
        """The run or the logged model: names of files may be people's."""
        return path.removeprefix("models/").partition("/")[0]

    def _unseen(self) -> Sequence[Residual]:
        """What a server's API does not show."""
        if (database := self.mentions.garbage.backend) is not None:
            return (vacuum.postgres_keeps("MLflow"),) if database.startswith("postgresql") else ()
        return (
            Residual(
                place="MLflow server: its database",
                level="physical",
                outcome="unverified",
                count=None,
                why="its API shows neither what is marked as deleted nor free pages, and MLFLOW_BACKEND_STORE_URI is not set",
                remedy="set MLFLOW_BACKEND_STORE_URI and run `unlearn purge`; or have what is marked as deleted "
                f"collected there (`{MLFLOW_GC}`), and `VACUUM` run",
            ),
        )


def _binaries(owners: Collection[str]) -> Iterator[Residual]:
    """Weights and archives that hold an identifier: deleting one file of a model would leave a broken model."""
    if owners:
        listed = ", ".join(sorted(owners))
        yield Residual(
            place="MLflow: files that are no text",
            level="model",
            outcome="residual",
            count=len(owners),
            why="models or archives of these runs and logged models hold the identifier itself",
            remedy=f"make them again without the person, then delete {listed} and run `{MLFLOW_GC} --run-ids RUNS "
            f"--logged-model-ids MODELS` ({MLFLOW_GC_TAKES})",
        )


def _owners(traces: Sequence[Trace]) -> list[str]:
    return sorted({trace.location for trace in traces})


def _command(owners: Sequence[str]) -> str:
    listed = ",".join(owners)
    return (
        "set MLFLOW_BACKEND_STORE_URI and run `unlearn purge`; or `mlflow runs delete --run-id RUN` each, then "
        f"`{MLFLOW_GC} --run-ids {listed}` ({MLFLOW_GC_TAKES})"
    )
