"""DVC's files of one commit, naming twins instead of erased objects. Part of the home of DVC, with `recorded_hashes.py`."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from unlearning.stores.dvc import recorded_hashes
from unlearning.stores.dvc.twin_map import TwinMap

if TYPE_CHECKING:
    from unlearning.stores.dvc.repository import DvcData


def is_metadata(path: str) -> bool:
    """`x.dvc` and `dvc.lock`: the files in which DVC writes hashes down."""
    name = PurePosixPath(path).name
    return name == "dvc.lock" or name.endswith(".dvc")


def renamed(content: bytes, twins: TwinMap) -> bytes | None:
    """The file with the hash and size of each twin in place of the erased object's; None when it names none.

    A stage whose output nobody could redact keeps the hashes of what it read: so `dvc status` says that it must run again, and
    `dvc repro` runs it.
    """
    if not any(old.encode() in content for old in twins.twins):
        return None
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    yaml = YAML()
    try:
        document = yaml.load(content)
    except YAMLError:
        return None  # broken at this commit as well: DVC cannot read it either
    changed = [_rename(entry, twins) for stage in _stages(document) for entry in _follows(stage, twins)]
    if not any(changed):
        return None
    out = io.BytesIO()
    yaml.dump(document, out)
    return out.getvalue()


def _stages(document: Any) -> Iterator[Any]:
    """The stages of a `dvc.lock`, or the one that a `.dvc` file is."""
    if isinstance(document, dict):
        stages = document["stages"].values() if isinstance(document.get("stages"), dict) else [document]
        yield from (stage for stage in stages if isinstance(stage, dict))


def _follows(stage: Any, twins: TwinMap) -> list[Any]:
    """The entries of a stage that name the twins: what it read only when nothing it made is stale."""
    deps, outs = list(_entries(stage.get("deps"))), list(_entries(stage.get("outs")))
    return outs if any(twins.made_of_erased(str(out["md5"])) for out in outs) else [*deps, *outs]


def _rename(entry: Any, twins: TwinMap) -> bool:
    twin = twins.last(str(entry["md5"]))
    if twin is None:
        return False
    entry["md5"] = twin.new
    recorded_hashes.unpin(entry)
    if "size" in entry:
        entry["size"] = twin.size
    if "nfiles" in entry and twin.files is not None:
        entry["nfiles"] = twin.files
    return True


def _entries(section: Any) -> Iterator[Any]:
    """The entries of `deps` or `outs` that have a hash and a path, and those that a folder lists file by file."""
    for entry in section if isinstance(section, list) else ():
        if isinstance(entry, dict) and "path" in entry:
            yield from (one for one in (entry, *(entry.get("files") or ())) if isinstance(one, dict) and "md5" in one)


def checkout(data: DvcData) -> list[str]:
    """Bring the work tree to what its DVC files name, from the cache, or else from a remote; the paths that are nowhere.

    Those are outputs that were deleted and have no twin: `dvc repro` makes them again. Raises ProjectError.
    """
    from dvc.exceptions import CheckoutError

    with data.opened() as repo:
        try:
            repo.checkout()
        except CheckoutError:
            if repo.config["remote"]:
                repo.pull(allow_missing=True)
            else:
                repo.checkout(allow_missing=True)
        outs = [out for out in repo.index.outs if out.use_cache and out.hash_info]
        return sorted(str(Path(out.fs_path).relative_to(data.root)) for out in outs if not Path(out.fs_path).exists())


def share_cache(data: DvcData, folder: Path) -> None:
    """Let a linked work tree use this project's cache and remotes, through a configuration that Git never sees."""
    from dvc.repo import Repo

    with data.reading() as repo:
        cache = str(repo.cache.legacy.path)
        urls = {name: str(remote.get("url", "")) for name, remote in repo.config["remote"].items()}
    with Repo(str(folder)) as linked, linked.config.edit("local") as local:
        local.setdefault("cache", {})["dir"] = cache
        for name, url in urls.items():
            local.setdefault("remote", {}).setdefault(name, {})["url"] = url
