"""What Git is to leave alone: lines of `.gitignore` in the form in which DVC writes its own, before DVC does.

DVC writes its line when a stage has succeeded, so the output of one that failed half-way lies open to `git add .`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from unlearning.stores.git import command
from unlearning.stores.git.repository import Git

FILE = ".gitignore"
_SPECIAL = re.compile(rb"[\\*?\[\]!#]|\s(?=\s*$)")


def ignore(git: Git, paths: Iterable[str]) -> dict[Path, bool]:
    """Write the lines that are missing for these paths; each file that got one → whether it was there before.

    A path that Git tracks gets none: Git would go on tracking it.
    """
    changed: dict[Path, bool] = {}
    for path in visible(git, paths):
        file = git.root / path
        # To make the folder could be in the way of the stage that does.
        folder = next(one for one in file.parents if one.is_dir())
        changed.setdefault(folder / FILE, (folder / FILE).exists())
        _append(folder / FILE, file.relative_to(folder).as_posix())
    return changed


def visible(git: Git, paths: Iterable[str]) -> list[str]:
    """Those that `git add .` would take, whether they exist yet or not: neither tracked nor ignored."""
    here = [path for path in dict.fromkeys(paths) if _inside(git, path)]
    known = {*tracked(git, here), *_ignored(git, here)}
    return [path for path in here if path not in known]


def tracked(git: Git, paths: Collection[str]) -> list[str]:
    """Those that are in Git's index, or of which a part is."""
    if not paths:
        return []
    top = command.text(git.root, "ls-files", "-z", "--", *(f":(literal){path}" for path in paths)).split("\0")
    return [path for path in paths if any(one == path or one.startswith(f"{path}/") for one in top)]


def _ignored(git: Git, paths: Sequence[str]) -> list[str]:
    asked = b"".join(os.fsencode(path) + b"\0" for path in paths)
    return (
        (command.ask(git.root, "check-ignore", "-z", "--no-index", "--stdin", content=asked) or "").split("\0") if paths else []
    )


def _inside(git: Git, path: str) -> bool:
    """Below the project folder, and not behind a link: of that Git keeps the link only."""
    folder = (git.root / path).parent
    return folder.is_relative_to(git.root) and folder.resolve() == folder


def _append(out: Path, name: str) -> None:
    with out.open("a+b") as stream:
        stream.seek(max(0, stream.seek(0, os.SEEK_END) - 1))
        gap = b"\n" if stream.read(1) not in (b"", b"\n") else b""
        stream.write(gap + b"/" + _SPECIAL.sub(rb"\\\g<0>", os.fsencode(name)) + b"\n")
