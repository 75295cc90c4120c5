"""MLflow data sources like `dvc://data/train.parquet?rev=v1`: which content, in which commit, and how to have it again."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlflow.data.dataset_source import DatasetSource

if TYPE_CHECKING:
    from unlearning.domain.versions import Pin


class DVCDatasetSource(DatasetSource):
    """A DVC-tracked file or folder at one revision."""

    def __init__(self, pin: Pin) -> None:
        self.pin = pin

    @staticmethod
    def _get_source_type() -> str:
        return "dvc"

    @staticmethod
    def _can_resolve(raw_source: Any) -> bool:
        return isinstance(raw_source, str) and raw_source.startswith("dvc://")

    @classmethod
    def _resolve(cls, raw_source: str) -> DVCDatasetSource:
        from unlearning.stores.dvc.pins import pin

        return cls(pin(raw_source))

    def load(self, dst_path: str | None = None) -> str:
        """Path of the content, as the clone around the working folder has it.

        By default in a private folder that goes with this process: in the project around the working folder, or else, where
        there is none, among the system's temporary files.
        """
        from unlearning.stores import scratch
        from unlearning.stores.dvc.pins import fetch

        return str(fetch(self.pin, Path(dst_path) if dst_path else scratch.until_the_end(Path.cwd())))

    def to_dict(self) -> dict[str, Any]:
        """Path, revision, object hash, full content digest, remote, repository, and the address that means the same again."""
        return {"uri": self.pin.uri, **asdict(self.pin)}

    @classmethod
    def from_dict(cls, source_dict: dict[Any, Any]) -> DVCDatasetSource:
        """The source that `to_dict` described."""
        from unlearning.domain.versions import Pin

        known: dict[str, Any] = {name: source_dict.get(name) for name in Pin.__dataclass_fields__}
        return cls(Pin(**known))
