"""Part of step 6 for a model that was trained elsewhere: what its run says it was made from, against the clean versions."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from unlearning.domain.derivation import Edge
from unlearning.domain.entities import CheckResult
from unlearning.domain.events import ImpactAssessed
from unlearning.domain.versions import ModelVersion
from unlearning.lineage import origins, shaped
from unlearning.lineage.origins import Started
from unlearning.project.holdings import adoptions
from unlearning.stores.mlflow.models import Registered

if TYPE_CHECKING:
    from unlearning.erasure.erasure import Erasure
    from unlearning.project.workspace import Workspace

EXPECTED = "every model that it comes from named by its run, and none that erased people shaped"
SAY_SO = (
    "log it as an input of the run (`mlflow.log_inputs(models=[LoggedModelInput(model_id)])`), or tag run or version "
    "unlearning.derived_from with MODEL/VERSION, or with `nothing` where it is made from no model any more"
)


def checks(erasure: Erasure, new: Registered) -> Iterator[CheckResult]:
    """The judgement on what a new version was made from; nothing where no model is known to have been."""
    workspace, name = erasure.workspace, new.model.name
    impact = [one.model for one in erasure.done(ImpactAssessed).impact.model_versions]
    before = origins.since(adoptions(workspace)[name], impact)
    known, said = origins.parents(workspace, before), origins.started(workspace, new)
    if not known and not said.versions and not said.unregistered:
        return
    tainted = shaped.tainted(workspace, erasure.plan.tokens) | set(impact)
    wrong = sorted(str(one) for one in said.versions if one in tainted)
    wrong += sorted(f"logged model {one}" for one in _of_tainted(workspace, said, tainted))
    silent = sorted({one.name for one in known} - {one.name for one in said.versions} if not said.from_nothing else set())
    named = ", ".join(sorted(map(str, (*said.versions, *said.unregistered)))) or "no model"
    how = f"its run names {named}"
    if wrong:
        how = f"it was made from {', '.join(wrong)}, which erased people shaped"
    elif silent:
        how = f"it is known to come from {', '.join(silent)}, and its run names {named}: {SAY_SO}"
    yield CheckResult(
        name=f"{new.model}: model inputs",
        value=float(len(wrong)),
        threshold=EXPECTED,
        verdict="failed" if wrong or silent else "passed",
        how=how,
        details={"named by its run": len(said.versions) + len(said.unregistered)},
    )


def _of_tainted(workspace: Workspace, said: Started, tainted: Collection[ModelVersion]) -> Iterator[str]:
    """Logged models that nobody registered and that came out of the run of a tainted version."""
    if not said.unregistered:
        return
    runs = {one.run_id for one in workspace.models.every_version() if one.model in tainted}
    runs |= {run for model in tainted if (run := shaped.run_of(workspace, model))}
    yield from (name for name, run in said.unregistered.items() if run in runs)


def edges(workspace: Workspace, new: ModelVersion) -> list[Edge]:
    """What the lineage keeps of it: from which versions the new one was made, and how, as its model was before."""
    said = origins.started(workspace, workspace.models.version(new.name, new.version))
    known = origins.parents(workspace, [adoptions(workspace)[new.name].model])
    before = {parent.name: kind for parent, kind in known.items()}
    return [(parent, new, before.get(parent.name, kind)) for parent, kind in said.versions.items()]
