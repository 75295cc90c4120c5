"""How an identifier is also spelled: `P-{}`, `{:06d}`, `MRN{}`; what is spelled so is turned back into the identifier."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

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
