"""Tags on every MLflow run that starts inside a DVC repository: which code and which data it stands on.

Reads Git and DVC's own files instead of importing DVC, which alone would take longer than a run may be delayed.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mlflow.tracking.context.abstract_context import RunContextProvider

from unlearning.domain.environ import DVC_STAGE, ERASURE
from unlearning.domain.errors import UnlearningError
from unlearning.stores.git import command

TAGGED_OUTPUTS = 50
"""A run takes 100 tags at once; beyond this many outputs the rest is only in `dvc.outs_digest`."""
_PATIENCE_S = 0.5
_RUNNING = {DVC_STAGE: "dvc.stage", ERASURE: "unlearning.erasure"}
"""Variable → tag: what the run is part of."""


class DvcRunContext(RunContextProvider):
    """Git revision and dirtiness, the hash of every output in `dvc.lock`, the running stage, the digest of the parameters."""

    def __init__(self) -> None:
        self._locks: dict[tuple[str, int, int], dict[str, str]] = {}

    def in_context(self) -> bool:
        """True inside a DVC repository."""
        return _root(Path.cwd()) is not None

    def tags(self) -> dict[str, str]:
        """What is known; a file that is missing, or is no YAML, adds nothing."""
        root = _root(Path.cwd())
        if root is None:
            return {}
        running = {tag: os.environ[name] for name, tag in _RUNNING.items() if os.environ.get(name)}
        return {**_git(root), **running, **_params(root), **_output_tags(self._outputs(root))}

    def _outputs(self, root: Path) -> dict[str, str]:
        """Path → hash of every output that the lock files at and above the working folder name."""
        found: dict[str, str] = {}
        for folder in {root, Path.cwd()}:
            lock = folder / "dvc.lock"
            if not lock.is_file():
                continue
            stat = lock.stat()
            key = (str(lock), stat.st_mtime_ns, stat.st_size)
            if key not in self._locks:
                self._locks[key] = dict(_locked(lock, root))
            found |= self._locks[key]
        return found


def _root(folder: Path) -> Path | None:
    return next((each for each in (folder, *folder.parents) if (each / ".dvc").is_dir()), None)


def _git(root: Path) -> dict[str, str]:
    try:
        rev = command.ask(root, "rev-parse", "--verify", "--quiet", "HEAD", patience_s=_PATIENCE_S)
        changed = command.ask(root, "status", "--porcelain", "--untracked-files=no", patience_s=_PATIENCE_S)
    except UnlearningError:
        return {}
    return {"dvc.git_rev": rev, "dvc.git_dirty": "true" if changed else "false"} if rev else {}


def _params(root: Path) -> dict[str, str]:
    file = root / "params.yaml"
    return {"dvc.params_digest": hashlib.sha256(file.read_bytes()).hexdigest()} if file.is_file() else {}


def _locked(lock: Path, root: Path) -> Iterator[tuple[str, str]]:
    import yaml

    try:
        document = yaml.load(lock.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, yaml.YAMLError):
        return
    stages = document.get("stages") if isinstance(document, dict) else None
    for stage in (stages or {}).values():
        for out in stage.get("outs", ()) if isinstance(stage, Mapping) else ():
            if value := _hash(out):
                yield os.path.relpath(lock.parent / out["path"], root).replace(os.sep, "/"), value


def _hash(out: Any) -> str | None:
    named = out.get(out.get("hash", "md5")) if isinstance(out, Mapping) and "path" in out else None
    return str(named) if named else None


def _output_tags(outputs: Mapping[str, str]) -> dict[str, str]:
    if not outputs:
        return {}
    listed = "\n".join(f"{value} {path}" for path, value in sorted(outputs.items()))
    shown = sorted(outputs.items())[:TAGGED_OUTPUTS]
    return {
        "dvc.outs_digest": hashlib.sha256(listed.encode()).hexdigest(),
        "dvc.outs_count": str(len(outputs)),
        **{f"dvc.out:{re.sub(r'[^-A-Za-z0-9_. :/]', '_', path)[:200]}": value for path, value in shown},
    }
