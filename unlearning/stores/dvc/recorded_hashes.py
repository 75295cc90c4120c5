"""The hashes in `.dvc` files and `dvc.lock`: renewed entry by entry, all at once.

`dvc commit` rewrites a whole stage, and with it whatever else made the stage stale disappears from `dvc status`; and it
rewrites the file in place, so a killed process leaves a torn one. Stages and entries are DVC's own objects (dvc 3: `Stage`,
`Output`), from `repository.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from unlearning.stores.files import replacing

_PINS = ("cloud", "files", "version_id", "etag", "checksum")
"""How DVC 3 writes down versions of files in remotes with `version_aware` or `worktree`: of a file, or of each in a folder."""


def holder(stage: Any) -> Path:
    """The file with the stage's hashes: `x.dvc` itself, or the `dvc.lock` beside `dvc.yaml`."""
    file = Path(stage.path)
    return file if file.suffix == ".dvc" else file.with_suffix(".lock")


def is_local(entry: Any) -> bool:
    """The dependency or output is a file or folder on this machine; what comes from a database has no file system at all."""
    return entry.fs is not None and bool(entry.protocol == "local")


def entries(stage: Any, files: Collection[str]) -> list[Any]:
    """The stage's dependencies and outputs that are, or contain, one of the files; parameters have no path."""
    return [
        entry
        for entry in (*stage.deps, *stage.outs)
        if is_local(entry) and any(file == entry.fs_path or file.startswith(f"{entry.fs_path}/") for file in files)
    ]


def record(stage: Any, files: Collection[str]) -> bool:
    """Renew the recorded hashes of these files in one stage; true when that changed its metadata file."""
    touched = [entry for entry in entries(stage, files) if entry.hash_info]
    for entry in touched:
        entry.save()
        if entry in stage.outs:
            entry.commit()
    return bool(touched) and _rewrite(stage, touched)


def _rewrite(stage: Any, touched: Iterable[Any]) -> bool:
    from ruamel.yaml import YAML

    file, yaml = holder(stage), YAML()
    document = yaml.load(file.read_bytes())
    section = document if file.suffix == ".dvc" else document["stages"][stage.name]
    changed = [_renew(section, entry, stage) for entry in touched]
    if file.suffix == ".dvc" and "md5" in section:
        section["md5"] = stage.compute_md5()
    if any(changed):
        with replacing(file, like=file) as stream:
            yaml.dump(document, stream)
    return any(changed)


def _renew(section: Any, entry: Any, stage: Any) -> bool:
    kind = "outs" if entry in stage.outs else "deps"
    recorded = next(item for item in section[kind] if item["path"] == entry.def_path)
    facts = {"md5": entry.hash_info.value, "size": entry.meta.size, "nfiles": entry.meta.nfiles}
    fresh = {name: value for name, value in facts.items() if value is not None} | {"hash": entry.hash_name}
    if _same_files(recorded["files"], entry) if "files" in recorded else fresh.items() <= recorded.items():
        return False
    unpin(recorded)
    recorded.update(fresh)
    return True


def _same_files(listed: Any, entry: Any) -> bool:
    """A folder whose files a remote keeps by name is recorded file by file, without a hash of its own."""
    here = {"/".join(key): found.value for key, _, found in entry.get_obj()}
    return here == {item["relpath"]: item.get("md5") for item in listed}


def unpin(recorded: Any) -> bool:
    """Take out of an entry which version of a remote's file holds its content: another content is not in it.

    `dvc push` writes the new one. Left as it is, `dvc pull` would go by the version and bring the old content back.
    """
    stale = [name for name in _PINS if name in recorded]
    for name in stale:
        del recorded[name]
    return bool(stale)
