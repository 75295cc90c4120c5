"""The 35 places: what each is, what erases it, how that is checked, and how a find is told to belong to one."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One place where a person survives."""

    number: int
    what: str
    level: str
    erases: str
    checked: str
    declared: str = ""
    """Start of the name under which sweep or certificate say that it stays; empty where nothing may stay."""


_SCAN = "byte scan"
ROWS = (
    Row(1, "DVC work tree file", "logical", "redaction: the table without the rows, as a new version", _SCAN),
    Row(2, "DVC cache: old versions, stage outputs", "physical", "each object that holds them, at any revision", _SCAN),
    Row(3, "`.dir` objects (file names)", "logical", "the listing and the files named after them", _SCAN),
    Row(4, "every DVC remote, older S3 versions too", "physical", "the same objects on each, every version", _SCAN),
    Row(5, "other clones and their caches", "physical", "nothing here can", "declared", "other clones"),
    Row(6, "DVC site cache", "logical", "the index is dropped; DVC makes it again", _SCAN),
    Row(7, "run cache, local and remote", "logical", "entries that name an erased object", _SCAN),
    Row(8, "Git history: small files, file names", "logical", "reported, never rewritten", "declared", "Git history"),
    Row(9, "old revisions", "logical", "a twin of each, without them", "old commit checked out"),
    Row(10, "run parameters, tags, metrics, name", "logical", "rows in MLflow's database, or its API", _SCAN),
    Row(11, "run artifacts", "logical", "tables without the rows; other files", _SCAN),
    Row(12, "logged-model files: input examples", "logical", "the example files", _SCAN),
    Row(13, "`logged_model_params` rows", "logical", "the rows", _SCAN),
    Row(14, "registered version", "model", "aliases, tags, version, logged model, run", "it no longer loads; byte scan"),
    Row(15, "tags of a model version", "logical", "tags before the version", _SCAN),
    Row(16, "`datasets` rows", "logical", "the rows and their edges", _SCAN),
    Row(17, "traces", "logical", "the whole trace, and its files", _SCAN),
    Row(18, "evaluation data set records", "logical", "the records", _SCAN),
    Row(19, "per-example tables, SHAP values", "logical", "as 11", _SCAN),
    Row(20, "Prefect parameters of other flows", "logical", "their owner", "declared", "other flows and experiments"),
    Row(21, "Prefect states, exception text, events", "logical", "their owner", "declared", "other flows and experiments"),
    Row(22, "Prefect logs, artifacts", "logical", "their owner", "declared", "other flows and experiments"),
    Row(23, "Prefect results of other flows", "physical", "their owner", "declared", "other flows and experiments"),
    Row(24, "free pages and write-ahead logs", "physical", "zeroed, given back, log emptied", _SCAN),
    Row(25, "GX validation results", "logical", "results that name them", _SCAN),
    Row(26, "GX Data Docs", "logical", "pages that name them", _SCAN),
    Row(27, "GX `value_set`, suites", "logical", "their owner", "declared", "Great Expectations: suites"),
    Row(28, "checkpoints", "model", "every one at or after their slice", _SCAN),
    Row(29, "models made from the model", "model", "their owner", "declared", "model versions that this project did not train"),
    Row(30, "a serving process", "model", "its reload", "declared", "models copied, exported or loaded elsewhere"),
    Row(31, "spools, here and for workers elsewhere, and drafts of killed runs", "physical", "all are swept", _SCAN),
    Row(32, "backups", "physical", "replay after a restore", "declared", "backups and snapshots"),
    Row(33, "our ledger, certificates, request bodies", "logical", "tokens only, from the start", _SCAN),
    Row(34, "the person in the next data load", "logical", "the suppression list", "the load is refused"),
    Row(35, "an alias moved back to the old version", "model", "the version is gone", "the registry refuses"),
)

_BY_FOLDER = (
    (r"^backup\.tar", 32),
    (r"^clone/", 5),
    (r"^dvc-site/", 6),
    (r"(cache|remote)/runs/", 7),
    (r"(\.dvc/cache|remote)/.*\.dir", 3),
    (r"\.dvc/cache/", 2),
    (r"^project/\.dvc-remote/|^s3-remote/", 4),
    (r"^project/gx/.*/validations/.*\.json", 25),
    (r"^project/gx/.*/data_docs/", 26),
    (r"^project/gx/", 27),
)
"""Places that a find belongs to whatever was planted there."""
_BY_KIND = (
    (r"^project/\.git/", 8),
    (r"^project/data/|^project/scans/", 1),
    (r"mlflow\.db!datasets|/datasets$", 16),
    (r"mlflow\.db|^mlflow-postgres/", 10),
    (r"mlruns/|artifacts/", 11),
    (r"^prefect/", 20),
)
"""Where the person's own identifier lies."""


def place_of(where: str, canary: str) -> int:
    """The number of the place: where it lies, or else what the canary says; 33 for a place that nobody planted."""
    if number := _first(_BY_FOLDER, where):
        return number
    if match := re.search(r":p(\d\d)$", canary):
        return int(match[1])
    return _first(_BY_KIND, where) or 33


def _first(rules: tuple[tuple[str, int], ...], where: str) -> int | None:
    return next((number for pattern, number in rules if re.search(pattern, where)), None)
