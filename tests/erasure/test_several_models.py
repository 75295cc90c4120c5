"""Laws of several models in one project: a table is redacted once, each model has its own ladder, checks and promotion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.several_models import DOSE, OUTCOME, copy, make
from tests.small_project import TRAIN, Project, erased_person
from unlearning.certificate import envelope
from unlearning.certificate.verification import verify
from unlearning.domain.clocks import utc_now
from unlearning.domain.entities import ErasureRequest
from unlearning.domain.errors import NeedsReview, ValidationRefused
from unlearning.domain.events import CandidateTrained
from unlearning.domain.lifecycle import ERASED
from unlearning.erasure import decisions


@pytest.fixture(scope="module")
def template(tools: None, tmp_path_factory: pytest.TempPathFactory) -> Project:
    return make(tmp_path_factory.mktemp("several") / "project")


@pytest.fixture
def project(template: Project, tmp_path: Path) -> Project:
    return copy(template, tmp_path / "project")


def served(project: Project) -> dict[str, int]:
    """Model → the version behind its alias."""
    workspace = project.workspace
    found = {own.model: workspace.models.alias(own.model, own.alias) for own in workspace.settings.owns}
    return {name: version.version for name, version in found.items() if version}


def versions(project: Project) -> dict[str, list[int]]:
    workspace = project.workspace
    return {own.model: [one.model.version for one in workspace.models.versions(own.model)] for own in workspace.settings.owns}


def test_one_request_makes_every_model_again_and_one_certificate_says_so(project: Project) -> None:
    person = project.people(TRAIN)[0]
    [request] = project.request(person)
    [done] = project.erase(replay=True)
    assert served(project) == {OUTCOME: 2, DOSE: 2}
    made = {(model["name"], model["method"], model["replay_equal"]) for model in done["models"]}
    assert made == {(OUTCOME, "sisa", True), (DOSE, "subtract", True)}
    assert project.states()[request.request_id] in ("completed", "completed_with_residuals")
    assert project.kinds().count("DataRedacted") == 1
    assert versions(project) == {OUTCOME: [2], DOSE: [2]}
    assert verified(project, done["certificate"]) == {f"models:/{OUTCOME}/2", f"models:/{DOSE}/2"}
    checked = verify(envelope.read((project.root / done["certificate"]).read_bytes()), project.workspace.keys.public)
    second = done["models"][1]["name"]
    assert {f"chain of keys of {second}/2", f"heads of {second}/2", "heads"} <= {one.name for one in checked.recomputed}
    assert person not in str(checked.predicate)
    assert not project.workspace.data.status()


class Killed(BaseException):
    """The process ended."""


def test_every_model_answers_at_once_and_is_healed_after_the_purge_also_by_the_next_run(project: Project) -> None:
    settings = said(project)
    configure(
        project, {name: {**one, "policy": {**one.get("policy", {}), "answer": "instant"}} for name, one in settings.items()}
    )
    [request] = project.request(erased_person(project))  # of the last slice, so that there is one before

    def kill(name: str) -> None:
        if name.strip() == f"heal {OUTCOME}":  # the second to be healed
            raise Killed

    with pytest.raises(Killed):
        project.erase(replay=True, before=kill)
    kinds = project.kinds()
    assert kinds.count("AliasMoved") == 2
    assert max(at for at, kind in enumerate(kinds) if kind == "AliasMoved") < kinds.index("Purged") < kinds.index("ModelHealed")
    assert served(project) == {OUTCOME: 2, DOSE: 3}, "the first is healed, the other serves without them all the same"
    lineage = project.workspace.lineage
    first = {name: lineage.model(name, 2) for name in (OUTCOME, DOSE)}
    for one in first.values():
        assert one is not None
        assert sum(part.rows_trained for part in one.trained.parts) == 0, "nobody waited for a training"
        assert one.trained.behind(one.chain)

    [done] = project.erase(replay=True)

    assert served(project) == {OUTCOME: 3, DOSE: 3}
    assert project.states()[request.request_id] in ("completed", "completed_with_residuals")
    assert {(one["name"], one["method"], one["to_version"], one["healed"]["to"]) for one in done["models"]} == {
        (OUTCOME, "instant", 2, 3),
        (DOSE, "instant", 2, 3),
    }
    for name, before in first.items():
        after = lineage.model(name, 3)
        assert after is not None
        assert before is not None
        assert after.chain == before.chain
        assert not after.trained.behind(after.chain)
    both = {f"models:/{name}/{version}" for name in (OUTCOME, DOSE) for version in (2, 3)}
    assert verified(project, done["certificate"]) == both


@pytest.mark.slow
def test_a_model_that_is_refused_holds_back_nobody_and_the_next_run_is_about_it_alone(project: Project) -> None:
    settings = said(project)
    configure(project, {**settings, OUTCOME: {**settings[OUTCOME], "checks": {"drift_maximum": 0.0}}})  # which nothing passes
    person = project.people(TRAIN)[0]
    [request] = project.request(person)

    with pytest.raises(ValidationRefused, match=rf"of {OUTCOME} \(.*drift.*alias 'champion' of {OUTCOME} is where it was"):
        project.erase()

    assert served(project) == {OUTCOME: 1, DOSE: 2}
    assert person not in project.people(TRAIN)
    assert not any(one.state in ERASED for one in project.workspace.ledger.standing.requests([request.request_id]).values())
    [shown] = decisions.shown(project.workspace, [standing(project, request.request_id)], now=utc_now())
    assert shown.request.state == "failed"
    assert [one.model for one in shown.waits_for] == [OUTCOME]
    assert versions(project) == {OUTCOME: [1], DOSE: [1, 2]}, "nothing goes before every model is clean"
    trained = candidates(project)

    configure(project, {**settings, OUTCOME: {**settings[OUTCOME], "checks": {"drift_maximum": 100.0}}})
    [done] = project.erase()

    assert candidates(project)[len(trained) :] == [OUTCOME], "the other is not trained again"
    assert served(project) == {OUTCOME: 2, DOSE: 2}
    assert versions(project) == {OUTCOME: [2], DOSE: [2]}
    assert project.states()[request.request_id] in ("completed", "completed_with_residuals")
    assert {model["name"] for model in done["models"]} == {OUTCOME, DOSE}
    assert verified(project, done["certificate"]) == {f"models:/{OUTCOME}/2", f"models:/{DOSE}/2"}


def test_a_model_that_params_no_longer_names_is_never_forgotten_in_silence(project: Project) -> None:
    configure(project, {OUTCOME: said(project)[OUTCOME]})
    person = project.people(TRAIN)[0]
    [request] = project.request(person)

    with pytest.raises(NeedsReview, match=rf"{DOSE}/1 was trained here.*serves as @serving.*params.yaml names it no more"):
        project.erase()

    assert person in project.people(TRAIN), "nothing was changed"
    assert served(project) == {OUTCOME: 1}
    models = project.workspace.models
    models.withdraw_alias(DOSE, "serving")
    project.erase()
    assert project.states()[request.request_id] in ("completed", "completed_with_residuals")
    assert not project.workspace.models.versions(DOSE), "what no longer serves goes with the erasure"


@pytest.mark.slow
def test_a_model_that_was_never_trained_keeps_nobody_waiting(project: Project) -> None:
    configure(project, {**said(project), "later": said(project)[OUTCOME]})
    [request] = project.request(project.people(TRAIN)[0])
    project.erase()
    assert project.states()[request.request_id] in ("completed", "completed_with_residuals")


def said(project: Project) -> dict[str, Any]:
    """The models as params.yaml lists them."""
    found: dict[str, Any] = YAML(typ="safe").load((project.root / "params.yaml").read_text())["unlearning"]["models"]
    return found


def configure(project: Project, models: dict[str, Any]) -> None:
    """List other ones."""
    yaml, file = YAML(typ="safe"), project.root / "params.yaml"
    section = yaml.load(file.read_text())["unlearning"]
    with file.open("w") as stream:
        yaml.dump({"unlearning": {**section, "models": models}}, stream)


def standing(project: Project, request_id: str) -> ErasureRequest:
    return project.workspace.ledger.standing.requests([request_id])[request_id]


def candidates(project: Project) -> list[str]:
    """Whose candidates were trained, in order."""
    return [str(event.fact.model) for event in project.workspace.ledger.of(CandidateTrained)]


def verified(project: Project, certificate: str) -> set[str]:
    """The model versions of a certificate that is found good."""
    checked = verify(envelope.read((project.root / certificate).read_bytes()), project.workspace.keys.public)
    assert checked.verdict == "verified", [str(one) for one in checked.recomputed if not one.agrees]
    return {subject.partition(" ")[0] for subject in checked.subjects if subject.startswith("models:/")}
