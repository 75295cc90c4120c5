"""What answers for a model of a table, or of lists: one Python file out of several, and what the recipe declares."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from unlearning.domain.protocols import Served
from unlearning.domain.tasks import FIRST
from unlearning.learners.requirements import pinned
from unlearning.learners.tabular.recipe import TableRecipe

FACTS = "ensemble.json"
_FRAME = Path(__file__).with_name("serving.py")
_LISTS = Path(__file__).with_name("list_serving.py")
_OURS = re.compile(r"^from (unlearning\.learners\.[\w.]+|__future__) import .*\n", re.MULTILINE)


def packaged(
    recipe: TableRecipe,
    kind: str,
    code: Path,
    files: Mapping[str, bytes],
    *,
    needs: Sequence[str],
    beside: Sequence[Path] = (),
    more: Mapping[str, Any] = MappingProxyType({}),
) -> Served:
    """The files, and a program that reads the table and asks the model.

    code: a file that imports `TableModel` from `unlearning.learners.tabular.serving`, makes one of it and sets it as MLflow's
    model; where it runs this package is not installed, so that file is put in place of the import. beside: files that `code`
    imports from too, likewise.
    needs: distributions besides those that reading a table takes. more: what `code` is told besides, as plain values.
    """
    said = {
        "features": list(recipe.features),
        "categories": {name: list(values) for name, values in recipe.categories.items()},
        "embeddings": dict(recipe.embeddings),
        "labels": list(recipe.labels),
        "one_hot": recipe.one_hot,
        **more,
    }
    return Served(
        kind=kind,
        code=program(_FRAME, *beside, code),
        files={FACTS: json.dumps(said, indent=1, ensure_ascii=False).encode(), **files},
        requirements=pinned("numpy", "pandas", *needs),
    )


def packaged_lists(
    names: Sequence[str],
    kind: str,
    code: Path,
    files: Mapping[str, bytes],
    *,
    needs: Sequence[str],
    beside: Sequence[Path] = (),
    more: Mapping[str, Any] = MappingProxyType({}),
) -> Served:
    """The same of a recommender. names: of the items that it may name.

    code: a file that imports `ListModel` from `unlearning.learners.tabular.list_serving`.
    """
    said = {"items": list(names), **more}
    return Served(
        kind=kind,
        code=program(_LISTS, *beside, code),
        files={FACTS: json.dumps(said, indent=1, ensure_ascii=False).encode(), **files},
        requirements=pinned("numpy", "pandas", *needs),
        question={"items": list(names[:2])},
        reply={"items": list(names[:2]), "scores": [1.0, 0.5]},
        options={"k": FIRST},
    )


def program(first: Path, *more: Path) -> str:
    """One file out of several, each without what it imports from this package: that stands above it."""
    return "\n\n\n# --- the model\n\n".join([first.read_text("utf-8").rstrip(), *map(_without_ours, more)]) + "\n"


def _without_ours(file: Path) -> str:
    return _OURS.sub("", file.read_text("utf-8")).strip()
