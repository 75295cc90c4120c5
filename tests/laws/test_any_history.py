"""Any history of a project and a registry: what following says agrees with opening every data version and looking.

Git, DVC and MLflow (SQLite) are real; only the trainings are not, since following never looks at weights.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, example, given, note, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from tests.histories import History
from tests.oracle import Truth, Weights
from tests.registry import Elsewhere
from unlearning.domain import hashing
from unlearning.domain.versions import ModelVersion, Tracked
from unlearning.lineage import follow, graph
from unlearning.stores.git import command as git
from unlearning.stores.tables import redaction

PEOPLE = ("ann", "bob", "cleo", "dan", "eve")
STAGES: Mapping[str, str] = {
    "filter": "grep -v {person} {source} > {out} || true",
    "count": 'echo "n" > {out} && wc -l < {source} >> {out}',
    "text": "wc -l < {source} > {out}",
}


@dataclass
class World:
    """A project, its registry, and the truth about both. Every act takes three numbers and picks with them what is there."""

    history: History
    elsewhere: Elsewhere
    truth: Truth = field(default_factory=Truth)
    lost: dict[Tracked, bytes] = field(default_factory=dict)

    # --- data

    def grow(self, which: int, who: int, _: int) -> None:
        """People come: another version of a table."""
        path = f"data/{'ab'[which % 2]}.csv"
        before = self._people(path)
        self.history.table(path, [*before, PEOPLE[who % len(PEOPLE)]])

    def erase(self, which: int, who: int, _: int) -> None:
        """A person is redacted from a table, as an erasure does it."""
        path = f"data/{'ab'[which % 2]}.csv"
        if people := self._people(path):
            keep = np.array([one != people[who % len(people)] for one in people])
            redaction.redact(self.history.root / path, self.history.root / path, keep)
            self.history.repository.record([path])

    def commit(self, *_: int) -> None:
        """Commit whatever differs."""
        self.history.committed()

    def branch(self, which: int, *_: int) -> None:
        """A new branch, or another one that is there."""
        self.commit()
        branches = self.history.git("branch", "--format=%(refname:short)").split()
        if which % 2 or len(branches) == 1:
            self.history.git("checkout", "-q", "-b", f"branch-{len(branches)}")
        else:
            self.history.git("checkout", "-q", branches[which % len(branches)])
            self._checkout()

    def merge(self, which: int, *_: int) -> None:
        self.commit()
        branches = self.history.git("branch", "--format=%(refname:short)").split()
        merge = ("merge", "-q", "--no-ff", "-X", "ours", "-m", "Merge", branches[which % len(branches)])
        if git.ask(self.history.root, *merge) is None and self.history.git("diff", "--name-only", "--diff-filter=U"):
            self.history.git("merge", "--abort")
        self._checkout()

    def derive(self, which: int, how: int, who: int) -> None:
        """A stage makes something of a table, or of what another stage made."""
        sources = self._here()
        if not sources:
            return
        source, (kind, command) = sources[which % len(sources)], list(STAGES.items())[how % len(STAGES)]
        stages = self._stages()
        out = f"data/{kind}{len(stages)}.{'txt' if kind == 'text' else 'csv'}"
        made = command.format(person=PEOPLE[who % len(PEOPLE)], source=source, out=out)
        if not any(out in each["outs"] for each in stages.values()) and not (self.history.root / out).exists():
            self._write_stages({**stages, f"make{len(stages)}": {"cmd": made, "deps": [source], "outs": [out]}})
        self.reproduce()
        self.commit()

    def reproduce(self, *_: int) -> None:
        """`dvc repro`, in this process, where every input is there."""
        deps = {dep for stage in self._stages().values() for dep in stage["deps"]}
        outs = {out for stage in self._stages().values() for out in stage["outs"]}
        if deps and all((self.history.root / dep).exists() for dep in deps - outs):
            with contextlib.chdir(self.history.root), self.history.repository.opened() as repo:
                repo.reproduce(all_pipelines=True, run_cache=False)

    def rename(self, which: int, *_: int) -> None:
        """A table gets another name."""
        self.commit()
        path = f"data/{'ab'[which % 2]}.csv"
        file, pointer = self.history.root / path, self.history.root / f"{path}.dvc"
        if file.exists() and pointer.exists() and not any(path in stage["deps"] for stage in self._stages().values()):
            new = path.replace(".csv", "-old.csv")
            self.history.git("rm", "-q", "--cached", "--ignore-unmatch", f"{new}.dvc")
            self.history.git("mv", "-f", f"{path}.dvc", f"{new}.dvc")
            moved = self.history.root / f"{new}.dvc"
            moved.write_text(moved.read_text().replace(file.name, Path(new).name))
            file.rename(self.history.root / new)
            with (self.history.root / "data/.gitignore").open("a") as ignored:  # as `dvc move` does it
                ignored.write(f"/{Path(new).name}\n")
            self.commit()

    def recolumn(self, which: int, *_: int) -> None:
        """A table's next version names its people in another column."""
        path = f"data/{'ab'[which % 2]}.csv"
        self.history.table(path, self._people(path) or ["ann"], column="member")

    def name_column(self, which: int, *_: int) -> None:
        """Somebody says which column that is."""
        path = f"data/{'ab'[which % 2]}.csv"
        follow.add_column(self.history.workspace, f"{path}:member")
        self.truth.columns.setdefault(path, set()).add("member")

    def lose(self, which: int, *_: int) -> None:
        """An object goes from cache and remote."""
        objects = sorted((self.history.root / ".dvc/cache/files/md5").rglob("??????????????????????????????"))
        if objects:
            file = objects[which % len(objects)]
            content = Tracked("", file.parent.name + file.name)
            self.lost[content] = file.read_bytes()
            self.history.lose(content)

    def find(self, which: int, *_: int) -> None:
        """A lost object comes back."""
        if self.lost:
            content = sorted(self.lost)[which % len(self.lost)]
            place = self.history.root / ".dvc-remote/files/md5" / content.object[:2] / content.object[2:]
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(self.lost.pop(content))

    # --- models

    def train(self, which: int, name: int, more: int) -> None:
        """A run logs one or two tables as its inputs."""
        contents = self._known()
        if contents:
            data = {contents[which % len(contents)], *([contents[more % len(contents)]] if more % 3 == 0 else [])}
            self._register(name, Weights(frozenset(data), silent=False, starts=()))

    def train_silently(self, _: int, name: int, foreign: int) -> None:
        """A run logs nothing, or something that is not in DVC."""
        self._register(name, Weights(frozenset(), silent=True, starts=()), foreign=["table"] if foreign % 2 else [])

    def train_in_stage(self, which: int, name: int, _: int) -> None:
        """A run starts inside a DVC stage and logs nothing: the run context says where it stands."""
        from unlearning.entrypoints.mlflow_hooks.run_context import (
            DvcRunContext,  # MLflow loads it itself, and must be there before it
        )

        stages = self._stages()
        if not stages:
            return
        self.reproduce()
        self.commit()
        stage = sorted(stages)[which % len(stages)]
        [source] = stages[stage]["deps"]
        if not (self.history.root / source).exists():
            return
        with contextlib.chdir(self.history.root), pytest.MonkeyPatch.context() as patch:
            patch.setenv("DVC_STAGE", stage)
            tags = DvcRunContext().tags()
        self._register(name, Weights(frozenset({self.history.tracked(source)}), silent=False, starts=()), tags=tags)

    def tune(self, which: int, name: int, data: int) -> None:
        """A run begins with a logged model, registered or not, and logs a table or nothing."""
        contents, names = self._known(), list(self.truth.weights)
        if names:
            own = frozenset([contents[data % len(contents)]] if contents and data % 4 else [])
            self._register(name, Weights(own, silent=not own, starts=(names[which % len(names)],)))

    def log_only(self, which: int, *_: int) -> None:
        """A model is logged and never registered, or not yet."""
        if contents := self._known():
            self._log(Weights(frozenset({contents[which % len(contents)]}), silent=False, starts=()))

    def register_again(self, which: int, name: int, _: int) -> None:
        if names := list(self.truth.weights):
            model_id = names[which % len(names)]
            version = self.elsewhere.register("xyz"[name % 3], model_id, self._runs[model_id])
            self.truth.versions[version] = model_id

    def copy(self, which: int, *_: int) -> None:
        if versions := self._alive():
            source = versions[which % len(versions)]
            version = self.elsewhere.copy(source, "production")
            self.truth.versions[version] = self.truth.versions[source]
            self.truth.copied_from[version] = source
            if source in self.truth.tags:
                self.truth.tags[version] = self.truth.tags[source]

    def delete(self, which: int, *_: int) -> None:
        if versions := self._alive():
            gone = versions[which % len(versions)]
            self.elsewhere.client.delete_model_version(gone.name, str(gone.version))
            self.truth.deleted.add(gone)

    def tag(self, child: int, parent: int, kind: int) -> None:
        """The tags of a version say what it was made from."""
        versions, every = self._alive(), sorted(self.truth.versions, key=str)
        if versions and every:
            one, other = versions[child % len(versions)], every[parent % len(every)]
            if one != other and one not in self.truth.tags:
                said = ("distilled", "quantised", "exported")[kind % 3]
                for key, value in (("derived_from", str(other)), ("derived_kind", said)):
                    self.elsewhere.client.set_model_version_tag(one.name, str(one.version), f"unlearning.{key}", value)
                self.truth.tags[one] = (other, said)

    def say(self, child: int, parent: int, kind: int) -> None:
        """Somebody states an edge."""
        if len(versions := self._alive()) > 1:
            one, other = versions[child % len(versions)], versions[parent % len(versions)]
            if one != other:
                said = ("fine_tuned", "quantised")[kind % 2]
                follow.add_edge(self.history.workspace, str(other), str(one), said)
                self.truth.said.add((other, one, said))

    # --- looking

    def follow(self, everything: int, *_: int) -> None:
        self.agree(everything=bool(everything % 2))

    def agree(self, *, everything: bool) -> None:
        """One round, compared with the truth in everything it says."""
        follow.follow(self.history.workspace, everything=everything)
        self.truth.follow(self.history.root, everything=everything)
        workspace = self.history.workspace
        for person in PEOPLE:
            token = bytes.fromhex(hashing.token(workspace.keys.index, person, "text"))
            held = workspace.lineage.versions_holding([token])[token]
            assert {Tracked(one.path, one.object) for one in held} == self.truth.holding(person), person
            shaped = graph.shaped_elsewhere(workspace, [one.digest for one in held], [])
            assert {ModelVersion(one.name, one.version) for one in shaped} == self.truth.shaped(person), person
        gaps = {gap.what for gap in workspace.followed.gaps()}
        assert {gap for gap in gaps if gap.startswith("data ")} == self.truth.missing()
        assert {version for version in self.truth.alive if self._doubted(version, gaps)} == self.truth.doubtful()

    def _doubted(self, version: ModelVersion, gaps: set[str]) -> bool:
        """Some gap is about this version or about one that it was made from."""
        return any(f"model {one}" in gaps for one in graph.load(self.history.workspace).ancestors_of([version]))

    # --- what is there

    def _people(self, path: str) -> list[str]:
        file = self.history.root / path
        return [line.split(",")[0] for line in file.read_text().splitlines()[1:]] if file.exists() else []

    def _here(self) -> list[str]:
        """Tables in the working folder."""
        return sorted(str(file.relative_to(self.history.root)) for file in (self.history.root / "data").glob("*.csv"))

    def _known(self) -> list[Tracked]:
        """Contents that DVC tracks now or tracked once."""
        with self.history.repository.opened() as repo:
            now = {
                Tracked(str(Path(out.fs_path).relative_to(self.history.root)), str(out.hash_info.value))
                for out in repo.index.outs
                if out.hash_info
            }
        return sorted(now | self.truth.parents.keys())

    def _alive(self) -> list[ModelVersion]:
        return sorted(self.truth.alive, key=str)

    _runs: dict[str, str] = field(default_factory=dict)

    def _log(self, weights: Weights, **said: object) -> str:
        run = self.elsewhere.run(data=sorted(weights.own) if not said.get("tags") else (), models=weights.starts, **said)
        model_id = self.elsewhere.logged(run)
        self.truth.weights[model_id], self._runs[model_id] = weights, run
        return model_id

    def _register(self, name: int, weights: Weights, **said: object) -> None:
        model_id = self._log(weights, **said)
        self.truth.versions[self.elsewhere.register("xyz"[name % 3], model_id, self._runs[model_id])] = model_id

    def _stages(self) -> dict[str, dict[str, list[str]]]:
        file = self.history.root / "dvc.yaml"
        return dict(YAML(typ="safe").load(file.read_text())["stages"]) if file.exists() else {}

    def _write_stages(self, stages: Mapping[str, object]) -> None:
        with (self.history.root / "dvc.yaml").open("w") as stream:
            YAML(typ="safe").dump({"stages": dict(stages)}, stream)

    def _checkout(self) -> None:
        with self.history.repository.opened() as repo:
            repo.checkout(force=True, allow_missing=True)


BEGINNING = (("grow", 0, 0, 0), ("grow", 0, 1, 0), ("grow", 1, 2, 0), ("derive", 0, 1, 0), ("train", 0, 0, 1))
ACTS = (
    *("grow", "erase", "branch", "merge", "derive", "derive", "reproduce", "rename", "recolumn", "name_column", "lose", "find"),
    *("train", "train_silently", "train_silently", "train_in_stage", "train_in_stage", "tune", "tune", "tune", "log_only"),
    *(
        "register_again",
        "register_again",
        "copy",
        "copy",
        "delete",
        "delete",
        "tag",
        "tag",
        "say",
        "follow",
        "follow",
        "follow",
    ),
)
act = st.tuples(st.sampled_from(ACTS), st.integers(0, 5), st.integers(0, 5), st.integers(0, 5))


@contextlib.contextmanager
def world(beginning: History) -> Iterator[World]:
    """A world of its own, on a copy."""
    with tempfile.TemporaryDirectory(prefix="history-") as folder:
        history = beginning.copy(Path(folder) / "project")
        yield World(history, Elsewhere.at(history.workspace.models.uri, Path(folder)))


def live(beginning: History, acts: list[tuple[str, int, int, int]]) -> None:
    with world(beginning) as here:
        for name, *numbers in (*BEGINNING, *acts):
            note(f"{name} {numbers}")
            getattr(here, name)(*numbers)
        here.agree(everything=False)
        here.agree(everything=True)


quick = settings(
    max_examples=3,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate),  # making a failing history smaller takes minutes: run it again for that
)
histories = given(acts=st.lists(act, min_size=8, max_size=16))


@quick
@histories
@example(acts=[("follow", 1, 0, 0), ("lose", 3, 0, 0)])  # a table without people, which was read before it was lost
def test_following_agrees_with_opening_everything(beginning: History, acts: list[tuple[str, int, int, int]]) -> None:
    live(beginning, acts)


@pytest.mark.slow
@pytest.mark.timeout(7200)
@settings(quick, max_examples=150, derandomize=False)
@histories
def test_following_agrees_with_opening_everything_for_longer(beginning: History, acts: list[tuple[str, int, int, int]]) -> None:
    live(beginning, acts)
