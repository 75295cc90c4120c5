"""An answer at once, and the second version that heals it: promoted, purged and certified as what they are."""

from __future__ import annotations

import json

import pytest

from tests.small_project import Project, erased_person
from unlearning.certificate import statement
from unlearning.domain.events import AliasMoved, ModelHealed, Purged
from unlearning.domain.versions import ModelVersion
from unlearning.erasure.erasure import Erasure
from unlearning.erasure.steps.heal import behind


def asked(project: Project) -> str:
    project.configure({"policy": {"answer": "instant"}})
    [one] = project.request(erased_person(project))
    return one.request_id


class Killed(BaseException):
    """The process ended."""


def test_both_versions_are_certified_as_what_they_are_and_a_killed_healing_goes_on(project: Project) -> None:
    asked(project)

    def kill(name: str) -> None:
        if "heal" in name:
            raise Killed

    with pytest.raises(Killed):
        project.erase(replay=True, before=kill)
    kinds = project.kinds()
    assert kinds.index(AliasMoved.__name__) < kinds.index(Purged.__name__)
    assert ModelHealed.__name__ not in kinds
    workspace = project.workspace
    assert workspace.models.alias("outcome", "champion") == ModelVersion("outcome", 2)  # serves without them already
    at_once = workspace.lineage.model("outcome", 2)
    assert at_once is not None
    assert sum(part.rows_trained for part in at_once.trained.parts) == 0
    [(shard, slices)] = at_once.trained.behind(at_once.chain).items()

    [done] = project.erase(replay=True)

    [model] = done["models"]
    assert (model["method"], model["replay_equal"], model["shards_retrained"]) == ("instant", True, 0)
    assert model["shards_behind"] == {str(shard): slices}
    assert model["healed"]["to"] == 3
    assert workspace.models.alias("outcome", "champion") == ModelVersion("outcome", 3)
    healed = workspace.lineage.model("outcome", 3)
    assert healed is not None
    assert healed.chain == at_once.chain
    assert not healed.trained.behind(healed.chain)
    erasure = Erasure(workspace, done["erasure_id"])
    [made] = erasure.made
    assert behind(erasure, made)
    assert made.second == ModelVersion("outcome", 3)

    envelope = statement.read(project.root.joinpath(done["certificate"]).read_bytes())
    found = statement.verify(envelope, workspace.keys.public)
    assert found.verdict == "verified", [one for one in found.recomputed if not one.agrees]
    assert "older than the data" in found.grade
    assert "outcome/3" in found.grade
    assert {"heads", "healed", "replay", "chain of keys"} <= {one.name for one in found.recomputed}
    said = found.predicate["unlearning"]
    assert said["behind"] == [{"shard": shard, "slices": slices, "of": 2}]
    assert said["healed"]["to"] == "outcome/3"
    page = project.root.joinpath(done["certificate"]).with_suffix(".html").read_text()
    assert "it fell back" in page
    assert "trained again: shard" not in page.lower()

    changed = json.loads(json.dumps(found.predicate))  # a certificate that says more than there is does not hold
    changed["unlearning"]["behind"][0]["slices"] = 2
    again = statement.verify(
        statement.sign(statement.encode({**json.loads(envelope.payload), "predicate": changed}), workspace.keys.signing),
        workspace.keys.public,
    )
    assert again.verdict == "contradictory"
