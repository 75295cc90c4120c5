"""Projects that erasures of models of somebody else start from."""

from __future__ import annotations

import pytest

from tests import adopted
from tests.small_project import MadeProject, Project


@pytest.fixture(scope="session")
def engineer(made_project: MadeProject) -> Project:
    """A project that trains no model of its own, and whose `churn` nobody adopted yet; to be copied, never to be changed."""
    return made_project("engineer", adopted.engineers)
