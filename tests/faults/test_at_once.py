"""Any two commands at once on one project: no traceback, an answer from each, and an end that some order of the two has."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.entrypoints.cli.conftest import plain_flows
from tests.faults.endings import certificates
from tests.faults.processes import PATIENCE_S, started
from tests.registry import MLMODEL, Elsewhere
from tests.small_project import HOLDOUT, TABLES, Project, copy, tracked

pytestmark = pytest.mark.timeout(3600)  # many processes on a machine that may do much else: each has a bound of its own

GROUPS: tuple[dict[str, tuple[str, ...]], ...] = (
    {"watch": ("watch",), "follow": ("follow", "--all"), "prepare": ("prepare",)},
    {"erase": ("erase",), "request": ("request", "THIRD"), "init": ("init",)},
    {"train": ("train",), "purge": ("purge",), "hold": ("hold", "ASKED", "--reason", "court order 7")},
    {
        "adopt": ("adopt", "theirs/1", "--data", HOLDOUT, "--subject-column", "patient", "--policy", "none"),
        "sweep": ("sweep",),
        "twins": ("twins", "--verify"),
    },
)
"""Two groups at a time are begun at once: so any two commands meet once. One of each group is there twice."""
SELDOM = len(GROUPS) - 1
"""The group of those that write least."""
ALWAYS = ("erase", "erase", "request", "train", "purge")
"""Those that write most, in every run, and two erasures; any two of all commands meet in the campaign."""


def storm(one: int, other: int) -> Any:
    """All of two groups, and another of each that is there twice here and nowhere else."""
    first, second = GROUPS[one], GROUPS[other]
    twice = (list(first)[other - one - 1], list(second)[one - other + SELDOM])
    return pytest.param((*first, *second, *twice), marks=pytest.mark.slow, id=f"{one}+{other}")


STORMS = [
    pytest.param(ALWAYS, id="who write most"),
    *(storm(one, other) for one, other in itertools.combinations(range(len(GROUPS)), 2)),
]
WORDS = {name: words for group in GROUPS for name, words in group.items()}


@dataclass(frozen=True)
class Busy:
    """A project where much can happen, and where it ends."""

    project: Project
    """Somebody is erased, somebody else has asked, and a model that was trained elsewhere may be adopted."""
    asked: str
    third: str
    ending: dict[str, Any]
    """When the second and a third person are erased too."""


def ending(project: Project) -> dict[str, Any]:
    """What is the same in whatever order it came about."""
    return {
        "tables": {path: tracked(project.root, path) for path in TABLES},
        "dvc": [line for line in project.workspace.data.status() if "data/" in line],
        "ledger": project.workspace.ledger.verify(),
        "states": sorted(set(project.states().values())),
        "verdicts": sorted(set(certificates(project))),
        "chain": project.workspace.lineage.model("outcome", project.champion or 0).chain.keys,
    }


@pytest.fixture(scope="module")
def busy(erased_template: Project, tmp_path_factory: pytest.TempPathFactory) -> Busy:
    folder = tmp_path_factory.mktemp("busy")
    project = copy(erased_template, folder / "project")
    cells = project.cells()
    _trained_elsewhere(project, folder / "files")
    [request] = project.request(cells[1, 0][0])
    done = copy(project, folder / "done")
    done.request(cells[2, 0][0])
    done.erase()
    return Busy(project, request.request_id, cells[2, 0][0], ending(done))


def _trained_elsewhere(project: Project, files: Path) -> None:
    """A version that may be adopted: what a model is loaded as is read from its files."""
    files.mkdir()
    (files / "MLmodel").write_text(MLMODEL)
    with contextlib.chdir(project.root):  # MLflow keeps an experiment's files in the folder that it was made in
        elsewhere = Elsewhere.at(project.workspace.models.uri, files)
        run_id = elsewhere.run()
        model = elsewhere.logged(run_id)
        elsewhere.client.log_model_artifacts(model, str(files))
        elsewhere.register("theirs", model, run_id)


def unlearn(root: Path, out: Path, words: tuple[str, ...]) -> None:
    """One command, with what it said and how it ended written to a file."""
    from unlearning.entrypoints.cli import main

    said, code = io.StringIO(), 0
    with contextlib.chdir(root), plain_flows(), contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            main(list(words), prog_name="unlearn")
        except SystemExit as end:
            code = int(end.code or 0)
        except BaseException:
            code = -1
            traceback.print_exc(file=said)
    out.write_text(json.dumps([code, said.getvalue()]))


def at_once(root: Path, commands: list[tuple[str, ...]]) -> list[tuple[int, str]]:
    """The commands in processes that begin at the same moment: how each ended, and what it said."""
    outs = [root.parent / f"{number}.json" for number in range(len(commands))]
    with contextlib.ExitStack() as stack:
        running = [stack.enter_context(started(unlearn, root, out, words)) for out, words in zip(outs, commands, strict=True)]
        assert [one.ended(within_s=PATIENCE_S * len(commands)).error for one in running] == [None] * len(commands)
    return [tuple(json.loads(out.read_text())) for out in outs]


@pytest.mark.parametrize("names", STORMS)
def test_commands_that_begin_at_once_all_answer_and_end_as_in_some_order(
    names: tuple[str, ...], busy: Busy, tmp_path: Path
) -> None:
    project = copy(busy.project, tmp_path / "project")
    named = {"ASKED": busy.asked, "THIRD": busy.third}
    commands = [tuple(named.get(word, word) for word in WORDS[name]) for name in names]

    ended = at_once(project.root, commands)

    for words, (code, said) in zip(commands, ended, strict=True):
        assert code in (0, 1), (words, said)
        assert "Traceback" not in said, (words, said)
    settle = [("release", busy.asked, "--reason", "settled")] if "on_hold" in project.states().values() else []
    for words in (*settle, ("request", busy.third), ("erase",)):
        [(code, said)] = at_once(project.root, [words])
        assert code == 0, said
    assert ending(project) == busy.ending
