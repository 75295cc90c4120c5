"""The erase flow of this project, for people and for `prefect deploy`."""

from unlearning.entrypoints.flows.deployed import erase

__all__ = ["erase"]
