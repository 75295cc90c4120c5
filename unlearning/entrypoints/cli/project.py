"""Commands about a project: set it up, run its stages, see the whole job."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from unlearning.entrypoints.cli.shared import KEYS, answer, decide, json_option, open_project, prefect_at_home, project, warn
from unlearning.entrypoints.demo.examples import DEFAULT, EXAMPLES
from unlearning.entrypoints.scaffold.recipe_texts import LEARNERS

if TYPE_CHECKING:
    from unlearning.domain.entities import CheckResult
    from unlearning.entrypoints.scaffold.former import Line
    from unlearning.project.preflight import Diagnosis
    from unlearning.project.workspace import Workspace


@click.command()
@project
@click.option("--table", help="Path of the table with the people, tracked by DVC; default: the only one there is.")
@click.option("--person", help="Its column that says whose record a row is; of two columns, `clinic/patient`.")
@click.option("--target", help="Its column that the model is to tell.")
@click.option("--model", help="Name of the registered model that the project trains; default: after the target.")
@click.option(
    "--recipe",
    "learner",
    type=click.Choice(LEARNERS),
    help="The kind of recipe that is written for it, by what trains it; default: torch.",
)
@click.option(
    "--adopt-only", is_flag=True, help="The project trains no model here: every one is made by stages of your own, and adopted."
)
@click.option("--hook", is_flag=True, help="Also a Git hook that refuses to commit tables of people; never over one of yours.")
def init(
    root: Path,
    as_json: bool,
    table: str | None,
    person: str | None,
    target: str | None,
    model: str | None,
    learner: str | None,
    adopt_only: bool,
    hook: bool,
) -> None:
    """Write what is missing in a Git and DVC repository, and mend what an earlier run wrote; what is yours stays as it is.

    On a terminal it asks for what no option says; elsewhere it takes what the table's column names suggest, and says what.

    \b
    Example:  unlearn init --table data/customers.csv --person customer_id \\
                --target churned
              unlearn init --adopt-only
    """
    from unlearning.domain.codec import write
    from unlearning.domain.errors import WrongUse
    from unlearning.entrypoints.scaffold import asking, found, scaffold
    from unlearning.project import guards
    from unlearning.stores import keys
    from unlearning.stores.dvc.repository import DvcData
    from unlearning.traces import proposals

    said = asking.Said(table=table, person=person, target=target, model=model, learner=learner)
    if adopt_only and said != asking.Said():
        raise WrongUse(
            "--model, --recipe, --table, --person and --target are of a model that the project trains, --adopt-only says "
            "that it trains none; expected one"
        )
    root = root.resolve()
    guards.before_init(root, os.environ)
    looked = found.look(DvcData(root), os.environ) if scaffold.section(root) is None else found.Looked()
    if not as_json:
        click.echo("\n".join([*looked.lines, ""]), nl=False)  # before anything is asked
    ask = _on_terminal if not as_json and sys.stdin.isatty() and sys.stdout.isatty() else asking.nobody
    named, asked = (None, None) if adopt_only else asking.answered(DvcData(root), said, ask)
    done = [
        *scaffold.init(root, model=named, asked=asked),
        *(scaffold.Done(str(file.relative_to(root)), "written") for file in keys.create(root / KEYS)),
    ]
    guards.after_init(root)
    advice = list(_hook(root, done)) if hook else []
    to_change = scaffold.to_change(root)
    todo = proposals.of_new_project(DvcData(root))
    steps = scaffold.next_steps(root)
    document = {
        "found": write(looked.models),
        "several": looked.several,
        "unseen": looked.unseen,
        "files": [{"path": one.path, "result": one.action, "note": one.note} for one in done],
        "proposed": write(asked),
        "to_change": [
            {"path": scaffold.DEPLOYMENTS, "line": line.number, "is": line.entrypoint, "should_be": line.should_be}
            for line in to_change
        ],
        "proposals": write(todo),
        "next": steps,
        "keys": KEYS,
    }
    lines = [
        *(asked.lines if asked else ()),
        *(f"{one.action:<9} {one.path}" + (f"\n          {one.note}" if one.note else "") for one in done),
        *_advice(to_change),
        *advice,
        *decide(todo),
        "next",
        *(f"  {number}. {step}" for number, step in enumerate(steps, 1)),
        f"Back up {KEYS} somewhere else: without the index key nobody can be found again, and no copy of it is in Git or DVC.",
    ]
    answer(as_json, document, lines)


def _on_terminal(question: str, among: Sequence[str], proposed: str | None) -> str | None:
    """Ask until the answer is one that may be given."""
    for one in among:
        click.echo(f"  {one}")
    kind = click.Choice(list(among)) if among else str
    answer: str = click.prompt(question, default=proposed, type=kind, show_choices=False)
    return answer or None


def _hook(root: Path, done: list[Any]) -> Iterator[str]:
    """Install it; what to do where somebody's own is in its place."""
    from unlearning.entrypoints.scaffold import hook, scaffold

    file, result = hook.install(root)
    shown = str(file.relative_to(root)) if file.is_relative_to(root) else str(file)
    done.append(scaffold.Done(shown, "kept" if result == "theirs" else result))
    if result == "theirs":
        yield f"{shown} is a hook of your own and stays as it is; add the line `{hook.line()}` to it"


def _advice(to_change: Sequence[Line]) -> Iterator[str]:
    """What to do about entrypoints that an earlier version had and this one has not."""
    from unlearning.entrypoints.scaffold.scaffold import DEPLOYMENTS

    if to_change:
        yield "These flows are part of the package now. Change by hand, then `unlearn deploy` or `prefect deploy --all`:"
    for one in to_change:
        yield f"  {DEPLOYMENTS}, line {one.number}: entrypoint: {one.entrypoint} → {one.should_be}"


of_models = click.argument("models", metavar="[MODEL]...", nargs=-1)
"""Which of the models that the project trains; all, where none is named."""


@click.command()
@of_models
@project
def prepare(root: Path, as_json: bool, models: tuple[str, ...]) -> None:
    """Split the source table into training and holdout tables by person (the DVC stage `prepare`).

    Of every model that the project trains, or of those named; tables that several share are made once.

    \b
    Example:  unlearn prepare --json | jq .dropped
    """
    from unlearning.project.training import stages
    from unlearning.stores import foreign_code

    workspace = open_project(root)
    views = {one.own.data: one for one in reversed(workspace.among(models))}.values()
    made = [foreign_code.apart(partial(stages.prepare, one), workspace.root) for one in reversed(views)]
    lines = [f"{rows['train']} training rows, {rows['holdout']} holdout rows, {rows['dropped']} dropped" for rows in made]
    answer(as_json, _all_of(workspace, made), lines)


def _all_of(workspace: Workspace, found: list[Any]) -> Any:
    """One answer where the project trains a single model, or none; a list of them where it trains several."""
    return found if workspace.settings.models else found[0]


@click.command()
@of_models
@project
def check(root: Path, as_json: bool, models: tuple[str, ...]) -> None:
    """Check training and holdout tables with Great Expectations (the DVC stage `check`); where none, those of adopted models.

    \b
    Example:  unlearn check && dvc status
    """
    from unlearning.project.training import stages
    from unlearning.stores import foreign_code

    workspace = open_project(root)
    views = workspace.among(models) if models or workspace.settings.owns else (workspace,)
    made = [foreign_code.apart(partial(stages.check, one), workspace.root) for one in views]
    lines = [f"{path}: {len(checks)} checks passed" for report in made for path, checks in report.items()]
    answer(as_json, _all_of(workspace, made), lines)


@click.command()
@of_models
@project
def train(root: Path, as_json: bool, models: tuple[str, ...]) -> None:
    """Train what is missing and register the model version with its lineage.

    Every model that the project trains, or those named.

    \b
    Example:  unlearn train --json | jq .version
    """
    from unlearning.domain.codec import write

    workspace = open_project(root)
    warn(workspace)
    views = workspace.among(models)  # said before Prefect starts, which takes seconds
    began = time.perf_counter()
    prefect_at_home(workspace)
    from unlearning.entrypoints.flows import train as flow

    reports = flow.run_each(views)
    seconds = round(time.perf_counter() - began, 3)
    lines = [
        line
        for report in reports
        for line in (f"{report.made}  alias {report.alias or 'not moved'}", *map(check_line, report.checks))
    ]
    answer(as_json, _all_of(workspace, [{**write(report), "seconds": seconds} for report in reports]), lines)
    if any(report.alias is None for report in reports):
        raise click.exceptions.Exit(1)


def check_line(check: CheckResult) -> str:
    """A check for people; one that nothing could be measured for, such as agreement with a purged version, has no value."""
    value = "not measured" if check.value is None else f"{check.value:.3f}"
    return f"  {check.name}: {check.verdict} {value}, {check.threshold}"


@click.command()
@of_models
@project
def evaluate(root: Path, as_json: bool, models: tuple[str, ...]) -> None:
    """Measure the version behind the alias on the holdout (the DVC stage `evaluate`).

    Of every model that the project trains, or of those named.

    \b
    Example:  unlearn evaluate --json | jq .accuracy
    """
    from unlearning.domain.codec import write
    from unlearning.project.training import stages
    from unlearning.stores import foreign_code

    workspace = open_project(root)
    made = [write(foreign_code.apart(partial(stages.evaluate, one), workspace.root)) for one in workspace.among(models)]
    answer(as_json, _all_of(workspace, made), [f"{key}: {value}" for report in made for key, value in report.items()])


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), default="demo", show_default=True, help="A new or empty folder.")
@click.option("--example", type=click.Choice(tuple(EXAMPLES)), default=DEFAULT, show_default=True, help="Which situation.")
@json_option
def demo(folder: Path, example: str, as_json: bool) -> None:
    """Run the whole job in a new folder: train, three people withdraw, erase, compare with a full retraining.

    \b
    Example:  unlearn demo --folder /tmp/demo
              unlearn demo --example ecommerce --folder /tmp/shop
    """
    from unlearning.entrypoints.demo import demo as demonstration

    report, besides = demonstration.run(folder.resolve(), example)
    answer(as_json, report, [])
    if not as_json:
        demonstration.show(report, besides)


@click.command()
@project
@click.option(
    "--staged", is_flag=True, help="Only what is about to be committed, as the Git hook of `unlearn init --hook` asks."
)
def doctor(root: Path, as_json: bool, staged: bool) -> None:
    """Check all that a training and an erasure need, and that Git keeps no table of people; exits 1 when something is amiss.

    `unlearn train` and `unlearn erase` ask for their part of it before they change anything. Nothing is changed here.

    \b
    Example:  unlearn doctor --json | jq '.[] | select(.passed | not)'
    """
    from unlearning.project import doctor as diagnosing

    workspace = open_project(root)
    found = diagnosing.examine_staged(workspace) if staged else [*diagnosing.examine(workspace), _prefect()]
    answer(as_json, found, [one.line for one in found])
    if not all(one.passed for one in found):
        raise click.exceptions.Exit(1)


def _prefect() -> Diagnosis:
    """Whether the server that is named answers; where none is, each command starts one of its own."""
    from unlearning.domain.errors import Unavailable
    from unlearning.entrypoints.flows import embedded
    from unlearning.project.preflight import Diagnosis

    try:
        embedded.ready()
    except Unavailable as error:
        return Diagnosis("Prefect answers", False, remedy=str(error))
    return Diagnosis("Prefect answers", True)


COMMANDS = (init, prepare, check, train, evaluate, doctor, demo)
