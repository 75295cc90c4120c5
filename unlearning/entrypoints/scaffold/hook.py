"""Git's hook before a commit, which refuses tables of people: optional, and never over somebody's own."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Literal

from unlearning.stores.git import command

NAME = "pre-commit"
_MARK = "# Written by `unlearn init --hook`."


def install(root: Path) -> tuple[Path, Literal["written", "kept", "theirs"]]:
    """Put it where Git looks for hooks; `theirs` where somebody's own is there, which stays as it is."""
    file = Path(root, command.text(root, "rev-parse", "--git-path", f"hooks/{NAME}").strip())
    content = script(root)
    existing = file.read_text("utf-8", "replace") if file.exists() else None
    if existing == content:
        return file, "kept"
    if existing is not None and _MARK not in existing:
        return file, "theirs"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content, "utf-8")
    file.chmod(0o755)
    return file, "written"


def line() -> str:
    """What a hook of somebody's own calls for the same."""
    return "unlearn doctor --staged"


def script(root: Path) -> str:
    """The hook: `unlearn` of the environment that wrote it, or the one on the path."""
    ours = Path(sys.executable).with_name("unlearn")
    return (
        f"#!/bin/sh\n{_MARK}\n"
        f"unlearn={shlex.quote(str(ours))}\n"
        '[ -x "$unlearn" ] || unlearn=unlearn\n'
        f'exec "$unlearn" doctor --staged --root {shlex.quote(str(root))}\n'
    )
