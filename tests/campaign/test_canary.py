"""After a whole erasure no byte that the run left names the people: files, databases, Git, archives, caches."""

import json
import os
import subprocess
import sys

import pytest

from tests.campaign.scan import scan
from tests.small_project import TRAIN, copy, erased_person


def test_nothing_that_an_erasure_left_names_the_erased(template, erased_template):
    person = erased_person(template)
    before = scan([template.root], [person])
    assert {hit.canary for hit in before} == {person}
    assert len({hit.where for hit in before}) >= 6
    assert scan([erased_template.root], [person]) == []


@pytest.fixture(scope="module")
def erased(template, tmp_path_factory):
    """A project whose erasure of three people ran as a user runs it: commands, Prefect and all, in a home of their own."""
    home = tmp_path_factory.mktemp("canary")
    project = copy(template, home / "project")
    people = project.people(TRAIN)[:3]
    environment = {**os.environ, "DVC_SITE_CACHE_DIR": str(home / "dvc"), "HOME": str(home), "TMPDIR": str(home / "tmp")}
    for name in ("PREFECT_HOME", "PREFECT_API_URL"):
        environment.pop(name, None)
    (home / "tmp").mkdir()

    def unlearn(*arguments, said=""):
        command = [
            sys.executable,
            "-c",
            "from unlearning.entrypoints.cli import main; main()",
            *arguments,
            "--root",
            str(project.root),
            "--json",
        ]
        done = subprocess.run(command, input=said, env=environment, capture_output=True, text=True, timeout=280)
        (home / f"{arguments[0]}.out").write_text(done.stdout + done.stderr)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    before = scan([home], people)
    unlearn("request", "--file", "-", said="\n".join(people))
    report = unlearn("erase")
    return home, people, before, report, unlearn("sweep", "--subject", people[0])


@pytest.mark.slow
def test_nothing_that_the_commands_of_a_user_left_names_the_erased_and_the_sweep_says_the_same(erased):
    home, people, before, report, swept = erased
    assert {hit.canary for hit in before} == set(people)
    assert scan([home], people) == []
    assert report["residuals"] == []
    assert [place for place in swept["places"] if place["outcome"] in ("residual", "unverified")] == []
