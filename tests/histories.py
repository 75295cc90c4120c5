"""A Git and DVC repository whose history a test writes: tables, stages, branches, commits."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML

from tests import warm
from tests.small_project import RECIPE, _fixed_keys
from unlearning.domain.versions import Tracked
from unlearning.project.workspace import Workspace, open_workspace
from unlearning.stores.dvc import repository as dvc_repository
from unlearning.stores.dvc.repository import DvcData
from unlearning.stores.git import command

PARAMS = {"model": "outcome", "recipe": "recipes/outcome.py:recipe", "versioning": {"commit": True, "push": False}}


@dataclass(frozen=True)
class History:
    """One project, its model trained elsewhere."""

    root: Path

    @classmethod
    def create(cls, root: Path, mlflow: str | None = None) -> History:
        repository = dvc_repository.create(root, remote=".dvc-remote")
        (root / "recipes").mkdir()
        (root / "recipes/outcome.py").write_text(RECIPE)
        (root / ".gitignore").write_text("/.unlearning/\n/.dvc-remote/\n/mlflow.db\n/mlruns/\n")
        history = cls(root)
        history.use(mlflow)
        _fixed_keys(root / ".unlearning/keys")
        repository.git.commit("Start", ["."])
        return history

    def use(self, mlflow: str | None) -> None:
        """Follow the registry at this address; None: the SQLite file in the project."""
        with (self.root / "params.yaml").open("w") as stream:
            YAML(typ="safe").dump({"unlearning": {**PARAMS, "stores": {"mlflow": mlflow}}}, stream)

    def copy(self, root: Path) -> History:
        """The same project elsewhere: an empty registry takes seconds to make and none to copy."""
        shutil.copytree(self.root, root, symlinks=True)
        config = root / ".dvc/config"
        config.write_text(config.read_text().replace(str(self.root), str(root)))
        return History(root).committed()

    def with_table(self, root: Path, path: str, people: Sequence[str]) -> History:
        """The same elsewhere, with a table of these people, pushed and committed."""
        made = self.copy(root)
        made.table(path, people)
        made.repository.push([path])
        made.commit()
        return made

    def committed(self) -> History:
        """With whatever differs committed."""
        self.git("add", "--all")
        if self.git("status", "--porcelain"):
            self.git("commit", "-q", "-m", "More")
        return self

    @property
    def workspace(self) -> Workspace:
        return open_workspace(self.root)

    @property
    def repository(self) -> DvcData:
        return DvcData(self.root)

    def git(self, *arguments: str) -> str:
        return command.text(self.root, *arguments).strip()

    def table(self, path: str, people: Sequence[str], column: str = "patient") -> Tracked:
        """Write a table, one row a person, and track it."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{column},x\n" + "".join(f"{one},{number}\n" for number, one in enumerate(people)))
        self.repository.add([path])
        return self.tracked(path)

    def stages(self, stages: Mapping[str, tuple[str, Sequence[str], Sequence[str]]]) -> None:
        """dvc.yaml. stages: name → (command, dependencies, outputs)."""
        document = {name: {"cmd": cmd, "deps": list(deps), "outs": list(outs)} for name, (cmd, deps, outs) in stages.items()}
        with (self.root / "dvc.yaml").open("w") as stream:
            YAML(typ="safe").dump({"stages": document}, stream)

    def reproduce(self) -> None:
        """`dvc repro`."""
        command = [warm.python(), "-m", "dvc", "repro", "--quiet", "--no-run-cache"]
        subprocess.run(command, cwd=self.root, check=True, capture_output=True)

    def commit(self, message: str = "More") -> str:
        self.repository.git.commit(message, ["."])
        return str(self.repository.git.head)

    def tracked(self, path: str) -> Tracked:
        """The content of a path, as DVC has it in the workspace."""
        with self.repository.indexed() as repo:
            found = next(out for out in repo.index.outs if out.fs_path == str(self.root / path))
            return Tracked(path, str(found.hash_info.value))

    def lose(self, content: Tracked) -> None:
        """Delete an object from cache and remote."""
        for place in (self.root / ".dvc/cache", self.root / ".dvc-remote"):
            for file in place.rglob(content.object[2:]):
                file.chmod(0o600)
                file.unlink()
