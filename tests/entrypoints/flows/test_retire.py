"""The flow takes out rows by the rules of a project; without a rule, or where nothing is old, it changes nothing."""

from __future__ import annotations

from tests.entrypoints.cli.commands import unlearn
from tests.entrypoints.cli.conftest import plain_flows
from tests.small_project import SOURCE, Project
from unlearning.entrypoints.flows import retire


def test_without_a_rule_nothing_is_done_and_the_command_says_so(erased_template: Project) -> None:
    before = erased_template.kinds()
    with plain_flows():
        done = retire.retire.fn(root=str(erased_template.root))
        said = unlearn(erased_template.root, "retire")
        asked = unlearn(erased_template.root, "retire", "--dry-run", "--json").document
    assert (done.retirement_id, done.outdated) == (None, ())
    assert said.code == 0
    assert "no rule" in said.out
    assert (asked["dry_run"], asked["retirement_id"], asked["outdated"]) == (True, None, [])
    assert erased_template.kinds() == before


def test_a_rule_about_a_column_that_is_not_there_is_wrong_use(erased_project: Project) -> None:
    erased_project.configure({"retention": [{"table": SOURCE, "column": "since", "after_days": 30}]})
    said = unlearn(erased_project.root, "retire", "--dry-run")
    assert said.code != 0
    assert "no column 'since'" in said.said
