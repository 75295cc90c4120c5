"""In which encoding the bytes of a text are: said by a byte order mark, shown by the bytes, or a few guesses.

A guess that is wrong spells a name with `ë` otherwise and leaves plain letters and digits alone, so whoever looks for people
tries every candidate, and whoever loads a table takes the first.
"""

from __future__ import annotations

import codecs
import unicodedata
from typing import NamedTuple

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""Longest first: the mark of UTF-32 begins as that of UTF-16."""
_WIDE = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
_LIKELY = ("cp1252", "cp1250", "cp1251", "cp932", "gb18030", "big5", "cp949", "euc_jp", "koi8_r")
"""What tables are really written in, before what the detector also thinks possible."""
_ALLOWED = "\t\n\r\f\v\x01\x1a\x1b\x1c\x1d\x1e\x1f"
"""Controls that stand in texts: the separators of ASCII and of Hive, the end mark of DOS, the colours of a terminal."""
_CONTROLS = frozenset(range(0x20)) - frozenset(_ALLOWED.encode()) | {0x7F}
_SAMPLE_BYTES = 1 << 16
_LETTERS_SHARE = 0.7
_PLAIN_SHARE = 0.1
"""Signs of ASCII, such as digits, delimiters and line ends, in a text of any script."""


class Encoding(NamedTuple):
    """How a text is written."""

    names: tuple[str, ...]
    """Python's codecs, the likeliest first; more than one only where the bytes do not tell."""
    mark: bytes = b""
    """The byte order mark that it begins with."""

    @property
    def name(self) -> str:
        """The likeliest."""
        return self.names[0]


def encoding(head: bytes) -> Encoding | None:
    """The encoding of a text that begins with these bytes, which may end in the middle of a character; None: it is no text."""
    for mark, name in _MARKS:
        if head.startswith(mark) and _decodes(head[len(mark) :], name):
            return Encoding((name,), mark)
    sample = head[:_SAMPLE_BYTES]
    if 0 in sample:
        return next((Encoding((name,)) for name in _WIDE if _reads_as(sample, name)), None)
    if not _CONTROLS.isdisjoint(sample):
        return None
    return Encoding(("utf-8",)) if _decodes(sample, "utf-8") else Encoding(_guesses(sample))


def decoded(content: bytes, names: tuple[str, ...]) -> tuple[str, ...]:
    """A piece of text under every encoding that it may be in, each spelling once; never an error."""
    if content.isascii():
        return (content.decode("ascii"),)
    found = []
    for name in names if len(names) > 1 else (*names, "cp1252"):
        try:
            found.append(content.decode(name))
        except UnicodeDecodeError:
            continue
        if name == "utf-8":  # hardly anything else happens to be UTF-8
            break
    return tuple(dict.fromkeys(found)) or (content.decode("latin-1"),)


def _decodes(content: bytes, name: str) -> bool:
    try:
        codecs.getincrementaldecoder(name)().decode(content)
    except UnicodeDecodeError:
        return False
    return True


def _reads_as(content: bytes, name: str) -> bool:
    """Without a mark: nothing in it is a control, most of it letters, digits and spaces of one script."""
    if not _decodes(content, name):
        return False
    text = codecs.getincrementaldecoder(name)().decode(content)
    kinds = [unicodedata.category(sign) for sign in text if sign not in _ALLOWED]
    if not text or any(kind in ("Cc", "Cn", "Co", "Cs") for kind in kinds):
        return False
    plain = sum(sign.isascii() and (sign.isprintable() or sign in "\t\n\r") for sign in text)
    return plain >= _PLAIN_SHARE * len(text) and _telling(kinds) >= _LETTERS_SHARE * len(kinds)


def _telling(kinds: list[str]) -> int:
    return sum(kind[0] in "LNPZM" for kind in kinds)


def _guesses(content: bytes) -> tuple[str, ...]:
    import charset_normalizer

    narrow = [match.encoding for match in charset_normalizer.from_bytes(content) if not match.encoding.startswith("utf_")]
    likely = [name for name in _LIKELY if name in narrow or (name == "cp1252" and _decodes(content, name) and not narrow)]
    return tuple(dict.fromkeys([*likely, *narrow, "latin-1"]))
