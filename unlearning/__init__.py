"""Machine unlearning as an operation: from a deletion request to a clean, promoted model version and a signed record."""

__version__ = "0.1.0"
