"""Prices of every installed method on a model, from its chain and its former trainings."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest
from pyarrow import parquet

from tests.small_project import SOURCE, Project, erased_person, patient
from unlearning.domain.entities import ModelRecord, ShardImpact
from unlearning.domain.errors import SettingsError, WrongUse
from unlearning.domain.planning.price import Price
from unlearning.erasure import planner, pricing
from unlearning.project import plugins
from unlearning.project.training import stages
from unlearning.project.training.registration import parent_of, record_of
from unlearning.stores.tables import tables

ONE = (ShardImpact(0, 2, 2, 1),)


def served(project: Project) -> ModelRecord:
    return record_of(project.workspace, parent_of(project.workspace))


def test_every_installed_method_has_a_price_or_a_reason_and_those_of_the_policy_come_first(project: Project) -> None:
    found = {one.method: one for one in pricing.prices(project.workspace, served(project), ONE)}
    assert list(found)[:2] == ["sisa", "retrain"]
    assert found.keys() == set(plugins.names("methods"))
    sisa, retrain = found["sisa"], found["retrain"]
    assert sisa.admissible
    assert retrain.admissible
    assert sisa.records is not None
    assert sisa.records < (retrain.records or 0)
    assert (sisa.seconds or 0) < (retrain.seconds or 0)
    for name in ("subtract", "negative_gradient"):
        assert (found[name].admissible, found[name].records, found[name].seconds) == (False, None, None)
        assert found[name].why


def test_what_fell_back_is_trained_by_whatever_comes_next(project: Project) -> None:
    parent = served(project)
    [first, *others] = parent.trained.parts
    keys = parent.chain.shards[first.shard].keys
    late = replace(parent, trained=replace(parent.trained, parts=(replace(first, key=keys[1]), *others)))
    nobody = next(one for one in pricing.prices(project.workspace, late, ()) if one.method == "sisa")
    touched = (ShardImpact(first.shard, 2, 2, 0),)
    assert nobody.records == next(one for one in pricing.prices(project.workspace, parent, touched)).records
    assert nobody.records


def test_an_answer_at_once_costs_no_record_and_is_the_policy_s_to_want(project: Project) -> None:
    def at_once() -> Price:
        return next(one for one in pricing.prices(project.workspace, served(project), ONE) if one.method == "instant")

    assert (at_once().admissible, at_once().records) == (False, 0)
    assert "policy.answer" in at_once().why
    project.configure({"policy": {"answer": "instant"}})
    assert at_once().admissible
    assert pricing.ladder(project.workspace, served(project), ONE) == ("instant", "sisa", "retrain")


def test_what_does_not_keep_the_promise_is_refused_by_it(whole_project: Project) -> None:
    whole_project.configure({"policy": {"methods": "cheapest", "guarantee": "exact"}})
    touched = (ShardImpact(0, 1, 1, 1),)
    found = {one.method: one for one in pricing.prices(whole_project.workspace, served(whole_project), touched)}
    gradient = found["negative_gradient"]
    assert not gradient.admissible
    assert "empirical" in gradient.why
    assert "exact" in gradient.why
    assert gradient.records
    assert gradient.seconds is None  # it never ran here
    assert "measured" in gradient.why
    ladder = pricing.ladder(whole_project.workspace, served(whole_project), touched)
    assert "negative_gradient" not in ladder
    assert ladder[-1] == "retrain"
    whole_project.configure({"policy": {"methods": ["negative_gradient", "retrain"]}})
    with pytest.raises(WrongUse, match="promises exact"):
        pricing.ladder(whole_project.workspace, served(whole_project), touched)
    whole_project.configure({"policy": {"methods": ["negative_gradient", "retrain"], "guarantee": "empirical"}})
    assert pricing.ladder(whole_project.workspace, served(whole_project), touched) == ("negative_gradient", "retrain")


def test_a_method_of_the_policy_that_cannot_serve_the_model_is_refused_with_those_that_can(project: Project) -> None:
    project.configure({"policy": {"methods": ["subtract", "retrain"]}})
    with pytest.raises(WrongUse, match=r"Subtractive.*can be served by .*sisa"):
        pricing.ladder(project.workspace, served(project), ONE)
    project.configure({"policy": {"methods": ["sissa"]}})
    with pytest.raises(SettingsError, match="did you mean sisa"):
        pricing.ladder(project.workspace, served(project), ONE)


def test_the_price_counts_what_came_to_the_table_since_the_version_was_trained(project: Project) -> None:
    table = tables.read(project.root / SOURCE)
    newcomers = table.slice(0, 9).set_column(
        table.column_names.index("patient"), "patient", pa.array(map(patient, range(50, 59)))
    )
    parquet.write_table(pa.concat_tables([table, newcomers]), project.root / SOURCE)
    workspace = project.workspace
    workspace.data.add([SOURCE])
    stages.prepare(workspace)
    workspace.data.adopt(["prepare"])
    workspace.data.git.commit("More people came", ["."])
    project.request(erased_person(project))
    [batch] = planner.look(project.workspace).batches
    parent = served(project)
    [only] = pricing.prices(project.workspace, parent, ONE)[:1]
    project.erase()
    second = served(project)
    assert sum(map(sum, (one.rows for one in second.chain.shards))) > sum(map(sum, (one.rows for one in parent.chain.shards)))
    assert batch.now.records == sum(part.rows_trained for part in second.trained.parts)
    assert batch.now.records > (only.records or 0)


def test_a_method_that_is_not_tried_says_why(project: Project) -> None:
    found = {one.method: one for one in pricing.prices(project.workspace, served(project), ONE)}
    assert all("not tried" not in found[name].why for name in ("sisa", "retrain"))
    project.configure({"policy": {"methods": ["retrain"]}})
    [sisa] = [one for one in pricing.prices(project.workspace, served(project), ONE) if one.method == "sisa"]
    assert "policy.methods does not list it" in sisa.why
    most = tuple(ShardImpact(shard, 1, 2, 10) for shard in range(4))
    [sisa] = [one for one in pricing.prices(project.workspace, served(project), most) if one.method == "sisa"]
    assert "most of the records are to go" in sisa.why


def test_a_further_heuristic_erasure_says_that_it_would_add_up(whole_project: Project) -> None:
    touched, parent = (ShardImpact(0, 1, 1, 1),), served(whole_project)

    def of(one: ModelRecord) -> str:
        return next(each.why for each in pricing.prices(whole_project.workspace, one, touched) if each.method == "finetune")

    assert "in a row" not in of(parent)
    assert "version 2 in a row" in of(replace(parent, parent=None, trained=replace(parent.trained, guarantee="empirical")))


def test_the_price_is_what_was_paid_in_records_and_tells_what_utility_a_method_cost(erased_project: Project) -> None:
    workspace = erased_project.workspace
    first, second = workspace.lineage.models("outcome", deleted=None)
    [made] = [one.fact for one in workspace.ledger.events() if type(one.fact).__name__ == "ImpactAssessed"]
    before = next(one for one in pricing.prices(workspace, first, made.impact.shards) if one.method == "sisa")
    assert before.records == sum(part.rows_trained for part in second.trained.parts)
    assert "utility moved by" in before.why
