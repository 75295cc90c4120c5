"""Commands about where models come from, and who went into them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from unlearning.cli.shared import answer, open_project, person, prefect_at_home, project


@click.command()
@project
@click.option("--all", "everything", is_flag=True, help="Also index every table of every commit whose object can still be had.")
@click.option(
    "--subject-column", "columns", multiple=True, metavar="[PATH:]COLUMN", help="A column that says whose record it is; kept."
)
def follow(root: Path, as_json: bool, everything: bool, columns: Sequence[str]) -> None:
    """Find out which data versions fed which model versions, from the MLflow registry and the DVC history.

    Reads only what is new since the last time. What cannot be said is listed, with the way to close the gap.

    \b
    Example:  unlearn follow --all --json
    """
    from unlearning import following

    workspace = open_project(root)
    for column in columns:
        following.add_column(workspace, column)
    prefect_at_home(workspace)
    from flows import follow as flow

    report = flow.run(workspace, everything=everything)
    answer(as_json, report, following.lines(report))


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
@click.option("--subject", help="Ask about a person instead; `-` reads the identifier from standard input.")
@click.option(
    "--graph", type=click.Path(path_type=Path, dir_okay=False), help="Also draw it: FILE.svg, or Mermaid text in .mmd or .md."
)
def lineage(root: Path, as_json: bool, model: str | None, data: str | None, subject: str | None, graph: Path | None) -> None:
    """Show where model versions come from and what came of them: people, data versions, runs, versions, aliases.

    `unlearn lineage add-edge PARENT CHILD --kind KIND` says that one version was made from another.

    \b
    Example:  unlearn lineage diagnosis/2 --graph lineage.svg
              unlearn lineage --data data/train.parquet@v1.0
    """
    from unlearning import ancestry
    from unlearning.errors import WrongUse

    if sum(one is not None for one in (model, data, subject)) > 1:
        raise WrongUse("MODEL, --data and --subject ask different things; expected one of them")
    workspace = open_project(root)
    if subject is not None:
        found = ancestry.of_subject(workspace, person(subject))
    elif data is not None:
        found = ancestry.of_data(workspace, data)
    else:
        found = ancestry.of_model(workspace, model or workspace.settings.model)
    if graph is not None:
        ancestry.draw(found, graph)
    answer(as_json, found, ancestry.lines(found))


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
    from unlearning import following

    edge = following.add_edge(open_project(root), parent, child, kind)
    answer(as_json, edge, [f"{parent} → {child}: {kind}"])


COMMANDS = (follow, lineage)
