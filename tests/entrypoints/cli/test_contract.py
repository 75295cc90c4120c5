"""What other tools rely on: the JSON of every command, key by key, and help, example and `--json` of each."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from docs.generate import commands_of
from tests.entrypoints.cli.commands import Answer, unlearn
from tests.entrypoints.cli.conftest import plain_flows
from tests.small_project import TRAIN, Project, copy
from unlearning.entrypoints.cli import main
from unlearning.stores import keys

COMMANDS = {
    name: one
    for name, one in commands_of(main)
    if not isinstance(one, click.Group) or one.invoke_without_command  # what only names others answers nothing
}
PUBLIC = ".unlearning/keys/signing.pub"

# --- shapes: a type, a tuple of types, a list of one shape, or a dict of shapes: promised keys, others may come ---

TEXT, MAYBE = str, (str, type(None))
NUMBER = (int, float)

LEFT = {"place": TEXT, "level": TEXT, "outcome": TEXT, "count": (int, type(None)), "why": TEXT, "remedy": TEXT}
REQUEST = {
    "request_id": TEXT,
    "token": TEXT,
    "state": TEXT,
    "regulation": TEXT,
    "received_at": TEXT,
    "due_at": MAYBE,
    "group": TEXT,
    "erasure_id": MAYBE,
    "certificate": MAYBE,
    "nearest": (list, type(None)),
    "overdue": bool,
    "holds": list,
    "extension": (dict, type(None)),
    "residuals": [LEFT],
}
PROVED = {"path": TEXT, "digest": TEXT, "object": TEXT, "rev": MAYBE, "rows": int, "people": int}
DATA = {**PROVED, "name": TEXT}
MODEL = {"name": TEXT, "version": int, "aliases": [TEXT], "data_digest": MAYBE, "via": MAYBE}
SHARD = {"shard": int, "first_slice": int, "slices": int, "records": int}
PLACE = {"place": TEXT, "level": TEXT, "outcome": TEXT, "how": TEXT, "count": (int, type(None)), "searched": int}
CHECK = {
    "name": TEXT,
    "value": (int, float, type(None)),
    "threshold": TEXT,
    "verdict": TEXT,
    "passed": bool,
    "how": TEXT,
    "details": dict,
}
GRAPH = {
    "title": TEXT,
    "nodes": [{"id": TEXT, "kind": TEXT, "label": TEXT, "detail": TEXT, "gone": bool}],
    "edges": [{"source": TEXT, "target": TEXT, "label": TEXT}],
    "gaps": list,
}
VERIFIED = {
    "signature": TEXT,
    "signers": [TEXT],
    "claimed_keyids": [TEXT],
    "grade": TEXT,
    "verdict": TEXT,
    "subjects": [TEXT],
    "predicate": dict,
    "recomputed": [{"name": TEXT, "agrees": bool, "how": TEXT}],
    "not_recomputed": [TEXT],
}

SHAPES: Mapping[str, Any] = {
    "request": [REQUEST],
    "status": [REQUEST],
    "status of one": REQUEST,
    "answer": {
        "request_id": TEXT,
        "state": TEXT,
        "regulation": TEXT,
        "received_at": TEXT,
        "due_at": TEXT,
        "reference": MAYBE,
        "channel": MAYBE,
        "house": {"name": TEXT, "contact": MAYBE, "complaints": MAYBE},
        "answered_at": TEXT,
        "ended_at": TEXT,
        "title": TEXT,
        "summary": [TEXT],
        "deadline": [TEXT],
        "tables": [TEXT],
        "models": [TEXT],
        "perhaps": [TEXT],
        "held": TEXT,
        "done": [{"at": TEXT, "what": TEXT}],
        "stays": [{"kind": TEXT, "what": TEXT, "why": TEXT, "until": MAYBE}],
        "recipients": [dict],
        "complaints": [TEXT],
    },
    "impact": {
        "records": int,
        "tokens": [TEXT],
        "not_found": [TEXT],
        "data_versions": [DATA],
        "model_versions": [MODEL],
        "shards": [SHARD],
        "shards_touched": int,
        "shards_total": int,
        "slices": dict,
        "slices_total": int,
        "checkpoints_stale": int,
        "estimated_seconds": NUMBER,
        "method": TEXT,
        "nearest": dict,
    },
    "plan": {
        "digest": MAYBE,
        "batches": [
            {
                "digest": TEXT,
                "erasure_id": TEXT,
                "begun": bool,
                "requests": [TEXT],
                "people": int,
                "records": int,
                "tables": [TEXT],
                "methods": dict,
                "adopted": [TEXT],
                "now": {"records": NUMBER, "seconds": (int, float, type(None))},
                "latest_start": MAYBE,
                "waiting": (dict, type(None)),
                "why": TEXT,
            }
        ],
        "methods": [
            {
                "model": TEXT,
                "method": TEXT,
                "guarantee": TEXT,
                "seconds": (int, float, type(None)),
                "records": (int, type(None)),
                "admissible": bool,
                "why": TEXT,
            }
        ],
    },
    "erase": {
        "erasure_id": TEXT,
        "requests": [{"request_id": TEXT, "token": TEXT, "state": TEXT, "certificate": MAYBE, "nearest": (list, type(None))}],
        "impact": {
            "records": int,
            "data_versions": [DATA],
            "model_versions": [MODEL],
            "shards": [SHARD],
            "shards_total": int,
        },
        "checkpoints_stale": int,
        "models": [
            {
                "name": TEXT,
                "from_version": int,
                "to_version": int,
                "method": TEXT,
                "guarantee": TEXT,
                "unproven_in_a_row": int,
                "shards_retrained": int,
                "shards_total": int,
                "shards_dropped": [int],
                "checks": [CHECK],
                "alias": TEXT,
                "replay_equal": (bool, type(None)),
                "training_seconds": NUMBER,
                "replay": (dict, type(None)),
                "seconds": dict,
            }
        ],
        "alias": TEXT,
        "certificate": TEXT,
        "purged": [{"place": TEXT, "count": int}],
        "residuals": [LEFT],
        "out_of_reach": [LEFT],
        "seconds": dict,
    },
    "verify": VERIFIED,
    "verify a proof": {"verdict": TEXT, "kind": TEXT, "root": TEXT},
    "sweep": {"people": int, "places": [PLACE], "out_of_reach": [LEFT], "residuals": [LEFT], "clean": bool},
    "purge": {"dry_run": bool, "would_go": list, "went": list, "residuals": [LEFT], "certificates": list},
    "twins": {
        "twins": [{"old": TEXT, "new": TEXT, "path": TEXT, "digest": TEXT, "size": int, "files": (list, type(None))}],
        "signature": TEXT,
        "stale": [TEXT],
        "commits": int,
        "findings": [TEXT],
    },
    "checkout": {"rev": TEXT, "commit": TEXT, "twin": bool, "folder": TEXT, "missing": [TEXT], "stale": [TEXT]},
    "audit": {
        "intact": bool,
        "events": int,
        "head": TEXT,
        "root": TEXT,
        "notes": [TEXT],
        "unchecked": [TEXT],
        "findings": [TEXT],
    },
    "readmit": {"dry_run": bool, "requests": [TEXT], "people": int, "already": int},
    "watch": {"clean": bool, "found": list, "reversed": int, "checked": [TEXT]},
    "follow": {"model_versions": int, "data_versions": int, "new": int, "gaps": list, "seconds": NUMBER},
    "lineage": {"model": TEXT, "versions": list, "data_versions": [DATA], **GRAPH},
    "lineage of a person": {"subject": TEXT, **GRAPH},
    "lineage add-edge": {"parent": TEXT, "child": TEXT, "kind": TEXT},
    "prove": {
        "format": TEXT,
        "kind": TEXT,
        "token": TEXT,
        "root": TEXT,
        "proof": dict,
        "data_version": PROVED,
        "subject_column": TEXT,
        "identifier": TEXT,
        "key": {"id": TEXT, "origin": TEXT},
    },
    "train": {
        "model": TEXT,
        "version": int,
        "alias": MAYBE,
        "data_version": TEXT,
        "records": int,
        "people": int,
        "excluded_records": int,
        "shards": int,
        "slices": int,
        "metrics": dict,
        "checks": [CHECK],
        "cpu_seconds": NUMBER,
        "seconds": NUMBER,
    },
    "evaluate": {
        "model": TEXT,
        "version": int,
        "accuracy": NUMBER,
        "log_loss": NUMBER,
        "records": int,
        "constituents": int,
    },
    "check": dict,
    "prepare": {"train": int, "holdout": int, "dropped": int},
    "doctor": [{"check": TEXT, "passed": bool, "paths": [TEXT], "remedy": TEXT}],
    "init": {"files": [{"path": TEXT, "result": TEXT}], "to_change": list},
    "countersign": {"certificate": TEXT, "page": TEXT, "signed_by": [TEXT]},
}


def differences(value: Any, shape: Any, at: str = "") -> Iterator[str]:
    """Where a document is not of its shape."""
    if isinstance(shape, Mapping):
        if not isinstance(value, Mapping) or shape.keys() - value.keys():
            got = sorted(value) if isinstance(value, Mapping) else repr(value)
            yield f"{at or 'document'}: expected {sorted(shape)}, got {got}"
            return
        for key, inner in shape.items():
            yield from differences(value[key], inner, f"{at}.{key}")
    elif isinstance(shape, list):
        if not isinstance(value, list):
            yield f"{at}: expected a list, got {value!r}"
            return
        for number, item in enumerate(value):
            yield from differences(item, shape[0], f"{at}[{number}]")
    elif not isinstance(value, shape) or (isinstance(value, bool) and shape in (int, NUMBER)):
        yield f"{at}: expected {shape}, got {value!r}"


ELSEWHERE = {
    "tune",
    "demo",
    "approve",
    "told",
    "acknowledge",
    "hold",
    "release",
    "exempt",
    "cancel",
    "extend",
    "adopt",
    "listen",
    "deploy",
    "serve-flows",
    "confirm",
    "serve",
    "deliver",
    "retire",
    "judge",
    "replay",
    "token create",
    "token list",
    "token revoke",
    "db upgrade",
}
"""Asked elsewhere: the decisions, which answer as `status` does, in test_decisions.py; the others beside what they run."""


# --- one project, every command ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def answers(template: Project, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Answer]:
    """What each command answers with --json, in one project that somebody leaves."""
    folder = tmp_path_factory.mktemp("contract")
    project = copy(template, folder / "project")
    person, said = project.cells()[0, 1][0], dict[str, Answer]()

    def ask(name: str, *words: str, stdin: str = "") -> Any:
        said[name] = unlearn(project.root, *(words or (name,)), "--json", stdin=stdin)
        return said[name].document

    with plain_flows():
        [request] = ask("request", "request", "--file", "-", stdin=person)
        ask("impact")
        digest = ask("plan")["digest"]
        certificate = ask("erase", "erase", "--plan", digest, "--replay")["certificate"]
        ask("status")
        ask("status of one", "status", request["request_id"])
        letter = folder / "letter.html"
        ask("answer", "answer", request["request_id"], "--html", str(letter), "--pdf", str(letter.with_suffix(".pdf")))
        ask("verify", "verify", certificate, "--key", PUBLIC)
        for name in (
            "sweep",
            "purge",
            "audit",
            "watch",
            "follow",
            "lineage",
            "train",
            "check",
            "evaluate",
            "prepare",
            "init",
            "doctor",
        ):
            ask(name)
        ask("readmit", "readmit", "--request", request["request_id"], "--reason", "signed up again", "--dry-run")
        ask("twins", "twins", "--verify")
        ask("checkout", "checkout", "HEAD~1", "--into", str(folder / "before"))
        ask("lineage of a person", "lineage", "--subject", "-", stdin=person)
        ask("lineage add-edge", "lineage", "add-edge", "outcome/1", "outcome/2", "--kind", "exported")
        ask("prove", "prove", "--subject", "-", "--data", TRAIN, stdin=person)
        (folder / "proof.json").write_text(said["prove"].out)
        ask("verify a proof", "verify", "--proof", str(folder / "proof.json"), "--certificate", certificate, "--key", PUBLIC)
        keys.create(folder / "officer")
        officer = (certificate, "--key", str(folder / "officer/signing.pem"))
        ask("countersign", "countersign", *officer, "--operator", PUBLIC)
        ask("verify by the officer", "verify", certificate, "--key", str(folder / "officer/signing.pub"))
    assert not [name for name, answer in said.items() if person in answer.said]
    assert person not in letter.read_text()
    assert letter.with_suffix(".pdf").read_bytes().startswith(b"%PDF-")
    return said


@pytest.mark.parametrize("name", SHAPES)
def test_the_json_of_a_command_is_what_was_promised(answers: dict[str, Answer], name: str) -> None:
    assert answers[name].code == 0, answers[name].said
    assert not list(differences(answers[name].document, SHAPES[name]))


def test_every_command_is_asked() -> None:
    assert COMMANDS.keys() - ELSEWHERE <= SHAPES.keys()


def test_after_an_erasure_every_answer_agrees_with_the_others(answers: dict[str, Answer]) -> None:
    erased, impact = answers["erase"].document, answers["impact"].document
    [model] = erased["models"]
    assert model["replay_equal"] is True
    assert (model["from_version"], model["to_version"]) == (1, 2)
    assert model["shards_retrained"] == impact["shards_touched"] == 1
    assert erased["impact"]["records"] == impact["records"]
    assert erased["impact"]["data_versions"] == impact["data_versions"]
    assert {"redact", "unlearn", "validate", "promote", "purge", "certify"} <= erased["seconds"].keys()
    assert answers["status of one"].document == answers["status"].document[0]
    assert answers["status of one"].document["certificate"] == erased["certificate"]
    assert answers["sweep"].document["clean"]
    assert "residual" not in {place["outcome"] for place in answers["sweep"].document["places"]}
    assert len(answers["sweep"].document["out_of_reach"]) >= 3
    assert answers["watch"].document["clean"]
    assert answers["train"].document["version"] == 2


def test_a_certificate_verifies_under_each_key_that_signed_it(answers: dict[str, Answer]) -> None:
    one, other = answers["verify"].document, answers["verify by the officer"].document
    assert (one["verdict"], other["verdict"]) == ("verified", "verified")
    assert (one["claimed_keyids"], other["claimed_keyids"]) == ([], one["signers"])
    assert answers["countersign"].document["signed_by"] == [*one["signers"], *other["signers"]]
    assert all(item["agrees"] for item in other["recomputed"])
    assert other["not_recomputed"]


# --- what a person sees -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_an_example_and_json(name: str) -> None:
    command = COMMANDS[name]
    options = {one for param in command.params if isinstance(param, click.Option) for one in param.opts}
    assert "--json" in options
    help_text = command.help or ""
    assert "Example" in help_text
    assert f"unlearn {name}" in help_text
    shown = [CliRunner().invoke(main, [*name.split(), flag]) for flag in ("-h", "--help")]
    assert [one.exit_code for one in shown] == [0, 0]
    assert shown[0].stdout == shown[1].stdout  # what threads of Prefect and MLflow log meanwhile is on standard error
    undescribed = [param.name for param in command.params if isinstance(param, click.Option) and not param.help]
    assert not undescribed


def test_a_misspelt_command_is_answered_with_the_one_that_was_meant() -> None:
    answer = CliRunner().invoke(main, ["erse"])
    assert answer.exit_code == 2
    assert "erase" in answer.output


def apart(*words: str) -> subprocess.CompletedProcess[str]:
    script = "from unlearning.entrypoints.cli import main; main(prog_name='unlearn')"
    return subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, check=False, env=os.environ)


@pytest.mark.parametrize("name", COMMANDS)
def test_no_line_of_help_is_wider_than_a_terminal(name: str) -> None:
    said = CliRunner(env={"COLUMNS": "80"}).invoke(main, [*name.split(), "--help"]).stdout
    assert [line for line in said.split("\n") if len(line) > 80] == []


def test_help_takes_less_than_half_a_second_of_work() -> None:
    def work() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    took = []
    for _ in range(3):
        before = work()
        assert apart("--help").returncode == 0
        took.append(work() - before)
    assert min(took) < 0.5


def test_the_version_is_the_package_s() -> None:
    from unlearning import __version__

    assert apart("--version").stdout == f"unlearn, version {__version__}\n"


def test_an_error_of_a_process_is_one_document_and_one_line_and_exits_2(tmp_path: Path) -> None:
    done = apart("status", "--root", str(tmp_path), "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"] == "ProjectError"
    assert len(done.stderr.splitlines()) == 1
