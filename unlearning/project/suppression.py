"""Never again: who was erased may not come back with a data load, a training or an old file.

People are compared by their suppression tokens, whose key is another than that of the index, and by their index tokens: the
list goes on working when the index is retired, and when either key is rotated.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Literal

from unlearning.domain.errors import SubjectsReturned
from unlearning.domain.events import SubjectReturned
from unlearning.project.people import people_of
from unlearning.stores.rolls import Names, among

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from unlearning.domain.events import Event
    from unlearning.project.workspace import Workspace
    from unlearning.stores.rolls import Roll, Tokens

Answer = Literal["refused", "dropped", "reported"]

progress = logging.getLogger("unlearning.progress")


@dataclass(frozen=True)
class Return:
    """Erased people in a table, as keyed tokens only."""

    path: str
    digest: str
    """SHA-256 of the table's content."""
    people: tuple[tuple[str, str], ...]
    """(suppression token, index token) of each, sorted."""
    rows: int

    @property
    def tokens(self) -> tuple[str, ...]:
        """Suppression tokens."""
        return tuple(token for token, _ in self.people)

    @property
    def index_tokens(self) -> tuple[str, ...]:
        """As the index names them now."""
        return tuple(token for _, token in self.people)

    def __str__(self) -> str:
        who = "1 person who was" if len(self.people) == 1 else f"{len(self.people)} people who were"
        return f"{self.path}: {who} erased came back with {self.rows} rows"


Ask = Callable[[Collection[str], Collection[str]], tuple[frozenset[str], frozenset[str]]]
"""(suppression tokens, index tokens) → those of them that a list has."""


def erased(workspace: Workspace, index: Tokens, hidden: Tokens) -> NDArray[np.bool_]:
    """(n,) true for each of these people, by both tokens, who was erased."""
    return _those(index, hidden, *workspace.ledger.standing.erased_among(Names(hidden), Names(index)))


def asked(workspace: Workspace, index: Tokens, hidden: Tokens, batch: Collection[str]) -> NDArray[np.bool_]:
    """(n,) true for each of these people who is of a batch, by index tokens: whom `erased` tells once that is carried out."""
    return _those(index, hidden, *workspace.ledger.standing.asked_for(batch))


def _those(index: Tokens, hidden: Tokens, hidden_listed: Collection[str], listed: Collection[str]) -> NDArray[np.bool_]:
    return among(hidden, hidden_listed) | among(index, listed)


def suppressed(workspace: Workspace, who: Roll, upto: int) -> dict[str, str]:
    """The people of a table to be left out of training, as of ledger position `upto`: index token → suppression token."""
    return _listed(who, partial(workspace.ledger.standing.suppressed_among, upto=upto))


def _listed(who: Roll, ask: Ask) -> dict[str, str]:
    here = _those(who.tokens, who.hidden, *ask(Names(who.hidden), Names(who.tokens)))
    pairs = zip(who.tokens[here], who.hidden[here], strict=True)
    return {index.tobytes().hex(): token.tobytes().hex() for index, token in pairs}


def look(workspace: Workspace, path: str, person: str) -> Return | None:
    """The erased people in a table as it lies in the project folder; None when there are none, or no such table.

    person: the column that says whose record it is.
    """
    file = workspace.path(path)
    standing = workspace.ledger.standing
    if not standing.any_erased() or not file.exists():
        return None
    who = people_of(workspace, file, person, named=path)
    here = _listed(who, standing.erased_among)
    return _return(workspace, path, here, who.mask(here)) if here else None


def _return(workspace: Workspace, path: str, here: Mapping[str, str], rows: NDArray[np.bool_]) -> Return:
    return Return(
        path=path,
        digest=workspace.rolls.content(workspace.path(path)),
        people=tuple(sorted((token, index) for index, token in here.items())),
        rows=int(rows.sum()),
    )


def admit(workspace: Workspace, loaded: Mapping[str, str], *, clock: Callable[[], datetime]) -> list[Return]:
    """What `policy.on_return` says of erased people in these tables: those to leave out, each return recorded.

    loaded: path → person column.

    Raises SubjectsReturned when the policy is `fail`: how many came back, never who.
    """
    found = [one for path, person in loaded.items() if (one := look(workspace, path, person)) is not None]
    answer: Answer = "dropped" if workspace.settings.policy.on_return == "drop" else "refused"
    for one in found:
        record(workspace, one, answer, at=clock())
    if found and answer == "refused":
        raise SubjectsReturned(
            f"{'; '.join(map(str, found))}. Take the rows out where the data comes from; or erase them again, with "
            "`unlearn request --returned` and `unlearn erase`; or let in whoever agreed anew, with `unlearn readmit --request "
            "REQUEST --reason TEXT` (`unlearn watch` names their requests); or set policy.on_return to drop, which leaves them "
            "out of every load"
        )
    return found


def record(workspace: Workspace, found: Return, answer: Answer, *, at: datetime) -> Event[SubjectReturned] | None:
    """Write a return down and say it aloud; the same return with the same answer is written down once."""
    returned = SubjectReturned(
        path=found.path,
        digest=found.digest,
        people=len(found.people),
        rows=found.rows,
        tokens=found.tokens,
        answer=answer,
    )
    progress.warning("%s: %s", found, answer)
    if any(event.fact == returned for event in workspace.ledger.of(SubjectReturned, subject=found.path)):
        return None
    return workspace.ledger.append(found.path, returned, at=at)
