"""Questions to the lineage in every direction, through the library and the command line."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.entrypoints.cli.commands import unlearn
from tests.entrypoints.cli.conftest import plain_flows
from tests.histories import History
from tests.registry import Elsewhere
from tests.small_project import SOURCE, TRAIN, Project
from unlearning.domain import hashing
from unlearning.domain.codec import write
from unlearning.domain.errors import NotFound, WrongUse
from unlearning.entrypoints.cli import main
from unlearning.erasure import search
from unlearning.erasure.steps import assess
from unlearning.lineage import follow, provenance

CLEAN = ("cp data/raw.csv data/clean.csv", ["data/raw.csv"], ["data/clean.csv"])
COUNT = ("cut -d, -f2 data/clean.csv > data/features.csv", ["data/clean.csv"], ["data/features.csv"])


@pytest.fixture(scope="module")
def history(beginning: History, tmp_path_factory: pytest.TempPathFactory) -> History:
    """What is asked, and never changed."""
    return lived(beginning, tmp_path_factory.mktemp("history"))


@pytest.fixture
def own_history(beginning: History, tmp_path: Path) -> History:
    """The same for a test that adds to it."""
    return lived(beginning, tmp_path)


def lived(beginning: History, tmp_path: Path) -> History:
    """ann and bob → raw → clean → features → fraud/1 → fraud-mobile/1; zed → other/1; bob is alone in an unopened table."""
    history = beginning.copy(tmp_path / "project")
    elsewhere = Elsewhere.at(history.workspace.models.uri, tmp_path)
    history.table("data/raw.csv", ["ann", "bob"])
    history.table("data/unused.csv", ["bob"])
    history.stages({"clean": CLEAN, "features": COUNT})
    history.reproduce()
    history.commit()
    history.git("tag", "v1")
    run = elsewhere.run(data=[history.tracked("data/features.csv")])
    fraud = elsewhere.register("fraud", elsewhere.logged(run), run)
    elsewhere.copy(fraud, "fraud-mobile")
    elsewhere.train("other", data=[history.table("data/other.csv", ["zed"])])
    elsewhere.client.set_registered_model_alias("fraud", "champion", "1")
    history.commit()
    follow.follow(history.workspace)
    return history


def path_of(label: str) -> str:
    """Of a data version, without what tells it from others of its path."""
    return re.sub("@[0-9a-f]{12}$", "", label)


def ids(found: provenance.Answer, kind: str) -> set[str]:
    return {path_of(node.label) for node in found.drawn.picture.nodes if node.kind == kind}


def ways(found: provenance.Answer) -> set[tuple[str, str, str]]:
    names = {node.id: path_of(node.label) for node in found.drawn.picture.nodes}
    return {(names[edge.source], names[edge.target], edge.label) for edge in found.drawn.picture.edges}


def test_from_a_person_to_everything_they_shaped(history: History) -> None:
    found = provenance.of_subject(history.workspace, "ann")
    assert ids(found, "data") == {"data/raw.csv", "data/clean.csv", "data/features.csv"}
    assert ids(found, "model") == {"fraud/1", "fraud-mobile/1"}
    assert ids(found, "alias") == {"@champion"}
    assert {("data/raw.csv", "data/clean.csv", "clean"), ("fraud/1", "fraud-mobile/1", "copied")} <= ways(found)
    assert "ann" not in json.dumps(write(found)).replace("cannot", "")


def test_what_was_never_opened_is_said_to_who_asks_about_a_person(own_history: History) -> None:
    history = own_history
    assert [gap.what for gap in provenance.of_subject(history.workspace, "bob").drawn.gaps] == ["the DVC history"]
    with plain_flows():
        assert unlearn(history.root, "follow", "--all").code == 0
    found = provenance.of_subject(history.workspace, "bob")
    assert found.drawn.gaps == []
    assert "data/unused.csv" in ids(found, "data")


def test_a_stranger_is_nowhere(history: History) -> None:
    found = provenance.of_subject(history.workspace, "eve")
    assert [node.kind for node in found.drawn.picture.nodes] == ["person"]


def test_from_a_model_back_to_the_raw_data_and_on_to_its_copies(history: History) -> None:
    found = provenance.of_model(history.workspace, "fraud/1")
    assert ids(found, "data") == {"data/raw.csv", "data/clean.csv", "data/features.csv"}
    assert ids(found, "model") == {"fraud/1", "fraud-mobile/1"}
    assert found.versions[0].aliases == ("champion",)
    copy = provenance.of_model(history.workspace, "fraud-mobile")
    assert ids(copy, "model") == {"fraud/1", "fraud-mobile/1"}
    assert copy.versions[0].derived_from == [provenance.From("fraud/1", "copied")]


@pytest.mark.parametrize("named", ["data/clean.csv@v1", "data/clean.csv"])
def test_from_a_table_in_both_directions(history: History, named: str) -> None:
    found = provenance.of_data(history.workspace, named)
    assert ids(found, "data") == {"data/raw.csv", "data/clean.csv", "data/features.csv"}
    assert ids(found, "model") == {"fraud/1", "fraud-mobile/1"}


def test_what_is_not_there_is_named(history: History) -> None:
    workspace = history.workspace
    with pytest.raises(NotFound, match="'nothing'"):
        provenance.of_model(workspace, "nothing")
    with pytest.raises(WrongUse, match="whole number"):
        provenance.of_model(workspace, "fraud/x")
    with pytest.raises(NotFound, match=r"data/none\.csv is not tracked by DVC at v1"):
        provenance.of_data(workspace, "data/none.csv@v1")
    with pytest.raises(NotFound, match=r"data/none\.csv"):
        provenance.of_data(workspace, "data/none.csv")


def test_the_command_line_draws_and_tells(history: History, tmp_path: Path) -> None:
    runner, picture = CliRunner(), tmp_path / "lineage.svg"
    asked = ["lineage", "--root", str(history.root), "--subject", "-", "--graph", str(picture)]
    told = runner.invoke(main, asked, input="ann\n")
    assert told.exit_code == 0, told.output
    assert "fraud-mobile/1" in told.output
    assert ET.fromstring(picture.read_text()).tag.endswith("svg")
    assert "ann" not in picture.read_text().replace("canno", "")
    refused = runner.invoke(main, [*asked[:-1], str(tmp_path / "lineage.png")], input="ann\n")
    assert refused.exit_code == 2
    assert runner.invoke(main, ["lineage", "--root", str(history.root), "fraud", "--data", "x"]).exit_code == 2


def test_an_edge_that_somebody_states_taints_the_child(own_history: History) -> None:
    history = own_history
    runner = CliRunner()
    stated = ["lineage", "add-edge", "fraud/1", "other/1", "--kind", "distilled", "--root", str(history.root), "--json"]
    assert json.loads(runner.invoke(main, stated).stdout) == {"parent": "fraud/1", "child": "other/1", "kind": "distilled"}
    assert ids(provenance.of_subject(history.workspace, "ann"), "model") == {"fraud/1", "fraud-mobile/1", "other/1"}
    assert runner.invoke(main, [*stated[:2], "fraud/9", *stated[3:]]).exit_code == 2
    assert runner.invoke(main, [*stated[:2], "fraud", *stated[3:]]).exit_code == 2


def test_versions_trained_here_keep_the_keys_they_always_had(project: Project) -> None:
    found = write(provenance.of_model(project.workspace, "outcome/1"))
    [version] = found["versions"]
    assert {"version", "aliases", "data_digest", "method", "guarantee", "parent", "erasure_id", "run_id", "deleted"} <= set(
        version
    )
    assert (version["method"], version["aliases"]) == ("sisa", ["champion"])
    assert [one["path"] for one in found["data_versions"]] == [TRAIN]


def test_an_own_model_leads_back_to_its_source_before_anybody_followed(project: Project) -> None:
    assert not project.workspace.followed.commits()
    found = provenance.of_model(project.workspace, "outcome/1")
    assert (SOURCE, TRAIN, "prepare") in ways(found)
    assert ids(found, "data") == {SOURCE, TRAIN}
    [line] = [one for one in provenance.lines(found.drawn) if TRAIN in one.partition("←")[0] and "←" in one]
    assert SOURCE in line.partition("←")[2]

    project.request(project.people(TRAIN)[0])
    project.erase()
    for version in ("outcome/1", "outcome/2"):
        assert (SOURCE, TRAIN, "prepare") in ways(provenance.of_model(project.workspace, version))


def test_impact_lists_children_of_tainted_versions_and_says_through_what(project: Project, tmp_path: Path) -> None:
    workspace = project.workspace
    elsewhere = Elsewhere.at(workspace.models.uri, tmp_path)
    [version] = workspace.models.versions("outcome")
    elsewhere.copy(version.model, "outcome-mobile")
    follow.follow(workspace)
    someone = hashing.token(workspace.keys.index, project.people(TRAIN)[0], "text")
    impact = assess.assess(workspace, [someone], search.search(workspace, [someone]))
    assert [(str(f"{one.name}/{one.version}"), one.via) for one in impact.model_versions] == [
        ("outcome/1", None),
        ("outcome-mobile/1", "copied from outcome/1"),
    ]
