"""What the last whole look saw: everything compared with everybody, so that what names nobody need not be read at each erasure.

What is kept says of whom nothing, and holds no name of a file: keyed digests alone, sealed under the index key. Whoever has no
key can make nobody believe that something was read.
"""

from __future__ import annotations

import hmac
import json
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from unlearning.domain import hashing
from unlearning.stores import files

if TYPE_CHECKING:
    from unlearning.erasure.kept import Thing
    from unlearning.project.workspace import Workspace

FILE = ".unlearning/whole-look.json"
LASTS = timedelta(days=31)
"""As long a whole look is relied on; `unlearn watch` makes one when half of it is over."""
DRAWN, AT_LEAST = 0.05, 20
"""Of what is unchanged, this share is read again, and at least so many."""

_chance = random.SystemRandom()


@dataclass(frozen=True)
class WholeLook:
    """The last one."""

    at: datetime
    versions: frozenset[str]
    """Digests of the data versions whose people were known then."""
    nobody: Mapping[str, str] = field(repr=False)
    """Of each thing that named nobody: its name → what tells its content, both as keyed digests."""
    key: bytes = field(repr=False)

    def spares(self, thing: Thing) -> bool:
        """It is as it was, nobody was in it, and it is not drawn to be read again."""
        if not thing.mark or self.nobody.get(_name(self.key, thing)) != _mark(self.key, thing):
            return False
        return _chance.random() >= max(DRAWN, AT_LEAST / len(self.nobody))


def last(workspace: Workspace, tokens: Iterable[str], *, now: datetime) -> WholeLook | None:
    """The last whole look, when it is not too old and knew all of these people; one that nobody here sealed is none."""
    kept = _read(workspace)
    if kept is None or not timedelta(0) <= now - kept.at <= LASTS:
        return None
    held = workspace.lineage.versions_holding(map(bytes.fromhex, tokens))
    known = all(any(version.digest in kept.versions for version in versions) for versions in held.values())
    return kept if held and known else None


def due(workspace: Workspace, *, now: datetime) -> bool:
    """Nobody made one for half as long as it lasts."""
    kept = _read(workspace)
    return kept is None or now - kept.at > LASTS / 2


def keep(workspace: Workspace, nobody: Sequence[Thing], versions: frozenset[str], *, now: datetime) -> None:
    """Note what named nobody, in place of what was noted before."""
    key = workspace.keys.index
    body = {
        "at": now.isoformat(),
        "versions": sorted(versions),
        "nobody": {_name(key, one): _mark(key, one) for one in nobody},
    }
    with files.replacing(workspace.path(FILE)) as stream:
        stream.write(hashing.canonical({**body, "seal": _seal(key, body)}))


def _read(workspace: Workspace) -> WholeLook | None:
    key = workspace.keys.index
    try:
        body = json.loads(workspace.path(FILE).read_bytes())
        seal = body.pop("seal")
        if not hmac.compare_digest(seal, _seal(key, body)):
            return None
        return WholeLook(datetime.fromisoformat(body["at"]), frozenset(body["versions"]), body["nobody"], key)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # none, damaged, or of another version: made anew
        return None


def _seal(key: bytes, body: object) -> str:
    return hmac.digest(key, b"whole look\0" + hashing.canonical(body), "sha256").hex()


def _name(key: bytes, thing: Thing) -> str:
    return _short(key, b"name", thing.where, thing.name)


def _mark(key: bytes, thing: Thing) -> str:
    return _short(key, b"mark", thing.mark)


def _short(key: bytes, what: bytes, *texts: str) -> str:
    said = b"\0".join(text.encode("utf-8", "surrogatepass") for text in texts)
    return hmac.digest(key, b"whole look " + what + b"\0" + said, "sha256").hex()[:32]
