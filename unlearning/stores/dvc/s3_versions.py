"""Versions that a versioned S3 bucket keeps of what was deleted or overwritten: DVC and plain listings do not show them.

Part of the home of DVC, with `stores/py`; spoken to through the file system that DVC opened.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

PROTOCOL = "s3"


@dataclass(frozen=True)
class Version:
    """One version of one object."""

    path: str
    version_id: str
    latest: bool
    marker: bool
    """It says that the object was deleted, and holds nothing."""


def versions(files: Any, prefix: str) -> Iterator[Version]:
    """Every version of every object below a prefix, or of one path. Raises OSError."""
    bucket, _, key = prefix.partition("/")
    where: dict[str, str] = {}
    while True:
        page = files.fs.call_s3("list_object_versions", Bucket=bucket, Prefix=key, **where)
        for kind in ("Versions", "DeleteMarkers"):
            for one in page.get(kind, ()):
                yield Version(f"{bucket}/{one['Key']}", str(one["VersionId"]), bool(one["IsLatest"]), kind == "DeleteMarkers")
        if not page.get("IsTruncated"):
            return
        where = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page.get("NextVersionIdMarker", "")}


def shadows(files: Any, root: str) -> dict[str, str]:
    """Path → newest version that still has content, of everything below `root` that a listing shows as deleted."""
    found: dict[str, str] = {}
    shown: set[str] = set()
    for one in versions(files, f"{root}/"):
        if one.latest and not one.marker:
            shown.add(one.path)
        elif not one.marker:
            found.setdefault(one.path, one.version_id)
    return {path: version for path, version in found.items() if path not in shown}


def older(files: Any, root: str) -> dict[str, list[str]]:
    """Path → versions with content, of everything below `root`, that a listing does not show. Raises OSError."""
    found: dict[str, list[str]] = {}
    for one in versions(files, f"{root}/"):
        if not one.latest and not one.marker:
            found.setdefault(one.path, []).append(one.version_id)
    return found


def delete_version(files: Any, path: str, version_id: str | None) -> bool:
    """Delete one version of an object, None: the one that a listing shows. Raises OSError."""
    there = [one for one in versions(files, path) if one.path == path]
    going = [one for one in there if (one.latest and not one.marker if version_id is None else one.version_id == version_id)]
    bucket, _, key = path.partition("/")
    for one in going:
        files.fs.call_s3("delete_object", Bucket=bucket, Key=key, VersionId=one.version_id)
    files.fs.invalidate_cache(path)
    return bool(going)


def delete(files: Any, path: str) -> bool:
    """Delete every version of an object, and what says that it was deleted; True when there was content. Raises OSError."""
    bucket, _, key = path.partition("/")
    there = [one for one in versions(files, path) if one.path == path]
    for one in there:
        files.fs.call_s3("delete_object", Bucket=bucket, Key=key, VersionId=one.version_id)
    files.fs.invalidate_cache(path)
    return any(not one.marker for one in there)


def opened(files: Any, path: str, version_id: str) -> Any:
    """One version as a stream. Raises OSError."""
    fs = files.fs
    return type(fs)(**{**fs.storage_options, "version_aware": True}).open(path, "rb", version_id=version_id)
