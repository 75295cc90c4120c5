"""Where a user's Great Expectations projects keep results and pages: read from their settings, without the tool."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

SETTINGS = "great_expectations.yml"
_DEPTH = 4
_SKIPPED = frozenset({"node_modules", "mlruns", "mlartifacts"})


def projects(root: Path) -> list[Path]:
    """Folders below a project, a few levels deep, that hold the settings of one."""
    found = []
    for folder, names, files in os.walk(root):
        depth = len(Path(folder).relative_to(root).parts)
        names[:] = sorted(name for name in names if depth < _DEPTH and name not in _SKIPPED and not name.startswith("."))
        found += [Path(folder)] if SETTINGS in files else []
    return found


def results(project: Path) -> list[Path]:
    """Folders of validation results and of Data Docs on this machine; their content is made anew by every validation."""
    settings = _read(project / SETTINGS)
    backends = [*_backends(settings.get("stores"), "ValidationResultsStore"), *_backends(settings.get("data_docs_sites"), None)]
    places = [str(one["base_directory"]) for one in backends if isinstance(one.get("base_directory"), str)]
    return [folder for place in dict.fromkeys(places) if (folder := (project / place).resolve()).is_dir()]


def _backends(section: Any, kind: str | None) -> Iterator[Mapping[str, Any]]:
    for store in section.values() if isinstance(section, dict) else ():
        if isinstance(store, dict) and kind in (None, store.get("class_name")):
            backend = store.get("store_backend")
            yield backend if isinstance(backend, dict) else {}


def _read(file: Path) -> Mapping[str, Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        document = YAML(typ="safe").load(file.read_text("utf-8"))
    except (YAMLError, UnicodeDecodeError):
        return {}  # Great Expectations cannot read it either
    return document if isinstance(document, dict) else {}
