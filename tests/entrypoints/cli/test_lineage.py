"""What `unlearn follow` says of a history that it cannot read whole: each gap in words, and nothing lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.entrypoints.cli.commands import unlearn
from tests.histories import History
from tests.registry import Elsewhere
from unlearning.domain.errors import WrongUse
from unlearning.entrypoints.cli.lineage import _minimum

pytestmark = pytest.mark.usefixtures("without_prefect")

PEOPLE = ("ann@zq1.example", "Ann@ZQ1.example", "bob@zq2.example")


def test_whatever_cannot_be_read_is_a_gap_with_a_next_step_until_it_can(beginning: History, tmp_path: Path) -> None:
    history = beginning.copy(tmp_path / "project")
    elsewhere = Elsewhere.at(history.workspace.models.uri, tmp_path)
    spelled = history.table("data/spelled.csv", PEOPLE)
    renamed = history.table("data/people.csv", ["bob@zq2.example"])
    history.commit()
    other = history.table("data/people.csv", ["bob@zq2.example", "cleo@zq3.example"], column="member")
    broken = history.table("data/broken.csv", [])
    (history.root / "data/broken.csv").write_text('patient,x\n"bob@zq2.example,1\n')
    history.repository.add(["data/broken.csv"])
    broken = history.tracked("data/broken.csv")
    gone = history.table("data/gone.csv", ["bob@zq2.example"])
    history.commit()
    for name, content in (("spelled", spelled), ("old", renamed), ("new", other), ("broken", broken), ("gone", gone)):
        elsewhere.train(name, data=[content])
    history.repository.push(["data/spelled.csv"])
    history.lose(gone)
    (history.root / ".dvc-remote").rename(history.root / ".away")
    settings = history.root / "params.yaml"
    settings.write_text(settings.read_text().replace("unlearning:\n", "unlearning:\n  subject: {identifier: email}\n"))

    said = unlearn(history.root, "follow", "--json")

    assert said.code == 0, said.said
    found = {gap["what"].split()[1]: gap["why"] for gap in said.document["gaps"]}
    assert found.keys() == {one.name for one in (spelled, renamed, other, broken, gone)}
    assert "needs review" in found[spelled.name]
    assert "no known person column" in found[other.name]
    assert "cannot be read" in found[broken.name]
    assert "it fed gone/1" in found[gone.name]
    assert all(gap["how_to_close"] for gap in said.document["gaps"])
    assert not [one for one in (*PEOPLE, "cleo@zq3.example") if one in said.said]

    elsewhere.client.delete_model_version("old", "1")
    (history.root / ".away").rename(history.root / ".dvc-remote")
    history.table("data/gone.csv", ["bob@zq2.example"])
    again = unlearn(history.root, "follow", "--subject-column", "data/people.csv:member", "--json")

    assert {gap["what"].split()[1] for gap in again.document["gaps"]} == {spelled.name, broken.name}
    kept = unlearn(history.root, "lineage", "old/1", "--json").document
    assert [node["label"] for node in kept["nodes"] if node["kind"] == "model"] == ["old/1"]
    assert "deleted" in str(kept["nodes"])


@pytest.mark.parametrize("given", ["auc", "=0.7", "auc=", "auc=much", "auc=nan", "auc=inf"])
def test_what_is_no_metric_with_a_value_is_named_with_an_example(given: str) -> None:
    with pytest.raises(WrongUse, match=r"is no METRIC=VALUE; expected for example auc=0\.7"):
        _minimum([given])


def test_a_minimum_is_a_number_by_the_name_of_its_metric_whatever_signs_that_has() -> None:
    assert _minimum(["auc=0.7", "a=b=-1", "auc=0.8"]) == {"auc": 0.8, "a=b": -1.0}
    assert _minimum([]) == {}


def test_an_edge_is_said_by_a_command_of_its_own_and_anything_else_is_asked_about(beginning: History, tmp_path: Path) -> None:
    root = beginning.copy(tmp_path / "project").root
    said = unlearn(root, "lineage", "add-edge", "--help")
    assert "add-edge" in said.out.splitlines()[0]
    assert "--kind" in said.out
    asked = unlearn(root, "lineage", "add-edge/1", "--json")
    assert asked.code == 2
    assert "add-edge/1" in asked.document["message"]
