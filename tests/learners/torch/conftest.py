"""A registry, and a candidate for it, to see what is served."""

from __future__ import annotations

from tests.ensembles import candidate, local, models

__all__ = ["candidate", "local", "models"]
