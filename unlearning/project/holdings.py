"""What a project looks after: its tables, the columns that say whose rows they hold, and its registered models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from unlearning.domain.entities import Adoption
from unlearning.domain.errors import SettingsError, WrongUse
from unlearning.domain.events import ModelAdopted

if TYPE_CHECKING:
    from unlearning.project.workspace import Workspace

ALIAS = "identifier"
"""The column of the table of aliases that says whose row it is; `person` says which rows mean the same person."""


@dataclass(frozen=True)
class Holdings:
    """What a project looks after, as of one reading of its ledger: a command or step reads it once and hands it on."""

    adoptions: Mapping[str, Adoption]
    """Registered model → how it is looked after, of models that were trained elsewhere."""
    tables: Mapping[str, str]
    """Path → person column of every table that an erasure redacts: declared ones, aliases, those of adopted models."""
    own_models: tuple[str, ...] = ()
    """The models that the project trains itself."""
    usual: str | None = None
    """The column that says whose record it is where nobody said another."""
    learned: tuple[str, ...] = ()
    """Such columns of any other table, old ones included, as `unlearn follow` was told them."""

    @classmethod
    def of(cls, workspace: Workspace) -> Holdings:
        """What is looked after now; whoever adopts a model reads it anew."""
        usual, adopted, declared = workspace.person, adoptions(workspace), further(workspace) | _declared(workspace)
        if workspace.settings.subject.aliases:
            declared[workspace.settings.subject.aliases] = ALIAS
        return cls(
            adoptions=adopted,
            tables={path: column for each in adopted.values() for path, column in each.tables} | declared,
            own_models=tuple(own.model for own in workspace.settings.owns),
            usual=usual,
            learned=tuple(dict.fromkeys(name for names in workspace.followed.columns().values() for name in names)),
        )

    @property
    def models(self) -> tuple[str, ...]:
        """Every registered model that erasures make a clean version of: the project's own first, then adopted ones."""
        return (*self.own_models, *self.adoptions)

    def person_in(self, path: str) -> str:
        """The column that says whose record it is, in a table. Raises WrongUse as `people_columns` does."""
        return self.tables.get(path) or self.people_columns[0]

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Every such column, the usual one first; empty where nobody has named one."""
        usual = [self.usual] if self.usual else []
        return tuple(dict.fromkeys((*usual, *self.tables.values(), *self.learned)))

    @property
    def people_columns(self) -> tuple[str, ...]:
        """The same: what to look for in a file whose table nobody knows.

        Raises WrongUse where nobody has named one: a search would find nothing and prove nothing.
        """
        if not self.columns:
            raise WrongUse(
                "no column is known that says whose record it is: adopt a model with `unlearn adopt MODEL/VERSION --data PATH "
                "--subject-column COLUMN`, or name the usual one as subject.column in params.yaml"
            )
        return self.columns

    def require_tables(self) -> None:
        """Raises WrongUse where no adopted model has a table here: without an own model nothing could be erased from."""
        if not any(each.tables for each in self.adoptions.values()):
            raise WrongUse(
                "nothing to erase from: this project trains no model of its own, and no model with a table that DVC tracks "
                "here is adopted; adopt the registered models first, for example "
                "`unlearn adopt fraud/3 --data data/fraud.csv --subject-column customer`"
            )


def further(workspace: Workspace) -> dict[str, str]:
    """Path → person column of tables beside those of models. Raises SettingsError for one whose column nobody says."""
    found = dict[str, str]()
    for path, said in workspace.settings.further_tables.items():
        column = said or workspace.person
        if column is None:
            raise SettingsError(
                f"further_tables names {path}, and nobody says which column names its people; write `{path}: COLUMN` there, or "
                "subject.column"
            )
        workspace.settings.subject.check_fits(column, named=f"further_tables: {path}")
        found[path] = column
    return found


def _declared(workspace: Workspace) -> dict[str, str]:
    """The tables of the own models, upstream first. Raises SettingsError where two name people in one table otherwise."""
    said = dict[str, tuple[str, str]]()
    for one in workspace.each:
        for path in one.own.data.tables:
            column, model = said.setdefault(path, (one.person_column, one.own.model))
            if column != one.person_column:
                raise SettingsError(
                    f"in {path}, {column!r} says whose record it is by the recipe of {model}, and {one.person_column!r} by "
                    f"that of {one.own.model}; a table has one such column: correct `person` in one of the recipes"
                )
    return {path: column for path, (column, _) in said.items()}


def adoptions(workspace: Workspace) -> dict[str, Adoption]:
    """The newest adoption of each registered model."""
    found = (event.fact.adoption for event in workspace.ledger.of(ModelAdopted))
    return {adoption.model.name: adoption for adoption in found}
