"""What a project looks like when an erasure has ended: equal for two runs that ended alike, whatever befell them on the way."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from tests.small_project import Project
from unlearning.certificate import statement
from unlearning.certificate.statement import read
from unlearning.domain.hashing import file_digest
from unlearning.traces import old_revisions, sweep

CACHE, REMOTE = ".dvc/cache/files/md5", ".dvc-remote/files/md5"


def objects(project: Project, folder: str) -> dict[str, str]:
    """Name → SHA-256 of every file in a cache or remote."""
    root = project.root / folder
    return {str(file.relative_to(root)): file_digest(file) for file in sorted(root.rglob("*")) if file.is_file()}


def ending(project: Project) -> dict[str, Any]:
    """Everything that must be the same, and everything that must be clean."""
    workspace = project.workspace
    settings = workspace.settings
    tokens = [request.token for request in _requests(project)]
    swept = sweep.sweep(workspace, tokens)
    listed = old_revisions.listing(workspace)
    return {
        **project.outcome(),
        "cache": objects(project, CACHE),
        "remote": objects(project, REMOTE),
        "versions": [one.model.version for one in workspace.models.versions(settings.model)],
        "aliases": workspace.models.aliases(settings.model),
        "lineage": [record.model.version for record in workspace.lineage.models(settings.model)],
        "sweep": [(one.place, one.outcome, one.count) for one in swept.places if one.outcome != "verified"],
        "certificates": certificates(project),
        "twins": [(twin.old, twin.new) for twin in listed.twins],
        "twin commits": listed.commits,
        "twins wrong": old_revisions.verify(workspace),
        "uncommitted": _git(project.root, "status", "--porcelain"),
        "waiting": [entry for entry in _cloud(project.root).items() if entry[1]],
    }


def certificates(project: Project) -> list[str]:
    """The verdict on every certificate that a request names."""
    workspace = project.workspace
    paths = sorted({request.certificate for request in _requests(project) if request.certificate})
    found = [statement.verify(read((project.root / path).read_bytes()), workspace.keys.public) for path in paths]
    assert not [one for one in found if one.refused], found
    return [one.verdict for one in found]


def _requests(project: Project) -> list[Any]:
    from unlearning.domain import lifecycle

    return list(lifecycle.fold(project.events()).requests.values())


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True).stdout


def _cloud(root: Path) -> dict[str, Any]:
    """`dvc status --cloud --json`: what cache and remote do not share."""
    from dvc.repo import Repo

    with Repo(str(root)) as repo:
        found: dict[str, Any] = repo.status(cloud=True)
        return found
