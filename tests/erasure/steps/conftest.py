"""A project whose tables are redacted for one person of the second slice of shard 0, and whose model is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.erasure.steps.begun import planned
from tests.small_project import Project, copy
from unlearning.domain.events import ErasureStarted
from unlearning.erasure.erasure import Erasure
from unlearning.erasure.record_sets import RecordSets
from unlearning.erasure.steps.redact import redact_step


@pytest.fixture(scope="session")
def redacted_template(template: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """To be copied, never to be changed."""
    project = copy(template, tmp_path_factory.mktemp("redacted") / "project")
    redact_step(planned(project, project.cells()[0, 1][0]))
    return project


@pytest.fixture
def redacted(redacted_template: Project, tmp_path: Path) -> Project:
    """A redacted project of the test's own."""
    return copy(redacted_template, tmp_path / "redacted")


@pytest.fixture
def erasure(redacted: Project) -> Erasure:
    """The erasure that redacted it."""
    [started] = [event for event in redacted.events() if isinstance(event.fact, ErasureStarted)]
    return Erasure(redacted.workspace, started.subject)


@pytest.fixture
def sets(erasure: Erasure) -> RecordSets:
    """What its steps read."""
    return RecordSets(erasure)
