"""Stores known again: a mark lies in each cache and remote, and beside the ledger it is kept which mark lay where.

A disk that is not mounted, an emptied bucket and a mistyped address all look like an empty store, in which nobody is found.
What was seen in use once must be the same store ever after, or it is not believed.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from unlearning.domain.errors import Damaged, Unavailable, reading
from unlearning.stores.files import replacing, taking_turns, whole

if TYPE_CHECKING:
    from unlearning.stores.dvc.objects import ObjectStore

MARK = "unlearning-store-id"
"""The file in the root of a store; DVC passes it by, because its name is no hash."""
FILE = ".unlearning/stores.json"
"""In the project: name of a store → its mark."""
UNMARKED = "in use, no mark could be left"
"""Of a store that takes no file from here, or that only DVC has used so far: it must at least not be empty."""


def remembered(root: Path) -> dict[str, str]:
    """Name → mark of every store that was seen in use. Raises Damaged."""
    try:
        with reading(FILE, "it is no JSON object of names and marks: restore it from a backup", otherwise=Damaged):
            return {str(name): str(mark) for name, mark in json.loads(whole(root / FILE)).items()}
    except FileNotFoundError:
        return {}


def note(root: Path, stores: Iterable[ObjectStore]) -> None:
    """Mark and remember stores that are in use and not remembered yet; one that does not answer is left for another time."""
    known = remembered(root)
    if strange := [store for store in stores if known.get(store.name, UNMARKED) == UNMARKED]:
        with taking_turns(root / FILE):  # of two marks the store would keep one, and the project might remember the other
            _note(root, strange)


def _note(root: Path, stores: Iterable[ObjectStore]) -> None:
    known, fresh = remembered(root), dict[str, str]()
    for store in stores:
        try:
            if known.get(store.name, UNMARKED) == UNMARKED and store.used():
                fresh[store.name] = _marked(store)
        except Unavailable:
            continue
    _remember(root, fresh)


def remember(root: Path, fresh: Mapping[str, str]) -> None:
    """Name → mark of stores that are this project's from now on; writing the same again changes nothing."""
    if not fresh.items() <= remembered(root).items():
        with taking_turns(root / FILE):
            _remember(root, fresh)


def _remember(root: Path, fresh: Mapping[str, str]) -> None:
    known = remembered(root)
    if not fresh.items() <= known.items():
        file = root / FILE
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as stream:
            stream.write(json.dumps({**known, **fresh}, indent=1, sort_keys=True).encode())


def _marked(store: ObjectStore) -> str:
    """The mark that another project left there, or a new one."""
    if (found := store.read_mark()) is not None:
        return found
    try:
        store.leave_mark(secrets.token_hex(16))
    except Unavailable:
        return UNMARKED
    return store.read_mark() or UNMARKED
