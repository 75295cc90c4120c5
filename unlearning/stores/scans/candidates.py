"""What in a text may be an identifier: its words, numbers, addresses, and what stands under the name of a person column.

Certain is what is hardly there by chance. Doubtful is the rest: a number may count anything, a plain word may mean anything.
"""

from __future__ import annotations

import base64
import binascii
import decimal
import html
import re
import unicodedata
import urllib.parse
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from unlearning.domain import spellings
from unlearning.domain.hashing import SAID_PART, IdentifierKind

SHORTEST_WORD = 6
"""Characters of a word that is taken for an identifier; shorter ones stand in any text by chance."""
SHORTEST_NUMBER = 4
"""Digits of a number in a text that is compared at all."""

_LONGEST_NUMBER = 20
_LONGEST_SEGMENT = 80
_LONGEST_COMPOUND = 64
_MOST_PARTS = 8
_MOST_WORDS = 4
_AROUND = ".,;:!?\"'`()[]{}<>*_"
_REMEMBERED = 1 << 20
_ROUNDS = 3
"""How often what is escaped inside of what is escaped is read."""

_QUOTED = re.compile(r"\"((?:[^\"\\\n]|\\.)+)\"|'((?:[^'\\\n]|\\.)+)'")
_BETWEEN = re.compile(r"""[\s\x00-\x1f,;:|=<>"'`()\[\]{}/\\&?!#^]+""")
_SEGMENT = re.compile(r"""[,;:|=<>"\t\r\n]+""")
_JOINT = re.compile(r"([_.\-+*~@]+)")
_PHONE = re.compile(r"[+0-9()./\- ]{7,}")
_ADDRESS = re.compile(r"""[^\s\x00-\x1f<>"'(),;:\[\]{}|=&?#/\\`^]+@[^\s\x00-\x1f<>"'(),;:\[\]{}|=&?#/\\`^@]+""")
_TELLING = re.compile(r"[\d@]")
_TAG = re.compile(r"<[^<>]*>")
_ENDS = re.compile(
    r"</(?:\w+:)?(?:p|text|t[dhr]|li|d[dt]|h\d|div|title|pre|option|row|c|si|table-cell|table-row)\s*>|<br\b[^<>]*>",
    re.IGNORECASE,
)
"""Tags that end a paragraph or a cell: what comes next is another word."""
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")

_UUID = re.compile(r"(?<![^\W_])[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}(?![^\W_])")
_MOMENT = re.compile(
    r"(?<!\d)(?<![^\W_]-)(?:19|20)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
    r"(?:[T ]\d\d:?\d\d(?::?\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?(?!\d)(?!-\d)"
)
_NUMBER = re.compile(r"(?<![^\W_])(?<!\d[.])(\d+)(?:\.0+)?(?![^\W_])(?!\.\d)")
_GROUPED = re.compile("\\d{1,3}(?:[,' _\u00a0\u202f\u2009]\\d{3})+")
_FRACTION = re.compile(r"\d[.,](?:\d|$)")
_DIGITS = re.compile(r"\d{4}|\d[,'_]\d{3}|\d[eE]\+?\d|0[xX][0-9a-fA-F]{3}")
_POWER = re.compile(r"(?<![^\W_])(?<!\d[.])(\d+(?:\.\d+)?[eE]\+?\d{1,2})(?![^\W_])(?!\.\d)")
_HEXADECIMAL = re.compile(r"(?<![^\W_])0[xX]([0-9a-fA-F]{3,16})(?![^\W_])")

_PERCENT = re.compile(r"%[0-9a-fA-F]{2}")
_BACKSLASH = re.compile(
    r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|u\{([0-9a-fA-F]{1,6})\}|[x']([0-9a-fA-F]{2})|([0-3][0-7]{2})|([/\"'\\ntr]))"
)
_QUOTABLE = re.compile(r"=(?:\r?\n|[0-9A-F]{2})")
_PACKED = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{8,}={0,2}(?![A-Za-z0-9+/_=-])")
_PACKED_FILE = re.compile(
    r"(?<![A-Za-z0-9+/_-])(?:H4sI|Qlpo|/Td6WFoA|KLUv/|UEsD|UEFSM|QVJST1cx|T1JD|k05VTVBZ|U1FMaXRlIGZvcm1hd|gA[J-X])"
    r"[A-Za-z0-9+/\r\n]{24,}={0,2}"
)
"""What begins in base64 as gzip, bzip2, xz, zstd, zip, Parquet, Arrow, ORC, NumPy, SQLite or a pickle does."""
_WRAPPED = re.compile(r"(?<=[A-Za-z0-9+/]{60})\r?\n(?=[A-Za-z0-9+/])")
"""A line's end inside of what mail programs wrap."""
_HEX = re.compile(r"(?:[0-9a-fA-F]{2})+")
_URL_SAFE = str.maketrans("-_", "+/")
_ENTITY = re.compile(r"&(?:#\d+|#x[0-9a-fA-F]+|[a-zA-Z]+);")


class Candidates(NamedTuple):
    """What a text may say."""

    certain: set[str]
    doubtful: set[str]


@dataclass
class Extractor:
    """What in the texts of one file may be an identifier; a word that was met before is not taken apart again."""

    kind: IdentifierKind
    people: Sequence[str]
    """Names of person columns."""
    spelled: Sequence[str] = ()
    """How identifiers are also spelled."""
    _met: set[str] = field(default_factory=set, repr=False)

    def candidates(self, text: str) -> Candidates:
        """What in a text may be an identifier of this kind and is new."""
        found = Candidates(set(), set())
        for one in readings(text):
            found.certain.update(_under_column(one, self.people))
            for spelled in spellings.turned_back(one, self.spelled, whole_numbers=self.kind == "integer"):
                (found.certain if spelled.certain else found.doubtful).add(spelled.identifier)
            if self.kind in ("integer", "text"):
                found.doubtful.update(_spaced_numbers(one))
            if self.kind == "phone":
                found.certain.update(_phones(one))
            elif self.kind not in ("integer", "email"):
                self._sort((*_phrases(one), *_names(one)), found)
            self._words(one, found)
        found.doubtful.difference_update(found.certain)
        return found

    def _words(self, text: str, found: Candidates) -> None:
        """Each word by itself: numbers, addresses, plain words and the parts of compounds."""
        fresh = set(text.split())
        fresh -= self._met
        if len(self._met) > _REMEMBERED:
            self._met.clear()
        self._met |= fresh
        if self.kind in ("integer", "text"):
            found.doubtful.update(numbers("\n".join(filter(_DIGITS.search, fresh))))
        if self.kind == "email":
            for address in _ADDRESS.findall("\n".join(word for word in fresh if "@" in word)):
                found.certain.update(run for run in (address, *_runs(address)) if "@" in run)
        elif self.kind not in ("integer", "phone"):
            self._sort(_words(fresh), found)

    def _sort(self, words: Iterable[str], found: Candidates) -> None:
        for word in set(words):
            (found.certain if telling(word, self.kind) else found.doubtful).add(word)


def readings(text: str) -> Iterator[str]:
    """A text as it stands, and once more with whatever it escapes: `%40`, `\\u0040`, `&#64;`, `=40`; without its tags; in plain
    signs; and what its words say in base64 or as hexadecimal digits.
    """
    yield text
    if (plain := plainly(text)) != text:
        yield plain
    for _ in range(_ROUNDS):
        before = plain
        plain = _unescaped(plain)
        if plain == before:
            break
    if plain != text:
        yield plain
    if "<" in plain and (bare := _TAG.sub("", _ENDS.sub("\n", plain))) != plain:  # a word processor cuts words into runs
        yield bare
    for _ in range(_ROUNDS):
        text = "\n".join(said for run in set(_PACKED.findall(_WRAPPED.sub("", text))) for said in unpacked(run))
        if not text:
            break
        yield text


def plainly(text: str) -> str:
    """In the signs of a keyboard: without colours of a terminal, marks that nobody sees and letters of another width, with
    plain hyphens, and the digits of any script as ours.
    """
    text = _COLOUR.sub("", text) if "\x1b" in text else text
    if text.isascii():
        return text
    normal = unicodedata.normalize("NFKC", text)
    return normal.translate({ord(sign): plain for sign in set(normal) if (plain := _in_ascii(sign)) is not None})


def _in_ascii(sign: str) -> str | None:
    """What a mark that nobody sees, a hyphen or a digit of another script is as ours; None of every other sign."""
    kind = None if sign.isascii() else unicodedata.category(sign)
    return {"Cf": "", "Pd": "-"}.get(kind or "") if kind != "Nd" else str(unicodedata.digit(sign))


def packed_files(text: str) -> Iterator[bytes]:
    """What stands in a text in base64 and may be a table, an archive or a pickle; no picture, of which pages are full."""
    for run in set(_PACKED_FILE.findall(text)):
        if content := _base64("".join(run.split()).rstrip("=")):
            yield content


def unpacked(run: str) -> Iterator[str]:
    """What a run of letters and digits says in base64, of either alphabet, or as hexadecimal digits."""
    bare = run.rstrip("=").translate(_URL_SAFE)
    for content in (_base64(bare), bytes.fromhex(bare) if _HEX.fullmatch(bare) else b""):
        for encoding in ("utf-8", "utf-16-le") if b"\0" in content else ("utf-8",) if content else ():
            with suppress(UnicodeDecodeError):
                yield content.decode(encoding)


def telling(word: str, kind: IdentifierKind) -> bool:
    """A word of this kind is hardly there by chance."""
    if kind == "integer":
        return False
    if kind == "email":
        return "@" in word
    if kind == "phone":
        return _PHONE.fullmatch(word) is not None
    return len(word) >= SHORTEST_WORD and _TELLING.search(word) is not None


def alike(name: str, people: Sequence[str]) -> bool:
    """A column or key is called as a person column is, whatever its case and joints."""
    return _bare(name) in {_bare(one) for one in people}


def numbers(text: str) -> Iterator[str]:
    """The whole numbers of 4 to 20 digits that stand alone: not in longer words, fractions, moments or UUIDs."""
    plain = _MOMENT.sub(" ", _UUID.sub(" ", text))
    for digits in _NUMBER.findall(plain):
        if SHORTEST_NUMBER <= len(digits) <= _LONGEST_NUMBER:
            yield digits
    yield from _spaced_numbers(plain)
    for power in _POWER.findall(plain):
        value = decimal.Decimal(power)
        if value == value.to_integral_value() and SHORTEST_NUMBER <= value.adjusted() + 1 <= _LONGEST_NUMBER:
            yield str(int(value))
    yield from (str(int(digits, 16)) for digits in _HEXADECIMAL.findall(text))


def _spaced_numbers(text: str) -> Iterator[str]:
    """`100,042` and `100 042`, which is more than one word."""
    for match in _GROUPED.finditer(text):  # what stands beside it is looked at here: as a part of the pattern it is slow
        start, end = match.span()
        if text[start - 1 : start].isalnum() or text[end : end + 1].isalnum():
            continue
        if not _FRACTION.search(text, max(0, start - 2), start) and not _FRACTION.match(text, end - 1, end + 2):
            yield "".join(filter(str.isdigit, match[0]))


def _phrases(text: str) -> Iterator[str]:
    """What stands between quotes, tags or delimiters: a name of several words, say."""
    if len(text) <= 2 * _LONGEST_SEGMENT:
        yield text.strip()
    for double, single in _QUOTED.findall(text):
        yield _unescaped(double or single)
    for segment in _SEGMENT.split(text):
        if len(segment) <= _LONGEST_SEGMENT and " " in (plain := segment.strip()):
            yield plain


def _names(text: str) -> Iterator[str]:
    """Two to four words in a row, as names stand in sentences; of more than two, the first and the last do not begin small."""
    words = [plain for word in text.split() if (plain := word.strip(_AROUND))]
    large = [not word[0].islower() for word in words]
    for first in range(len(words) - 1):
        yield f"{words[first]} {words[first + 1]}"
        for last in range(first + 2, min(first + _MOST_WORDS, len(words))) if large[first] else ():
            if large[last]:
                yield " ".join(words[first : last + 1])


def _words(words: Iterable[str]) -> Iterator[str]:
    distinct = set(words)
    for word in distinct | set(_BETWEEN.split("\n".join(distinct))):
        yield (plain := word.strip("."))
        if plain.isalnum():
            continue
        if "." in plain:  # a file may be called after a person: `patient-4711.png`
            yield from (plain.partition(".")[0], plain.rpartition(".")[0])
        if len(plain) <= _LONGEST_COMPOUND:
            yield from _runs(plain)


def _runs(word: str) -> Iterator[str]:
    """The parts of a compound, alone and together: `scan_MRN-4711_left` has `MRN-4711`."""
    parts = _JOINT.split(word)[: 2 * _MOST_PARTS]
    for first in range(0, len(parts), 2):
        for last in range(first + 1, len(parts) + 1, 2):
            yield "".join(parts[first:last])


def _phones(text: str) -> Iterator[str]:
    for run in _PHONE.findall(text):
        digits = "".join(filter(str.isdigit, run))
        if len(digits) >= SHORTEST_WORD:
            yield from (run, digits, f"+{digits}")
            if digits.startswith("00"):
                yield f"+{digits[2:]}"


def _under_column(text: str, people: Sequence[str]) -> Iterator[str]:
    """What stands under a person column: `"patient": 17`, `patient=17`, `<patient>17</patient>`, `patient: 17`."""
    folded = text.casefold()
    for column in people:
        if SAID_PART in column or column.casefold() not in folded:
            continue
        name = re.escape(column)
        for quoted, bare in re.findall(
            rf"""(?<![^\W_]){name}\\?["'\]]*\s*(?:=>|:|=|>)\s*\\?(?:["']((?:[^"'\\\n]|\\.)+)\\?["']|([^\s,;"'<>&}}\])\\]+))""",
            text,
            re.IGNORECASE,
        ):
            value = _unescaped(quoted or bare)
            yield from (value, value.rstrip("."))


def _unescaped(text: str) -> str:
    """Once: URL, JSON and Python, HTML, quoted-printable."""
    if _PERCENT.search(text):
        text = urllib.parse.unquote(text)
    if _BACKSLASH.search(text):
        text = _BACKSLASH.sub(_sign, text)
    if _ENTITY.search(text):
        text = html.unescape(text)
    if "=40" in text or "=\n" in text or "=\r\n" in text:
        text = _QUOTABLE.sub(lambda match: chr(int(match[0][1:], 16)) if match[0][1:].strip() else "", text)
    return text


def _base64(bare: str) -> bytes:
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except binascii.Error:
        return b""


def _sign(match: re.Match[str]) -> str:
    *codes, octal, sign = match.groups()
    if (code := "".join(filter(None, codes))) or octal:
        number = int(octal, 8) if octal else int(code, 16)
        return chr(number) if number < 0x110000 else match[0]
    return {"n": "\n", "t": "\t", "r": "\r"}.get(sign, sign)


def _bare(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).casefold()
