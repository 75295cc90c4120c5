"""What `unlearn init` has to know before it writes: said by an option, asked on a terminal, or else as the table suggests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from unlearning.domain.errors import WrongUse
from unlearning.entrypoints.scaffold import notes, proposal, scaffold
from unlearning.entrypoints.scaffold.proposal import Proposal, Table

if TYPE_CHECKING:
    from unlearning.stores.dvc.repository import DvcData

Ask = Callable[[str, Sequence[str], str | None], str | None]
"""(question, what may be answered or nothing for anything, what is proposed) → the answer."""


@dataclass(frozen=True)
class Said:
    """What the options said."""

    table: str | None = None
    person: str | None = None
    target: str | None = None
    model: str | None = None
    learner: str | None = None


def nobody(_question: str, _among: Sequence[str], proposed: str | None) -> str | None:
    """Where nobody can be asked, the proposal is the answer."""
    return proposed


def answered(data: DvcData, said: Said, ask: Ask) -> tuple[str | None, Proposal | None]:
    """The model's name, and the project for its table; None for a table where there is none, or nothing is to change.

    Raises WrongUse where something is neither said nor plain from the table.
    """
    section = scaffold.section(data.root)
    if section is not None:
        return _again(data, said, section)
    table = _table(data, said, ask)
    if table is None:
        return said.model or ask("Name of the registered model", (), scaffold.EXAMPLE), None
    columns = [one.name for one in table.columns]
    person = said.person or ask(f"Which column of {table.path} says whose record a row is?", columns, table.person)
    proposed = table.target(person) if person else None
    target = said.target or ask("Which column is the model to tell?", [one for one in columns if one != person], proposed)
    asked = proposal.propose(table, person=person, target=target, learner=said.learner)
    return said.model or ask("Name of the registered model", (), asked.target), asked


def _table(data: DvcData, said: Said, ask: Ask) -> Table | None:
    if said.table:
        return proposal.look_at(data, said.table)
    first, made = proposal.candidates(data)
    found = [*first, *made]
    # What a stage makes of another table would hold the people again after the next `dvc repro`.
    path = ask("Which table has the people?", found, first[0] if len(first) == 1 else None) if found else None
    if path is None and (len(found) > 1 or said.person or said.target or said.learner):
        tracked = f"DVC tracks {', '.join(found)}" if found else "DVC tracks none: run `dvc add PATH` first"
        raise WrongUse(f"which table has the people? Name it with --table; {tracked}")
    return proposal.look_at(data, path) if path else None


def _again(data: DvcData, said: Said, section: dict[str, object]) -> tuple[str | None, Proposal | None]:
    """A later run: what an option says now; where a run before was killed, what it set out to write."""
    noted = notes.read(data.root)
    if section.get("models"):
        return _one_of_several(data, said)
    model = said.model or (str(section["model"]) if section.get("model", "") is not None and "model" in section else None)
    tables = section.get("data")
    recipe = str(section.get("recipe") or "").partition(":")[0]
    half_written = bool(noted.columns) and not (data.root / recipe).exists()
    if not half_written and replace(said, model=None) == Said():
        return model if "model" in section else said.model or scaffold.EXAMPLE, None
    table = proposal.look_at(data, said.table or str(tables["source"] if isinstance(tables, dict) else scaffold.SOURCE))
    named = {one.name for one in table.columns}
    before = {what: name for what, name in noted.columns.items() if what == "learner" or set(name.split("/")) <= named}
    return model, proposal.propose(
        table,
        person=said.person or before.get("person"),
        target=said.target or before.get("target"),
        learner=said.learner or before.get("learner"),
    )


def _one_of_several(data: DvcData, said: Said) -> tuple[str | None, Proposal | None]:
    """The recipe of a model that `params.yaml` lists; what it says of tables stands."""
    if said == Said():
        return scaffold.EXAMPLE, None
    settings = scaffold.several(data.root)
    own = next((one for one in settings.owns if one.model == said.model), None) if settings else None
    if own is None:
        raise WrongUse(
            "params.yaml lists several models: write the lines of another one there, as `models: {NAME: {recipe: "
            "'PATH.py:recipe'}}`, then run `unlearn init`, which writes its stages, and with --model, --recipe and --target "
            "its recipe"
        )
    if said.table not in (None, own.data.source):
        raise WrongUse(f"--table {said.table}: params.yaml says {own.data.source} of {own.model!r}; correct one of the two")
    table = proposal.look_at(data, own.data.source)
    return own.model, proposal.propose(table, person=said.person, target=said.target, learner=said.learner)
