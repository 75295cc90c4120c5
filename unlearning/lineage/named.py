"""A data version as answers say it."""

from __future__ import annotations

from dataclasses import dataclass, field

from unlearning.domain.codec import BESIDE
from unlearning.domain.versions import DataVersion


@dataclass(frozen=True)
class NamedData:
    """A data version, with what people call it among its keys."""

    version: DataVersion = field(metadata=BESIDE)
    name: str

    @classmethod
    def of(cls, version: DataVersion) -> NamedData:
        """That version."""
        return cls(version, version.name)
