"""An erasure on its way, as far as a test wants it."""

from __future__ import annotations

from tests.small_project import Project
from unlearning.erasure import batches
from unlearning.erasure.erasure import Erasure
from unlearning.erasure.record_sets import RecordSets
from unlearning.erasure.steps.assess import assess_step
from unlearning.erasure.steps.plan import plan_step


def begun(project: Project, *people: str) -> Erasure:
    """Requested and opened, nothing looked for yet."""
    project.request(*people)
    [erasure] = batches.batches(project.workspace, [])
    return erasure


def planned(project: Project, *people: str) -> Erasure:
    """Assessed and planned; nothing is changed yet."""
    erasure = begun(project, *people)
    sets = RecordSets(erasure)
    assess_step(erasure, sets)
    plan_step(erasure, sets)
    return erasure
