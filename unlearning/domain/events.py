"""The events of the ledger as values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unlearning.domain.entities import CheckResult, Impact, ShapedVersion, ShardImpact
from unlearning.domain.versions import DataVersion


def impact_from(body: Mapping[str, Any]) -> Impact:
    """The inverse of `entities.plain` for an impact."""
    kinds = {"data_versions": DataVersion, "model_versions": ShapedVersion, "shards": ShardImpact}
    nested = {name: tuple(kind(**item) for item in body[name]) for name, kind in kinds.items()}
    flat = {name: tuple(body[name]) for name in ("tokens", "not_found", "checkpoints_stale")}
    return Impact(**{**{key: value for key, value in body.items() if key != "seconds"}, **nested, **flat})


def check_from(body: Mapping[str, Any]) -> CheckResult:
    """The inverse of `entities.plain` for a check's result."""
    return CheckResult(**{key: value for key, value in body.items() if key != "passed"})
