"""The train flow of this project, for people and for `prefect deploy`."""

from unlearning.entrypoints.flows.deployed import train

__all__ = ["train"]
