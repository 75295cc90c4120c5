"""Checks judge: one question about a candidate a file, and `verdict.py` for what their answers together forbid."""

from unlearning.checks.verdict import blocking

__all__ = ["blocking"]
