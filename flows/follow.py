"""The follow flow of this project, for people and for `prefect deploy`."""

from unlearning.entrypoints.flows.follow import follow

__all__ = ["follow"]
