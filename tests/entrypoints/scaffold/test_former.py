"""`prefect.yaml` of an earlier version: which file it was, and which of its lines name what is gone."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from unlearning.entrypoints.scaffold import former, scaffold

BEFORE = Path(__file__).parent / "prefect-of-before.yaml"


def test_every_former_entrypoint_has_a_flow_today() -> None:
    declared = {one["entrypoint"] for one in YAML(typ="safe").load(scaffold.TEMPLATES / "prefect.yaml")["deployments"]}
    assert set(former.ENTRYPOINTS.values()) == declared - {"unlearning.entrypoints.flows.deployed.retire"}, "which is new"


def test_a_file_is_untouched_to_the_last_byte_or_it_is_somebody_s() -> None:
    text = BEFORE.read_text()
    assert former.is_untouched(text)
    assert not former.is_untouched(text + "\n")
    assert not former.is_untouched("")


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("  entrypoint: flows.deployed.erase", True),
        ("- entrypoint: 'flows.watch.watch'  # every hour", True),
        ('  entrypoint: "flows.follow.follow"', True),
        ("  entrypoint: flows.nightly.run", False),
        ("# entrypoint: flows.deployed.erase", False),
        ("  description: entrypoint flows.deployed.erase", False),
        ("  entrypoint: unlearning.entrypoints.flows.deployed.erase", False),
    ],
)
def test_a_line_is_to_be_changed_only_where_it_names_what_is_gone(line: str, found: bool, tmp_path: Path) -> None:
    named = former.lines(tmp_path, f"deployments:\n{line}\n")
    assert [one.number for one in named] == ([2] if found else [])
    assert all(one.should_be.startswith("unlearning.") for one in named)


def test_a_module_of_the_project_s_own_is_what_its_lines_mean(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows/deployed.py").touch()
    assert {one.entrypoint for one in former.lines(tmp_path, BEFORE.read_text())} == {
        "flows.watch.watch",
        "flows.follow.follow",
    }
