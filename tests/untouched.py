"""Exit code 2 says that nothing was changed: that is looked at after every command and erasure of the tests that ends so."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import sqlite3
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from unlearning.domain.errors import WrongUse

CHECKOUT = Path(__file__).resolve().parents[1]
"""Of this package, where tests stand that name no project: it has the files of one, and an environment of gigabytes."""
SCRATCH = ("-wal", "-shm", "-journal", ".lock", "/.gate", "/unlearning-store-id")
"""Ends of names of locks and of what databases work with; a store's mark says nothing of what is in it."""
ASIDE = (
    ".git/index",
    ".git/logs/",
    ".git/COMMIT_EDITMSG",
    ".dvc/tmp/",
    ".unlearning/prefect/",
    ".unlearning/tmp/",
    ".unlearning/people/",
    ".unlearning/stores.json",
)
"""Git's index is compared by what it says; caches of tools, private words of errors, rolls, and the memory of marks."""
UNSAID = ("alembic_version", "unlearning_migration", "sqlite_sequence", "lineage_layout", "workspaces")
"""Tables of which an empty database has rows too."""


def state(root: Path) -> dict[str, str]:
    """Every file of a project by its digest, databases by their rows, Git by refs and index: equal when nothing was changed."""
    found = {}
    for file in sorted(root.rglob("*")):
        name = file.relative_to(root).as_posix()
        if file.is_symlink():
            found[name] = str(file.readlink())
        elif not file.is_file() or f"/{name}".endswith(SCRATCH) or name.startswith(ASIDE) or "__pycache__" in name:
            continue
        elif file.suffix == ".db":
            found |= {f"{name}: {table}": rows for table, rows in _rows(file).items()}
        else:
            found[name] = hashlib.sha256(file.read_bytes()).hexdigest()
    if (root / ".git").exists():
        asked = ["git", "ls-files", "--stage", "-z"]
        found["index"] = subprocess.run(asked, cwd=root, capture_output=True, text=True, check=False).stdout
    return found


def _rows(file: Path) -> dict[str, str]:
    """Table → digest of its rows in their order, of the tables that have any; a file that is no database is its bytes."""
    found = {}
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection:
            for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                default = " WHERE experiment_id != 0" if table == "experiments" else ""
                rows = connection.execute(f'SELECT * FROM "{table}"{default}').fetchall()
                if rows and table not in UNSAID:
                    found[table] = hashlib.sha256(repr(rows).encode()).hexdigest()
    except sqlite3.Error:
        return {"bytes": hashlib.sha256(file.read_bytes()).hexdigest()}
    return found


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """What differs, by name."""
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


@contextlib.contextmanager
def by_wrong_use(root: Path) -> Iterator[None]:
    """Around a call: whatever says that nothing was changed is right."""
    before, caught = state(root), None
    try:
        yield
    except WrongUse as error:
        caught = error
    if caught is not None:
        differs = changes(before, state(root))
        assert not differs, f"{type(caught).__name__} says that nothing was changed, and these were: {differs}: {caught}"
        raise caught


@contextlib.contextmanager
def every_command() -> Iterator[None]:
    """While it is open, each command that a test runs and that ends with exit code 2 is shown to have changed nothing."""
    invoke: Callable[..., Result] = CliRunner.invoke

    def looked_at(self: CliRunner, command: Any, arguments: Any = None, *more: Any, **named: Any) -> Result:
        root = _root(arguments)
        before = state(root) if root else {}
        result = invoke(self, command, arguments, *more, **named)
        if root and result.exit_code == 2:
            differs = changes(before, state(root))
            assert not differs, f"exit code 2 says that nothing was changed, and these were: {differs}\n{result.output}"
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CliRunner, "invoke", looked_at)
        yield


def _root(arguments: Sequence[str] | str | None) -> Path | None:
    """The project of a command line; None where it is about none."""
    words = list(arguments) if isinstance(arguments, list | tuple) else []
    named = next((Path(after) for word, after in itertools.pairwise(words) if word == "--root"), Path.cwd())
    if named.resolve() == CHECKOUT:
        return None
    return named if (named / "params.yaml").exists() or (named / ".unlearning").exists() else None
