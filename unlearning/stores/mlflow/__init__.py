"""Registered models, runs and artifacts: the MLflow tracking server, its database and files."""
