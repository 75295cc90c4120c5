"""What a table suggests for a project: whose record a row is, what a model could learn from it, and the recipe for that.

Names of columns suggest, people decide: whatever is proposed here is said, asked on a terminal, and an option overrides it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from unlearning.domain.errors import ProjectError, WrongUse
from unlearning.domain.hashing import PART, SAID_PART, IdentifierKind
from unlearning.entrypoints.scaffold import recipe_texts
from unlearning.stores.tables import columns as table_columns
from unlearning.stores.tables import parts, tables
from unlearning.stores.tables.columns import Column, Values

if TYPE_CHECKING:
    from unlearning.stores.dvc.repository import DvcData

FEW = 20
"""A target, or a category, has at most so many values."""
_PEOPLE_A_SHARD = 25
_PERSON = re.compile(
    "(person|people|patient|customer|client|user|subject|member|account|employee|student|citizen|individual)s?"
)
_IDENTIFIER = re.compile("(id|uid|uuid|guid|no|nr|number|key|code|email|mail|phone|ssn|mrn|iban|name|address)")
_TARGET = re.compile("(target|label|outcome|class|y|churn|churned|diagnosis|default|fraud|readmitted|response|survived)")


@dataclass(frozen=True)
class Proposal:
    """A project for one table."""

    table: str
    person: str
    identifier: IdentifierKind
    target: str
    labels: Values
    """None is shared where the target is a number, to be told by a regression."""
    numbers: Sequence[str]
    categories: Mapping[str, Values]
    left_out: Mapping[str, str]
    """Column → why the model does not see it."""
    people: int
    learner: str = recipe_texts.DEFAULT
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Number column → ends between which its values lie, too coarse to be anybody's."""
    ranks: bool = False
    """The target is one of many things that people have, and the model recommends others."""

    @property
    def features(self) -> list[str]:
        """What the model sees, in the order of kinds."""
        return [*self.numbers, *self.categories]

    @property
    def shards(self) -> int:
        """So many that each constituent has people enough, and no more than the default."""
        return 1 if self.learner in recipe_texts.WITHOUT_SHARDS else shards(self.people)

    @property
    def lines(self) -> list[str]:
        """What is proposed, for people."""
        named = f"{self.table}: {self.people} people, named by {self.person} ({self.identifier})"
        if self.ranks:
            return [
                named,
                f"recommends {self.target} by {self.learner}",
                f"needs     {recipe_texts.CATALOGUE}, one item a line: your own list of what there is, not what people have",
            ]
        rarer = f"; {self.labels.rarer} rarer not declared" if self.labels.rarer else ""
        told = f"{', '.join(self.labels.shared)}{rarer}" if self.labels.shared else "a number"
        return [
            named,
            f"learns    {self.target} ({told}) by {self.learner}",
            f"from      {', '.join(self.features)}",
            *([f"not from  {', '.join(f'{name} ({why})' for name, why in self.left_out.items())}"] if self.left_out else []),
        ]


def shards(people: int) -> int:
    """So many that each has people enough, and no more than the default."""
    return max(1, min(8, people // _PEOPLE_A_SHARD))


def candidates(data: DvcData) -> tuple[list[str], list[str]]:
    """The tables that DVC tracks and that are here: those that no stage makes of others, and those that one does."""
    now = data.present()
    made = {out for each in now.made for out in each.outs if each.deps}
    found = [out for out in now.outs if (data.root / out.path).exists() and _is_table(data.root / out.path)]
    return sorted(out.path for out in found if out not in made), sorted(out.path for out in found if out in made)


def _is_table(file: Path) -> bool:
    if not file.is_dir():
        return parts.is_table_name(file.name)
    inside = [one for one in parts.files(file).values() if one.stat().st_size]
    return bool(inside) and all(parts.is_table_name(one.name) for one in inside)


@dataclass(frozen=True)
class Table:
    """A table that was looked at."""

    path: str
    file: Path
    columns: Sequence[Column]
    said: str
    """Its columns, for a message: of a CSV how many."""

    @property
    def person(self) -> str | None:
        """The column that seems to say whose record a row is; None where none does, or several."""
        able = [one.name for one in self.columns if one.kind in ("whole", "text", "email") and not one.missing]
        ranked = [(_likely(_words(name)), name) for name in able]
        best = max((rank for rank, _ in ranked), default=0)
        found = [name for rank, name in ranked if rank == best]
        return found[0] if best and len(found) == 1 else None

    def target(self, person: str) -> str | None:
        """The column that a model seems to be asked for; None where none does."""
        able = [
            one.name
            for one in self.columns
            if one.name != person and 2 <= one.distinct <= FEW and not one.missing and one.kind != "other"
        ]
        named = [name for name in able if any(map(_TARGET.fullmatch, _words(name)))]
        if named:
            return named[0] if len(named) == 1 else None
        return able[-1] if able and able[-1] == self.columns[-1].name else None


def look_at(data: DvcData, path: str) -> Table:
    """A table of the project. Raises ProjectError for one that DVC does not track, DataError for one that cannot be read."""
    file = data.root / path
    if not data.declares(path):
        there = "" if file.exists() else ", and nothing is there"
        others = ", ".join(chain(*candidates(data))) or "no table"
        raise ProjectError(
            f"{path} is not tracked by DVC{there}; run `dvc add {path}` and then again, or name another with --table: "
            f"DVC tracks {others}"
        )
    with tables.about(path):
        table = tables.read(file, named=path)
        return Table(path, file, table_columns.describe(table), tables.said_columns(table))


def propose(table: Table, *, person: str | None, target: str | None, learner: str | None = None) -> Proposal:
    """The project for a table. Raises WrongUse where a column is not said and not plain, or cannot be what it is said to be."""
    person = person or table.person
    if person is None:
        raise WrongUse(f"which column of {table.path} says whose record it is? Name it with --person; it has {table.said}")
    named = {one.name: one for one in table.columns}
    target = target or table.target(person)
    if target is None:
        raise WrongUse(
            f"which column of {table.path} is the model to tell? Name it with --target, of at most {FEW} values or numbers; "
            f"it has {table.said}. A model that your own code trains needs none: `unlearn init --adopt-only`"
        )
    for option, name in (("--person", person), ("--target", target)):
        if absent := [one for one in tables.columns_of(person if option == "--person" else name) if one not in named]:
            raise WrongUse(f"{option} {name!r}: {table.path} has no column {absent[0]!r}; it has {table.said}")
    if target in tables.columns_of(person):
        raise WrongUse(f"--target {target!r} is what names the people; expected another column of {table.path}")
    with tables.about(table.path):
        return _proposal(table, named, person, target, learner)


def _proposal(table: Table, named: Mapping[str, Column], person: str, target: str, asked: str | None) -> Proposal:
    learner = asked or recipe_texts.DEFAULT
    rows = tables.read(table.file, person=person, named=table.path)
    who = tables.people(rows, person)
    said = named[target]
    kind = SAID_PART.join(
        _identifier(named[name], [str(one) for one in _part(who.values, at)])
        for at, name in enumerate(tables.columns_of(person))
    )
    if asked in recipe_texts.RECOMMENDERS and said.kind == "text" and said.distinct > FEW:
        nothing = Values((), said.distinct)
        return Proposal(table.path, person, kind, target, nothing, [], {}, {}, len(who.values), learner=learner, ranks=True)
    labels = table_columns.values(rows, target, person=person) if said.distinct <= FEW else Values((), said.distinct)
    regression = said.distinct > FEW and said.kind in ("whole", "number")
    if len(labels.shared) < 2 and not regression:
        raise WrongUse(
            f"--target {target!r} has {said.distinct} values, and {len(labels.shared)} that {table_columns.SHARED_BY} people "
            f"or more share; expected from 2 to {FEW}, or more of them that are "
            f"numbers, or with --recipe {' or '.join(recipe_texts.RECOMMENDERS)} a column of texts that says what people have"
        )
    numbers: list[str] = []
    categories: dict[str, Values] = {}
    left_out: dict[str, str] = {}
    for column in table.columns:
        if column.name in (target, *tables.columns_of(person)):
            continue
        if why := _useless(column):
            left_out[column.name] = why
        elif column.kind == "text":
            shared = table_columns.values(rows, column.name, person=person)
            if shared.shared:
                categories[column.name] = shared
            else:
                left_out[column.name] = "no value that several people share"
        else:
            numbers.append(column.name)
    if not numbers and not categories:
        raise WrongUse(f"{table.path} has no column to learn {target!r} from: {', '.join(left_out.values()) or 'no other'}")
    ranged = [*numbers, *([target] if regression else [])]
    ranges = table_columns.ranges(rows, ranged) if learner in recipe_texts.WITHOUT_SHARDS else {}
    return Proposal(
        table.path, person, kind, target, labels, numbers, categories, left_out, len(who.values), learner=learner, ranges=ranges
    )


def _part(values: Sequence[object], at: int) -> list[object]:
    """One of the columns that name a person."""
    return [value.split(PART)[at] if isinstance(value, str) and PART in value else value for value in values]


def _identifier(column: Column, values: Sequence[str]) -> IdentifierKind:
    """How a column names people; digits that begin with a 0 are text, or `0042` and `42` would be one person."""
    if column.kind == "email":
        return "email"
    return "integer" if column.kind == "whole" and all(str(int(one)) == one for one in values) else "text"


def _useless(column: Column) -> str | None:
    """Why a model is not shown a column, where one glance is enough to say so."""
    if column.kind == "other":
        return column.type
    if _IDENTIFIER.fullmatch(_words(column.name)[-1]) and column.distinct > FEW:
        return "seems to name somebody"
    if column.kind in ("text", "email") and column.distinct > FEW:
        return f"text of {column.distinct} values"
    return "one value" if column.distinct < 2 else None


def _likely(words: Sequence[str]) -> int:
    """How much a column's name speaks of whose record it is; 0 where not at all."""
    if any(map(_PERSON.fullmatch, words)):
        return 4 if any(map(_IDENTIFIER.fullmatch, words)) else 3
    return 2 if words[-1] in ("email", "mail") else int(list(words) == ["id"])


def _words(name: str) -> list[str]:
    """`customerId` and `customer_id` as the same two words."""
    return re.findall("[a-z0-9]+", re.sub("(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()) or [""]


def recipe_address(model: str) -> str:
    """Where `unlearn init` writes a model's recipe, as params.yaml says it."""
    return f"recipes/{'-'.join(re.findall(r'[a-z0-9]+', model.lower())) or 'model'}.py:recipe"


def recipe(model: str, proposal: Proposal) -> str:
    """The recipe's file."""
    categories = "".join(
        f"        {_said(name)}: {_listed(found.shared)},{_rarer(found)}\n" for name, found in proposal.categories.items()
    )
    return recipe_texts.text(proposal.learner, classifies=bool(proposal.labels.shared), ranks=proposal.ranks).format(
        title=" ".join(re.findall(r"[\w.-]+", model)) or "new",
        features="".join(f"        {_said(name)},\n" for name in proposal.features),
        categories=f"    categories={{\n{categories}    }},\n" if categories else "",
        target=_said(proposal.target),
        person=_said(proposal.person),
        labels=f"    labels={_listed(proposal.labels.shared)},{_rarer(proposal.labels)}\n" if proposal.labels.shared else "",
        numbers=_listed(proposal.numbers),
        coded=_listed(list(proposal.categories)),
        ranges="".join(f"        {_said(name)}: ({low:g}, {high:g}),\n" for name, (low, high) in proposal.ranges.items()),
    )


def _rarer(found: Values) -> str:
    return f"  # and {found.rarer} that fewer than {table_columns.SHARED_BY} people have" if found.rarer else ""


def _said(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _listed(texts: Sequence[str]) -> str:
    return f"({', '.join(map(_said, texts))}{',' if len(texts) == 1 else ''})"
