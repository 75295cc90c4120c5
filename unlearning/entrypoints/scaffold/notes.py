"""What `unlearn init` wrote, so that a later run tells its own words from somebody's: kept beside the ledger, about nobody."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from unlearning.domain.hashing import bytes_digest
from unlearning.stores.files import replacing

FILE = ".unlearning/init.json"


@dataclass(frozen=True)
class Notes:
    """Of every run so far."""

    params: Mapping[str, Any] = field(default_factory=dict)
    """Key of `params.yaml` → the value that was written."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """The `person` and the `target` that the recipe was written for."""
    recipe: str | None = None
    """Digest of the recipe that was written."""

    def said(self, key: str, value: Any) -> bool:
        """`unlearn init` wrote this value."""
        return key in self.params and self.params[key] == value

    def wrote(self, text: str | None) -> bool:
        """`unlearn init` wrote this recipe, to the last byte."""
        return text is not None and bytes_digest(text.encode()) == self.recipe


def read(root: Path) -> Notes:
    """Those of a project; none where nobody noted anything, or where they are damaged: then every word is somebody's."""
    try:
        found = json.loads((root / FILE).read_bytes())
        return Notes(dict(found["params"]), dict(found["columns"]), found["recipe"])
    except (OSError, ValueError, TypeError, KeyError):
        return Notes()


def write(root: Path, notes: Notes) -> None:
    """Keep them, before what they tell of is written: so a run that was killed half-way is known again."""
    if notes == read(root):
        return
    (root / FILE).parent.mkdir(parents=True, exist_ok=True)
    with replacing(root / FILE) as stream:
        stream.write(json.dumps(asdict(notes), indent=2, sort_keys=True).encode() + b"\n")
