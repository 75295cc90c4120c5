"""Commands about where models come from, and who went into them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from unlearning.entrypoints.cli.shared import answer, decide, one_person, open_project, person, prefect_at_home, project

if TYPE_CHECKING:
    from unlearning.project.workspace import Workspace


@click.command()
@project
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Also index every table of every commit whose object can still be had, and read every run behind a gap again.",
)
@click.option(
    "--subject-column", "columns", multiple=True, metavar="[PATH:]COLUMN", help="A column that says whose record it is; kept."
)
def follow(root: Path, as_json: bool, everything: bool, columns: Sequence[str]) -> None:
    """Find out which data versions fed which model versions, from the MLflow registry and the DVC history.

    Reads only what is new since the last time. What cannot be said is listed, with the way to close the gap; what people could
    say of files that nobody can read, or of columns that seem to name people, is proposed.

    \b
    Example:  unlearn follow --all --json
    """
    from unlearning.domain.codec import write
    from unlearning.lineage import follow as following
    from unlearning.traces import proposals

    workspace = open_project(root)
    _ = workspace.keys, workspace.data, workspace.person  # a round that they refuse keeps no column
    for column in columns:
        following.add_column(workspace, column)
    prefect_at_home(workspace)
    from unlearning.entrypoints.flows import follow as flow

    report = flow.run(workspace, everything=everything)
    todo = proposals.of_project(workspace)
    answer(as_json, {**write(report), "proposals": write(todo)}, [*following.lines(report), *decide(todo)])


class _WithAddEdge(click.Command):
    """`unlearn lineage add-edge …` is a command of its own; anything else after `lineage` is what is asked about."""

    @property
    def commands(self) -> dict[str, click.Command]:
        """The commands below this one, as the documentation lists them."""
        return {"add-edge": add_edge}

    def make_context(self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any) -> Any:
        """The context of the command that the arguments mean."""
        if args[:1] == ["add-edge"]:
            return add_edge.make_context(f"{info_name} add-edge", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)


@click.command(cls=_WithAddEdge)
@project
@click.argument("model", required=False, metavar="[MODEL[/VERSION]]")
@click.option("--data", metavar="PATH[@REV]", help="Ask about a table instead: what it was made from, what came of it.")
@one_person
@click.option(
    "--graph", type=click.Path(path_type=Path, dir_okay=False), help="Also draw it: FILE.svg, or Mermaid text in .mmd or .md."
)
def lineage(
    root: Path,
    as_json: bool,
    model: str | None,
    data: str | None,
    subject: str | None,
    source: str | None,
    column: str | None,
    graph: Path | None,
) -> None:
    """Show where model versions come from and what came of them: people, data versions, runs, versions, aliases.

    `unlearn lineage add-edge PARENT CHILD --kind KIND` says that one version was made from another.

    \b
    Example:  unlearn lineage diagnosis/2 --graph lineage.svg
              unlearn lineage --data data/train.parquet@v1.0
    """
    from unlearning.domain.errors import WrongUse
    from unlearning.lineage import provenance
    from unlearning.project.tables import person_columns

    about = any(one is not None for one in (subject, source, column))
    if (model is not None) + (data is not None) + about > 1:
        raise WrongUse("MODEL, --data, and --subject or --file ask different things; expected one of them")
    workspace = open_project(root)
    if about:
        identifier = person(subject, source, column, known=lambda: person_columns(workspace))
        found: Sequence[provenance.Answer] = [provenance.of_subject(workspace, identifier)]
    elif data is not None:
        found = [provenance.of_data(workspace, data)]
    else:
        found = [provenance.of_model(workspace, one) for one in ([model] if model else _owns(workspace))]
    if graph is not None:
        if len(found) > 1:
            raise WrongUse("--graph draws one model; name it, as in `unlearn lineage MODEL --graph FILE`")
        provenance.draw(found[0].drawn, graph)
    lines = [line for one in found for line in provenance.lines(one.drawn)]
    answer(as_json, found if len(found) > 1 else found[0], lines)


def _owns(workspace: Workspace) -> list[str]:
    """The models that are meant when none is named."""
    from unlearning.domain.errors import WrongUse
    from unlearning.project.holdings import adoptions

    if owns := workspace.settings.owns:
        return [own.model for own in owns]
    adopted = ", ".join(sorted(adoptions(workspace))) or "none yet"
    raise WrongUse(f"this project trains no model of its own: name one, as in `unlearn lineage MODEL` (adopted: {adopted})")


@click.command(name="add-edge")
@project
@click.argument("parent")
@click.argument("child")
@click.option(
    "--kind", required=True, type=click.Choice(["fine_tuned", "distilled", "quantised", "exported", "copied"]), help="How."
)
def add_edge(root: Path, as_json: bool, parent: str, child: str, kind: str) -> None:
    """Say that the model version CHILD was made from PARENT: from now on, who shaped the one counts for the other.

    \b
    Example:  unlearn lineage add-edge fraud/3 fraud-mobile/1 --kind quantised
    """
    from unlearning.lineage import follow as following

    edge = following.add_edge(open_project(root), parent, child, kind)
    answer(as_json, edge, [f"{parent} → {child}: {kind}"])


@click.command()
@project
@click.argument("model", metavar="MODEL/VERSION")
@click.option("--data", required=True, metavar="PATH[@REV]", help="The DVC-tracked table that trained it.")
@click.option(
    "--subject-column", "column", required=True, metavar="COLUMN", help="What says whose record it is; of two, clinic/patient."
)
@click.option(
    "--policy",
    default="retrain",
    show_default=True,
    metavar="retrain|none",
    help="How an erasure makes a clean version: with your own DVC stage, or not at all, and lists it as left.",
)
@click.option("--stage", help="The DVC stage that trains and registers it; default: the one that its run names.")
@click.option("--minimum", "minima", multiple=True, metavar="METRIC=VALUE", help="What the run of a clean version must reach.")
def adopt(
    root: Path,
    as_json: bool,
    model: str,
    data: str,
    column: str,
    policy: str,
    stage: str | None,
    minima: Sequence[str],
) -> None:
    """Look after a model version that was trained elsewhere, of any flavour: who shaped it, and how it is made again.

    From then on `unlearn impact` names it, and `unlearn erase` takes people out of its table too, runs your stage on what is
    left, and moves the aliases to the version that the stage registers. Adopting it again replaces what was said before.

    \b
    Example:  unlearn adopt churn/3 --data data/churn.csv --subject-column client
    """
    from unlearning.domain.clocks import utc_now
    from unlearning.lineage import adoption

    wish = adoption.Wish(model, data, column, policy, stage, _minimum(minima))
    told = adoption.adopt(open_project(root), wish, now=utc_now())
    answer(as_json, told, adoption.lines(told))


def _minimum(given: Sequence[str]) -> dict[str, float]:
    from unlearning.domain.errors import WrongUse

    found = {}
    for one in given:
        metric, _, value = one.rpartition("=")
        try:
            found[metric] = float(value)
        except ValueError:
            metric = ""
        if not metric or not math.isfinite(found[metric]):
            raise WrongUse(f"--minimum {one!r} is no METRIC=VALUE; expected for example auc=0.7")
    return found


COMMANDS = (follow, lineage, adopt)
