"""What a place says of files that nobody could read, and of files that may name somebody: which, why, and the way out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from unlearning.domain.entities import Level
from unlearning.domain.traces import Residual
from unlearning.stores.scans.looking import Look

RETURNED = (
    "`unlearn request --returned`, then `unlearn erase`; or, for whoever agreed anew, `unlearn readmit --request REQUEST "
    "--reason TEXT`"
)
"""What to do about erased people in a table that erasures redact."""


def unread(place: str, level: Level, looks: Sequence[Look], names: Sequence[str]) -> tuple[Residual, ...]:
    """What nobody can read in a place, under the name of the place; nothing when there is nothing of the kind."""
    if not looks:
        return ()
    forms = ", ".join(f"{count} {form}" for form, count in sorted(Counter(one.form for one in looks).items()))
    reasons = "; ".join(sorted({one.why for one in looks}))
    return (
        Residual(
            place=place,
            level=level,
            outcome="unverified",
            count=len(looks),
            why=f"not read: {forms} ({reasons})",
            remedy=(
                "name the person column with `unlearn follow --subject-column PATH:COLUMN`, add a reader "
                "(docs/writing-a-reader.md), delete them, or declare them in `free_of_people` in params.yaml with the reason"
            ),
            names=tuple(names),
        ),
    )


def doubtful(place: str, level: Level, count: int, names: Iterable[str]) -> tuple[Residual, ...]:
    """What may name somebody: a number or a short word in a place that says nothing of people; nothing when there is none."""
    if not count:
        return ()
    return (
        Residual(
            place=f"{place}: what may name them",
            level=level,
            outcome="unverified",
            count=count,
            why="a number or a word that is an identifier of theirs stands where nothing says that it means a person",
            remedy=(
                "look, then take it out; or name the person column with `unlearn follow --subject-column PATH:COLUMN`, so that "
                "it is deleted with them; or declare the file in `free_of_people` in params.yaml with the reason"
            ),
            names=tuple(sorted(names)),
        ),
    )
