"""The files that a table consists of: one, or the parts of a folder, in the work tree or as DVC's cache keeps them.

A folder's parts are of one kind and read in the order of their paths. Empty files (`_SUCCESS`) are markers and stay; what the
names of folders say (`region=north/`) is a column, as Hive has it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from unlearning.domain.errors import DataError, NotFound
from unlearning.stores.contents import file_digest
from unlearning.stores.tables.pieces import Aside, Rows
from unlearning.stores.tables.reading import Reading

_JSON = (".json", ".jsonl", ".ndjson")
_PLAIN = (".parquet", ".csv", ".tsv", ".feather", ".arrow", ".orc", *_JSON)
SUFFIXES = tuple(suffix + packed for suffix in _PLAIN for packed in ("", ".gz", ".bz2", ".xz", ".zst"))
"""How the name of a table ends; one that ends in JSON may be something else."""
ENDINGS = f"{', '.join(_PLAIN[:-1])} or {_PLAIN[-1]}, maybe compressed"
_NULL = "__HIVE_DEFAULT_PARTITION__"
LISTING = ".dir"
"""Suffix of the object in which DVC lists a folder."""


def files(path: Path) -> dict[str, Path]:
    """Relative path → file, sorted; of a single file its own, under no name. Raises NotFound.

    path: a file, a folder, or the listing of a folder in a cache that holds its files too.
    """
    if path.is_dir():
        return dict(sorted((file.relative_to(path).as_posix(), file) for file in path.rglob("*") if file.is_file()))
    if path.suffix == LISTING and path.is_file():
        return dict(sorted(_listed(path)))
    if not path.is_file():
        raise NotFound(f"{path} does not exist")
    return {"": path}


def is_folder(path: Path) -> bool:
    """The table has parts."""
    return path.is_dir() or (path.suffix == LISTING and path.is_file())


def parts(path: Path, *, named: str) -> dict[str, tuple[Path, str]]:
    """Relative path → (file, how messages call it) of the parts of a folder. A part's own name may be a person's.

    Raises DataError for a file that is no table, for parts of several kinds, or when there is none.
    """
    found = {name: file for name, file in files(path).items() if file.stat().st_size}
    kinds = {suffix_of(name) for name in found}
    if len(kinds) != 1 or not kinds <= set(SUFFIXES):
        strangers = sum(suffix_of(name) not in SUFFIXES for name in found)
        what = f"{strangers} files that are no tables" if strangers else "parts of several kinds" if kinds else "no part"
        raise DataError(f"{named} is a folder with {what}; expected parts that all end in one of {ENDINGS}")
    numbered = enumerate(found.items(), 1)
    return {name: (file, f"{named}, part {number} of {len(found)}{suffix_of(name)}") for number, (name, file) in numbered}


def said_by_folders(name: str) -> dict[str, str | None]:
    """Column → value, of the folders that a part lies in and that are called `column=value`."""
    pairs = (folder.split("=", 1) for folder in name.split("/")[:-1] if "=" in folder)
    return {unquote(column): None if value == _NULL else unquote(value) for column, value in pairs if column}


def suffix_of(name: str) -> str:
    """The kind of a file, in lower case; of a compressed table both: `.csv.gz`."""
    low = name.lower()
    return next((suffix for suffix in sorted(SUFFIXES, key=len, reverse=True) if low.endswith(suffix)), Path(low).suffix)


def is_table_name(path: str) -> bool:
    """A file that is called so is a table; JSON may be anything, so its name says nothing."""
    return path.lower().endswith(SUFFIXES) and not _may_be_anything(path)


def is_table(path: Path) -> bool:
    """A file, or a folder of files, that ends as tables do; of JSON, that holds rows."""
    if not path.exists():
        return False
    found = {name or path.name: file for name, file in files(path).items() if file.stat().st_size}
    kinds = {suffix_of(name) for name in found}
    if len(kinds) != 1 or not kinds <= set(SUFFIXES):
        return False
    return all(holds_rows(file) for name, file in found.items() if _may_be_anything(name))


def holds_rows(file: Path) -> bool:
    """A file begins with rows of a table."""
    with file.open("rb") as stream:
        first = next((piece for piece in Reading().open(stream)[1] if not isinstance(piece, Aside)), None)
    return isinstance(first, Rows)


def _may_be_anything(name: str) -> bool:
    return suffix_of(name).startswith(_JSON)


def put_in_place(draft: Path, out: Path, *, before: Path) -> bool:
    """Move the files of `draft` over those of `out`, one by one, where they differ; what has no draft stays as it is.

    False, and nothing is touched, when a file of `out` is neither what it was in `before` nor what it is to be: somebody else
    changed it. A move that was cut off is finished by the next one.
    """
    new, old, here = files(draft), files(before), files(out)
    if here.keys() != old.keys() or not new.keys() <= old.keys():
        return False
    if any(not _alike(here[name], old[name]) for name in here.keys() - new.keys()):
        return False
    now, wanted = ({name: file_digest(of[name]) for name in new} for of in (here, new))
    if any(now[name] != wanted[name] and now[name] != file_digest(old[name]) for name in new):
        return False
    for name, file in new.items():
        if now[name] != wanted[name]:
            file.replace(here[name])
    return True


def _alike(one: Path, other: Path) -> bool:
    """The same content; a link to a file in the cache is that file."""
    return one.samefile(other) or file_digest(one) == file_digest(other)


def listing(content: bytes) -> list[tuple[str, str]]:
    """(relative path, hash) of everything that DVC's listing of a folder names. Raises DataError for what is no such list."""
    try:
        return [(item["relpath"], item["md5"]) for item in json.loads(content)]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError("a folder's list of files cannot be read; restore or delete its .dir object") from error


def _listed(path: Path) -> Iterator[tuple[str, Path]]:
    cache = path.parent.parent
    for name, object_hash in listing(path.read_bytes()):
        yield name, cache / object_hash[:2] / object_hash[2:]
