"""The deployments are declared once; `prefect.yaml` and this repository's entry files say the same."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from unlearning.domain.errors import SettingsError
from unlearning.entrypoints.flows.deployments import ALL, Deployment, of_project
from unlearning.entrypoints.scaffold.scaffold import TEMPLATES

ROOT = Path(__file__).parents[3]
NAMES = {"train", "erase", "watch", "follow"}
TRAINS = "unlearning: {model: outcome, recipe: 'recipes/outcome.py:recipe'}\n"
ADOPTS = "unlearning: {model: null, recipe: null}\n"


def project(folder: Path, params: str) -> Path:
    (folder / "params.yaml").write_text(params)
    return folder


def flow(one: Deployment) -> Any:
    module, _, name = one.entrypoint.rpartition(".")
    return getattr(importlib.import_module(module), name)


def by_name(one: Deployment) -> str:
    return one.name


def test_a_project_has_no_deployment_for_what_it_does_not_do(tmp_path: Path) -> None:
    assert {one.name for one in of_project(project(tmp_path, TRAINS))} == NAMES
    assert {one.name for one in of_project(project(tmp_path, ADOPTS))} == NAMES - {"train"}
    rule = "retention: [{table: data/a.csv, column: at, after_days: 30}]"
    assert {one.name for one in of_project(project(tmp_path, TRAINS.replace("}", f", {rule}}}")))} == NAMES | {"retire"}


def test_the_settings_say_when_each_runs(tmp_path: Path) -> None:
    said = "schedules: {watch: 5 4 * * 1, follow: null}"
    found = {one.name: one.cron for one in of_project(project(tmp_path, TRAINS.replace("}", f", {said}}}")))}
    assert found == {"train": None, "erase": "0 * * * *", "watch": "5 4 * * 1", "follow": None}


@pytest.mark.parametrize("said", ["hourly", "* * * *", "0 * * * * *", "61 * * * *", "0 0 30 2 *", "", "@daily", "7"])
def test_what_is_no_schedule_is_refused(said: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"schedules.watch"):
        of_project(project(tmp_path, TRAINS.replace("}", f", schedules: {{watch: {json.dumps(said)}}}}}")))


def test_each_names_the_folder_as_it_is_called_where_the_flow_runs(tmp_path: Path) -> None:
    for folder, expected in ((None, str(tmp_path.resolve())), ("/srv/project", "/srv/project")):
        for one in of_project(project(tmp_path, TRAINS), folder=folder):
            assert one.project == expected
            assert one.trigger is None or one.trigger.parameters["root"] == expected


@pytest.mark.parametrize("one", ALL, ids=by_name)
def test_its_flow_takes_what_it_is_given(one: Deployment) -> None:
    taken = inspect.signature(flow(one).fn).parameters
    assert {"root", *(one.trigger.parameters if one.trigger else ())} <= set(taken)
    assert all(each.default is not inspect.Parameter.empty for each in taken.values())


@pytest.mark.parametrize("one", ALL, ids=by_name)
def test_prefect_yaml_declares_the_same(one: Deployment) -> None:
    declared = {each["name"]: each for each in YAML(typ="safe").load(TEMPLATES / "prefect.yaml")["deployments"]}
    said = declared[one.name]
    assert declared.keys() == NAMES | {"retire"}
    assert said["entrypoint"] == one.entrypoint
    assert [each["cron"] for each in said.get("schedules", ())] == ([one.cron] if one.cron else [])
    assert [
        (each["name"], each["expect"], each["match"]["prefect.resource.id"], each.get("parameters", {}))
        for each in said.get("triggers", ())
    ] == ([(one.trigger.name, [one.trigger.event], one.trigger.resource, one.trigger.parameters)] if one.trigger else [])


@pytest.mark.parametrize("one", ALL, ids=by_name)
def test_the_entry_file_of_this_repository_names_flow_parameters_schedule_and_event(one: Deployment) -> None:
    source = (ROOT / f"flows/{one.name}.py").read_text()
    names: dict[str, Any] = {}
    exec(compile(source, f"flows/{one.name}.py", "exec"), names)
    assert names["__all__"] == [one.name]
    assert names[one.name] is flow(one)
    assert not [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    said = names["__doc__"]
    rows = {row[1]: row[2] for row in re.finditer(r"^    (parameters|schedule|event) +(.*)$", said, re.MULTILINE)}
    assert rows["schedule"].partition(":")[0] == (one.cron or "none")
    assert rows["event"].partition(":")[0] == (one.trigger.event if one.trigger else "none")
    assert set(re.findall(r"^(?:    parameters| {13}) +(\w+):", said, re.MULTILINE)) == set(
        inspect.signature(flow(one).fn).parameters
    )
