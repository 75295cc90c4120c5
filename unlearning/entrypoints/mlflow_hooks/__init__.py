"""MLflow hooks: one a file, because MLflow drops hooks that share a module (circular import while it loads)."""
