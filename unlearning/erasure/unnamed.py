"""The words that people write about a request name nobody: neither whom it is about, nor anybody in a table within reach.

They go into ledger and certificate, which outlive everything. An identifier is found between whatever signs it stands, however
many words it has, in another case, encoded once more; who wrote it says the same again without.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING

from unlearning.domain.errors import UnlearningError, WrongUse
from unlearning.domain.hashing import IdentifierKind
from unlearning.lineage import shaped
from unlearning.project.holdings import Holdings
from unlearning.project.people import people_of
from unlearning.project.tables import current_version
from unlearning.stores.scans.candidates import SHORTEST_NUMBER, SHORTEST_WORD, Extractor, readings, unpacked
from unlearning.stores.tables import people as table_people

if TYPE_CHECKING:
    from unlearning.project.workspace import Workspace

LONGEST = 1_000
"""Characters: a reason is a sentence or two."""

LONGEST_REFERENCE = 128

_MOST_PIECES = 24
"""Words and signs of one identifier."""
_LONGEST_IDENTIFIER = 120
_PIECE = re.compile(r"[^\W_]+|\s+|[\W_]")
_DASH = re.compile("[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")
_SAID = re.compile(r"\s*[\[({]?\b(at|dot)\b[\])}]?\s*", re.IGNORECASE)
_ENCODED = re.compile(r"[A-Za-z0-9+/_-]{6,}={0,2}")
_YEAR = re.compile(r"(19|20)\d\d")
_JOINTS = ("", "-", "_", ".", " ")


def require_unnamed(workspace: Workspace, words: str, people: Collection[str]) -> None:
    """Raises WrongUse, without repeating a word, when the words name somebody, or are more than anybody can look through.

    people: index tokens of whom they are about, who are known in any word; of everybody else plain short words are let through.
    """
    if len(words) > LONGEST:
        raise WrongUse(f"the words have {len(words)} characters; expected at most {LONGEST}, without naming anybody")
    subject, columns = workspace.settings.subject, Holdings.of(workspace).columns
    said = Extractor(subject.identifier, columns, subject.spellings).candidates(words)
    every = {*spans(words), *said.certain, *said.doubtful}
    named = {one: table_people.tokens_of([one], kind=subject.identifier, key=workspace.keys.index) for one in every}
    theirs = frozenset().union(*(tokens for one, tokens in named.items() if not _part_of_a_date(one, words)))
    if not theirs.isdisjoint(people):
        raise WrongUse("the words name the person; they go into ledger and certificate, so say it without")
    if _known(workspace, frozenset().union(*(tokens for one, tokens in named.items() if _telling(one)))):
        raise WrongUse(
            "the words hold an identifier of somebody in a table or a request of this project; they go into ledger and "
            "certificate, so say it without"
        )


def require_unnamed_references(workspace: Workspace, references: Collection[str], people: Collection[str]) -> None:
    """The same of what a house calls requests elsewhere, such as tickets, of which a number may be anybody's.

    people: index tokens of everybody whom they are about. Raises WrongUse, without repeating one.
    """
    for one in references:
        if len(one) > LONGEST_REFERENCE or not one.isprintable() or not one.strip():
            raise WrongUse(f"a reference has {len(one)} characters; expected 1 to {LONGEST_REFERENCE} printable ones")
    if _name_somebody(workspace, references, people):
        raise WrongUse("a reference names a person; it goes into the ledger, so expected a ticket that is nobody's identifier")


def require_unnamed_addresses(workspace: Workspace, addresses: Collection[str], people: Collection[str]) -> None:
    """The same of where somebody wants to be called. Raises WrongUse, without repeating one."""
    if _name_somebody(workspace, addresses, people):
        raise WrongUse("the address of a callback names a person; it goes into the ledger, so expected one without identifiers")


def _name_somebody(workspace: Workspace, words: Collection[str], people: Collection[str]) -> bool:
    kind, key = workspace.settings.subject.identifier, workspace.keys.index
    read = [_read(one, kind, key) for one in sorted(words)]
    theirs, others = (frozenset().union(*some) for some in zip(*read, strict=True)) if read else (frozenset(), frozenset())
    return not theirs.isdisjoint(people) or bool(others and _known(workspace, others))


@lru_cache(maxsize=64)
def _read(word: str, kind: IdentifierKind, key: bytes) -> tuple[frozenset[str], frozenset[str]]:
    """Index tokens of (all that may be an identifier in it, all of that which is hardly there by chance).

    Kept for the last words: an address is often the same in every request, and has hundreds of readings.
    """
    parts = set(spans(word))
    theirs, others = (
        table_people.tokens_of(sorted(some), kind=kind, key=key)
        for some in (parts, {part for part in parts if _telling(part) and not part.isdigit()})
    )
    return frozenset(theirs), frozenset(others)


def spans(words: str) -> Iterator[str]:
    """Whatever in a text may be an identifier: each run of words and signs, and each as others would have written it."""
    seen: set[str] = set()
    for text in _plainly(words):
        pieces = _PIECE.findall(text)
        for first, piece in enumerate(pieces):
            if piece.isspace():
                continue
            for last in range(first + 1, min(first + _MOST_PIECES, len(pieces)) + 1):
                span = "".join(pieces[first:last])
                if len(span) > _LONGEST_IDENTIFIER:
                    break
                if not span[-1].isspace():
                    fresh = set(_spelled(span)) - seen
                    seen |= fresh
                    yield from fresh


def _plainly(words: str) -> Iterator[str]:
    """A text, and whatever it becomes once what is escaped, encoded, or drawn otherwise in it is plain."""
    for text in dict.fromkeys((words, unicodedata.normalize("NFKC", words))):
        bare = _DASH.sub("-", "".join(one for one in text if unicodedata.category(one) not in ("Cf", "Mn") or one.isspace()))
        for one in dict.fromkeys((text, bare)):
            yield from readings(one)
            yield _SAID.sub(lambda match: "@" if match[1].lower() == "at" else ".", one)
            yield from (plain for run in _ENCODED.findall(one) for plain in unpacked(run))


def _spelled(span: str) -> Iterator[str]:
    """A run as it stands, in other cases, without the letter of a genitive, with other joints, the last name first."""
    forms = [span, span.removesuffix("s")]
    if re.search(r"\s", span):
        forms += [joint.join(span.split()) for joint in _JOINTS]
    if len(names := [one.strip() for one in span.split(",")]) == 2 and all(names):
        forms.append(" ".join(reversed(names)))
    for form in forms:
        yield from (form, form.lower(), form.upper(), form.title())


def _part_of_a_date(span: str, words: str) -> bool:
    """A number too short to be told from any other, with another right beside it: `7/26`."""
    short = span.isdigit() and len(span) < SHORTEST_NUMBER
    return short and re.search(rf"(?<!\d)(?<!\d[./-]){span}(?![./-]?\d)", words) is None


def _telling(span: str) -> bool:
    """Hardly there by chance: no short number, no year, no short plain word."""
    if span.isdigit():
        return len(span) >= SHORTEST_NUMBER and not _YEAR.fullmatch(span)
    return len(span) >= SHORTEST_WORD or (len(span) > 2 and not span.islower() and not span.isupper())


def _known(workspace: Workspace, tokens: frozenset[str]) -> frozenset[str]:
    """Those of the tokens that are somebody's: in an indexed version, in a table that is not indexed yet, in a request."""
    asked = workspace.ledger.standing.asked(tokens)
    indexed = frozenset().union(*shaped.holding(workspace, tokens).values()) if tokens else frozenset()
    here: set[str] = set()
    for path, person in Holdings.of(workspace).tables.items():
        with suppress(UnlearningError):  # missing or not recorded: then nothing of it is within reach
            version = current_version(workspace, path, person)
            if workspace.lineage.data_version(version.digest, version.path) is None:
                here |= people_of(workspace, workspace.path(path), person, named=path).holds(tokens)
    return tokens & (asked | indexed | here)
