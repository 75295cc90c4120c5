"""The watch flow of this project, for people and for `prefect deploy`."""

from unlearning.entrypoints.flows.watch import watch

__all__ = ["watch"]
