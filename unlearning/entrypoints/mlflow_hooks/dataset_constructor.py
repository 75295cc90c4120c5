"""`mlflow.data.load_dvc`: a DVC-tracked data version as an MLflow data set, without reading it into memory."""
# No `from __future__ import annotations` here: MLflow checks the return annotation as a class.

from mlflow.data.meta_dataset import MetaDataset


def load_dvc(path: str, rev: str | None = None, name: str | None = None, digest: str | None = None) -> MetaDataset:
    """The data set behind a path in the DVC repository, or behind a `dvc://` address; its digest is DVC's object hash."""
    from urllib.parse import quote

    from unlearning.entrypoints.mlflow_hooks.dataset_source import DVCDatasetSource

    uri = path if path.startswith("dvc://") else f"dvc://{quote(path)}" + (f"?rev={quote(rev, safe='')}" if rev else "")
    source = DVCDatasetSource._resolve(uri)
    return MetaDataset(  # type: ignore[abstract]  # MLflow inherits `profile` as abstract and never checks
        source, name=name or source.pin.path, digest=digest or source.pin.object
    )
