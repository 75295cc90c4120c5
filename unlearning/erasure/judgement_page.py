"""What the judge found: a page for people and a document for programs, attached to the version's run; nobody is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from unlearning.certificate.page.templating import Templates
from unlearning.checks.judge import summary
from unlearning.domain.codec import write
from unlearning.project.training.registration import record_of
from unlearning.stores import spool

if TYPE_CHECKING:
    from unlearning.domain.versions import ModelVersion
    from unlearning.erasure.judge import Judgement
    from unlearning.project.workspace import Workspace

FOLDER = "unlearning/judge"
"""Where the files of a run hold its judgements."""
TAG = "unlearning.judged"
"""Of a version: when it was last judged, on whom, and how many checks passed, failed or could not tell."""
_TEMPLATES = Path(__file__).with_name("templates")


def html(judgement: Judgement) -> str:
    """One self-contained page that loads nothing."""
    return Templates(_TEMPLATES).fill("judgement.html.jinja", one=judgement, summary=summary(judgement.checks))


def attach(workspace: Workspace, version: ModelVersion, judgement: Judgement) -> str:
    """Put page and document among the files of the version's run, and say so in a tag; the place within the run.

    Raises NotFound for a run that is gone.
    """
    name = f"{judgement.judged_at:%Y-%m-%dT%H%M%SZ}"
    with spool.spooled(workspace.path(".unlearning/tmp")) as folder:
        made = folder / "judgement"
        made.mkdir()
        (made / f"{name}.html").write_text(html(judgement), "utf-8")
        (made / f"{name}.json").write_text(json.dumps(write(judgement), indent=2), "utf-8")
        workspace.models.attach(record_of(workspace, version).run_id, made, FOLDER)
    said = f"{judgement.judged_at:%Y-%m-%d} on {judgement.whom}: {summary(judgement.checks)}"
    workspace.models.tag(version, {TAG: said})
    return f"{FOLDER}/{name}.html"
