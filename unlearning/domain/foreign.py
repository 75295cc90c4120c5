"""Text that somebody else wrote, on its way to a terminal, a log or a page: one line, cut, and nothing in it acts or hides."""

from __future__ import annotations

import shlex
import unicodedata

LIMIT = 200
"""Characters of such a text that are shown: a long path fits, a paragraph does not."""

_ACTS_OR_HIDES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Me"})
"""Unicode categories: controls (ESC, newline), formats (bidi, zero width), half pairs, no characters, line ends, rings."""

_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters and marks that are drawn as nothing."""


def shown(text: object, limit: int = LIMIT) -> str:
    r"""The text as it may be printed: one line of at most `limit` characters; what acts or hides is written `\x1b`, `\u2028`.

    A text that was cut says how long it was. Shown twice is shown once. limit: at least 40, for the words of the cut.
    """
    whole = text if isinstance(text, str) else str(text)
    if len(whole) <= limit and whole.isascii() and whole.isprintable():
        return whole
    line = "".join(map(_escaped, whole[: limit + 1]))
    if len(line) <= limit:
        return line
    note = f"… ({len(whole)} characters)"
    return line[: max(limit - len(note), 0)] + note


def encodable(text: str) -> str:
    r"""The text as UTF-8 can hold it: a byte of a file's name that is none is written `\udcff`."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def quoted(path: str) -> str:
    r"""A path as a command names it, on one line: `'two words'`; what acts or hides as bash and zsh read it, `$'a\x0ab'`."""
    if path.isprintable() and path == "".join(map(_escaped, path)):
        return shlex.quote(path)
    return f"$'{''.join(map(_in_shell, path))}'"


def _in_shell(character: str) -> str:
    if character in "\\'":
        return f"\\{character}"
    byte = ord(character) - 0xDC00  # a byte of a name that is no UTF-8
    return f"\\x{byte:02x}" if 0x80 <= byte <= 0xFF else _escaped(character)


def _escaped(character: str) -> str:
    if character == " " or (character.isascii() and character.isprintable()):
        return character
    kind, code = unicodedata.category(character), ord(character)
    if kind not in _ACTS_OR_HIDES and kind != "Zs" and character not in _BLANK and not _selects(code):
        return character
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _selects(code: int) -> bool:
    """Variation selectors: marks without a form, which can carry a hidden text."""
    return 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF or 0x180B <= code <= 0x180F
