"""How an identifier is spelled: declared ways such as `P-{}`, what nobody may take for one, and how near two spellings are."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from decimal import Context, Decimal, DecimalException
from functools import lru_cache
from typing import Literal, NamedTuple, get_args

from unlearning.domain import hashing
from unlearning.domain.errors import IdentifierError
from unlearning.domain.hashing import PART, SAID_PART, IdentifierKind

Difference = Literal[
    "Unicode form", "case", "spaces", "zero padding", "number format", "punctuation", "plus tag", "letters", "several of these"
]
"""What two spellings differ in, the most telling first; `letters`: ß and ss, é and e."""
DIFFERENCES: tuple[Difference, ...] = get_args(Difference)

_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u2800\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
"""Controls, what Unicode lets a display ignore, blanks that are letters, and the mark of a letter that an encoding lost."""
_WHOLE = re.compile(r"-?[0-9]+")
ROUNDED = re.compile(r"[+-]?(?:[0-9]+\.[0-9]+[eE][+-]?[0-9]+|[0-9]+[eE]\+[0-9]+|[0-9]{16,}\.[0-9]*)")
"""As programs write a number that a float no longer tells from its neighbours."""
_NUMBER = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?(?:[eE][+-]?[0-9]+)?")
_PHONE = re.compile(r"\+?[0-9\s()./\u2010-\u2015-]+")
_ADDRESS = re.compile(r"""[^\s<>,;:"()\[\]@]+@[^\s<>,;:"()\[\]@]+""")
_LONGEST_NUMBER = 40
_NOBODY = frozenset({"nan", "none", "null", "nat", "<na>", "#n/a"})
"""What programs write for a cell without a value."""
_UUID = re.compile(r"(?:urn:uuid:)?\{?([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})\}?", re.IGNORECASE)

_PLACE = re.compile(r"\{(?::0(\d{1,2})d)?\}")
_WORD = r"""[^\s,;:|=<>"'`()\[\]{}&?#/\\]+?"""
_BESIDE = r"[^\W_]"


class Spelled(NamedTuple):
    """An identifier that a text spells in one of the declared ways."""

    identifier: str
    certain: bool
    """Something besides a plain number stood there: a sign of the pattern, or a zero in front."""


def fault(spelling: str) -> str | None:
    """What is wrong with a pattern; None when nothing is."""
    places = _PLACE.findall(spelling)
    if len(places) != 1 or len(_PLACE.sub("", spelling)) != len(re.sub(r"[{}]", "", _PLACE.sub("", spelling))):
        return "expected exactly one place for the identifier, {} or with leading zeros {:06d}, as in P-{}"
    if spelling == "{}":
        return "expected more than {}, which is the identifier itself"
    return None


def turned_back(text: str, spellings: Sequence[str], *, whole_numbers: bool) -> Iterator[Spelled]:
    """The identifiers that a text spells so, wherever no letter or digit stands beside them.

    whole_numbers: identifiers are numbers, so a place holds digits only.
    """
    for spelling in spellings:
        pattern, padded, plain = _pattern(spelling, whole_numbers)
        for match in pattern.finditer(text):
            written = match["written"]
            identifier = written.lstrip("0") or "0" if padded else written
            for one in dict.fromkeys((identifier, identifier.rstrip(".-_*"))):
                yield Spelled(one, not plain or written.startswith("0"))


@lru_cache(maxsize=256)
def _pattern(spelling: str, whole_numbers: bool) -> tuple[re.Pattern[str], bool, bool]:
    """(what to look for, whether zeros go in front, whether nothing else is there)."""
    place = _PLACE.search(spelling)
    if place is None:
        raise ValueError("a spelling has no place for the identifier")
    before, after = spelling[: place.start()], spelling[place.end() :]
    digits = rf"\d{{{int(place[1])},}}" if place[1] else r"\d+" if whole_numbers else _WORD
    end = rf"(?!{_BESIDE})" if place[1] or whole_numbers or after else r"(?=[\s,;:|=<>\"'`()\[\]{}&?#/\\]|$)"
    return (
        re.compile(rf"(?<!{_BESIDE}){re.escape(before)}(?P<written>{digits}){re.escape(after)}{end}"),
        place[1] is not None,
        not before and not after,
    )


# --- what nobody may take for a person ------------------------------------------------------------------------------


class Given(str):
    """An identifier that knows where it was read, `line 3 of leavers.csv`: what a message says in its place."""

    __slots__ = ("place",)
    place: str

    def __new__(cls, text: str, place: str) -> Given:
        """text: the identifier itself."""
        made = super().__new__(cls, text)
        made.place = place
        return made


def place(identifier: str, number: int) -> str:
    """Where an identifier was read, the only thing that is said of it."""
    return identifier.place if isinstance(identifier, Given) else f"identifier {number}"


def doubt(text: str, kind: IdentifierKind, *, cell: bool = False) -> str | None:
    """Why a text may mean another person than it says; None when nothing speaks against it.

    cell: it lies in a table, where programs wrote it: 4711.0 is 4711 there, as pandas writes whole numbers.
    """
    if _UNSEEN.search(text):
        return "holds a control character, one that nobody sees, or the mark of a lost letter"
    if kind != "email" and ROUNDED.fullmatch(text.strip()):
        return "is a rounded number, which several people may share"
    if kind == "integer" and not _WHOLE.fullmatch(text.strip().removesuffix(".0") if cell else text.strip()):
        return "is not a whole number in plain digits"
    if kind == "phone" and not _PHONE.fullmatch(text.strip()):
        return "is not one phone number"
    if kind == "email" and not _ADDRESS.fullmatch(text.strip()):
        return "is not one plain e-mail address"
    if text.strip().lower() in _NOBODY:
        return "is a word for a value that is missing"
    return None


def asked(identifiers: Iterable[str], kind: IdentifierKind, declared: Sequence[str] = ()) -> list[str]:
    """What somebody typed, each when it can mean one person only; in a declared way, turned back.

    Raises IdentifierError that says the place of every other one and never repeats it.
    """
    read, faults = list[str](), dict[str, list[str]]()
    for number, one in enumerate(identifiers, 1):
        where = place(one, number)
        try:
            read.append(Given(_asked(one, kind, declared), where))
        except IdentifierError as error:
            faults.setdefault(str(error), []).append(where)
    if faults:
        raise IdentifierError("; ".join(f"{', '.join(places)}: {why}" for why, places in faults.items()))
    return read


def _asked(identifier: str, kind: IdentifierKind, declared: Sequence[str]) -> str:
    kinds = kind.split(SAID_PART)
    said = [
        _as_declared(part.strip(" \t"), one, declared) for part, one in zip(hashing.parts(identifier, kind), kinds, strict=True)
    ]
    for part, one in zip(said, kinds, strict=True):
        if why := part and doubt(part, one):
            raise IdentifierError(f"{why}; write it as the table does (subject.identifier: {kind})")
        hashing.normalise(part, one)
    return (PART if PART in identifier else SAID_PART).join(said)


def _as_declared(text: str, kind: IdentifierKind, declared: Sequence[str]) -> str:
    if kind != "integer" or _WHOLE.fullmatch(text):
        return text
    found = {match["written"] for pattern in declared if (match := _pattern(pattern, True)[0].fullmatch(text)) is not None}
    return found.pop() if len(found) == 1 else text


# --- how near two spellings are -------------------------------------------------------------------------------------


def plain(identifier: object) -> str:
    """An identifier as a reader sees it: the parts of a composite one as people write them."""
    return str(identifier).replace(PART, SAID_PART)


def looks(identifier: object) -> str:
    """What two spellings have in common that a reader cannot tell apart: other spaces, forms of letters, signs unseen; and the
    capitals or braces of a UUID.
    """
    text = " ".join(_fold(plain(identifier), "Unicode form").split())
    return same[1].lower() if (same := _UUID.fullmatch(text)) else text


def may_mislead(text: str) -> bool:
    """Other spellings may look like this one or mean the same."""
    return not text.isascii() or not text.isprintable() or " " in text or _UUID.fullmatch(text) is not None


def folds(identifier: object) -> tuple[str, ...]:
    """An identifier without each of `DIFFERENCES`, in their order: what is equal there differs in nothing else."""
    text = plain(identifier)
    return tuple(_fold(text, one) or text for one in DIFFERENCES)


def alike(spellings: Iterable[object], apart_from: Collection[Difference]) -> bool:
    """All of these differ in nothing but what is named."""
    return len({_without(plain(one), apart_from) for one in spellings}) < 2


def said(nearest: Collection[Difference] | None) -> str:
    """How near the nearest spelling was found, in words."""
    if nearest is None:
        return "no other spelling of it was looked for"
    return f"another spelling of it is there: {', '.join(nearest)}" if nearest else "no other spelling of it is there"


def _without(text: str, differences: Collection[Difference]) -> str:
    for one in DIFFERENCES:
        text = _fold(text, one) if one in differences else text
    return text


def _fold(text: str, difference: Difference) -> str:
    match difference:
        case "case":
            return text.lower()
        case "spaces":
            return "".join(text.split())
        case "zero padding":
            return re.sub(r"(?<![0-9])0+(?=[0-9])", "", text)
        case "number format":
            return _number(text)
        case "Unicode form":
            return unicodedata.normalize("NFKC", _UNSEEN.sub("", text))
        case "punctuation":
            is_number = _NUMBER.fullmatch(text)
            return text if is_number else "".join(sign for sign in text if sign.isalnum() or sign.isspace())
        case "plus tag":
            return re.sub(r"\+[^@]*@", "@", text)
        case "letters":
            apart = unicodedata.normalize("NFKD", text.casefold())
            return "".join(sign for sign in apart if not unicodedata.combining(sign))
        case "several of these":
            bare = _fold(_fold(text, "Unicode form"), "spaces")
            if _NUMBER.fullmatch(bare):
                return _number(bare)
            return _fold(_fold(_fold(_fold(bare, "letters"), "plus tag"), "punctuation"), "zero padding")


def _number(text: str) -> str:
    """100 of `100`, `+100`, `100.0`, `100,0` and `1e2`; any other text as it is."""
    if not _NUMBER.fullmatch(text):
        return text
    try:
        bare = Decimal(text.replace(",", ".")).normalize(Context(prec=max(1, len(text))))
    except DecimalException:
        return text
    return f"{bare:f}" if bare.adjusted() < _LONGEST_NUMBER and len(text) < _LONGEST_NUMBER else str(bare)
