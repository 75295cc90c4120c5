"""What a certificate of a real erasure states besides the erasure: by whom, with what, where, and what was out of reach."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.erasure.test_batches import statement
from tests.small_project import PARAMS, TRAIN, Project
from unlearning.domain.errors import SettingsError
from unlearning.erasure import certified_facts
from unlearning.erasure.code_digest import code_digest
from unlearning.lineage import follow
from unlearning.project import settings
from unlearning.traces.out_of_reach import OUT_OF_REACH

WAREHOUSE = {"place": "data warehouse", "why": "another team runs it", "remedy": "ask them for the same erasure"}


@pytest.fixture
def declared(project: Project) -> Project:
    """A project that says which backups it has, and which system nobody here can search."""
    backups = [{"name": "nightly dump", "keeps_days": 35}, {"name": "tape"}]
    project.configure({**PARAMS, "backups": backups, "out_of_reach": [WAREHOUSE]}, base={})
    return project


def test_a_certificate_states_declared_backups_and_systems_and_what_was_there_before(declared: Project) -> None:
    person = declared.cells()[0, 1][0]
    before = {version.path: version for version in declared.workspace.lineage.data_versions()}
    declared.request(person)

    [report] = declared.erase()

    predicate = statement(declared, report["certificate"])["predicate"]
    dump, tape = predicate["backups"]
    expires = datetime.fromisoformat(dump["expiresAt"])
    assert expires - datetime.fromisoformat(predicate["issuedAt"]) == timedelta(days=35)
    assert tape == {"name": "tape", "expiresAt": "not recorded"}
    places = [one["place"] for one in predicate["scope"]["outOfReach"]]
    assert places == [*(one.place for one in OUT_OF_REACH), "data warehouse"]
    assert report["out_of_reach"][-1]["remedy"] == WAREHOUSE["remedy"]

    assert predicate["issuer"]["codeDigest"] == code_digest()
    actions = {(one["operation"], one["target"]): one["digestBefore"] for one in predicate["actions"]}
    assert actions["redacted", TRAIN] == before[TRAIN].digest
    assert actions["trained", "outcome"] == "nothing was there"
    assert len(actions["deleted", "outcome"]) == 64
    assert ("redacted", "data/holdout.parquet") not in actions

    page = (declared.root / report["certificate"]).with_suffix(".html").read_text()
    assert "nightly dump, expires" in page
    assert "data warehouse" in page


def test_a_certificate_says_how_many_known_versions_the_index_covers(project: Project) -> None:
    project.request("nobody-of-that-name")
    project.erase()
    [certificate] = project.workspace.path(".unlearning/certificates").glob("*.json")
    scope = statement(project, str(certificate.relative_to(project.root)))["predicate"]["scope"]
    assert scope["lineage"]["indexed"] == scope["lineage"]["known"]
    assert scope["gaps"] == [certified_facts.NEVER_FOLLOWED]

    follow.follow(project.workspace)
    project.request("somebody-else")
    project.erase()
    [later] = set(project.workspace.path(".unlearning/certificates").glob("*.json")) - {certificate}
    scope = statement(project, str(later.relative_to(project.root)))["predicate"]["scope"]
    assert certified_facts.NEVER_FOLLOWED not in scope["gaps"]
    assert scope["lineage"]["known"] >= scope["lineage"]["indexed"] > 0


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"backups": [{"name": "dump", "keeps_days": -1}]}, r"unlearning\.backups\.0\.keeps_days"),
        ({"backups": [{"named": "dump"}]}, r"unlearning\.backups\.0\.name"),
        ({"out_of_reach": [{"place": "warehouse"}]}, r"unlearning\.out_of_reach\.0\.why"),
    ],
)
def test_a_wrong_declaration_is_named(project: Project, wrong: dict[str, object], named: str) -> None:
    project.configure({**PARAMS, **wrong}, base={})
    with pytest.raises(SettingsError, match=named):
        settings.load(project.root)
