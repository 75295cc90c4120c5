"""What an error that nobody turned into one of ours ends as: a line for people, its words in a private file of the project."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from unlearning.domain.errors import Unforeseen, UnlearningError, foreseen


def ended(error: Exception, root: Path) -> UnlearningError:
    """The error to end with. root: the project's folder, absolute; what its own code raises is no bug of this package."""
    said = foreseen(error)
    if not isinstance(said, Unforeseen):
        return said
    from unlearning.stores import foreign_code

    if (root / ".unlearning").is_dir() and foreign_code.is_theirs(error, root):
        return foreign_code.raised(error, root)
    return Unforeseen(f"{said}; please report this line: {foreign_code.said_apart(error, root)}")


def root_of(arguments: Sequence[str]) -> Path:
    """The folder that a command line names with --root, before anybody parsed it."""
    for at, word in enumerate(arguments):
        if word.startswith("--root="):
            return Path(word.removeprefix("--root="))
        if word == "--root" and at + 1 < len(arguments):
            return Path(arguments[at + 1])
    return Path()
