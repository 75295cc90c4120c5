"""Which DVC object stands in for which erased one: a signed list in the repository, kept in Git with everything else.

A twin is the same table or folder without the people who were erased. Erasing somebody else later makes a twin of the twin,
so the map is followed until it ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from unlearning.certificate import envelope
from unlearning.certificate.schema import STATEMENT_TYPE
from unlearning.domain.errors import ProjectError, VerificationFailed, reading
from unlearning.domain.hashing import canonical
from unlearning.stores.files import replacing, whole
from unlearning.stores.git import plumbing
from unlearning.stores.git.repository import Git

FILE = "unlearning-twins.json"
PREDICATE_TYPE = "https://pypi.org/project/mlflow-unlearning/redaction-twins/v1"


@dataclass(frozen=True, slots=True)
class Twin:
    """One object in place of another."""

    old: str
    """DVC's hash of the erased object."""
    new: str
    """DVC's hash of what stands in for it."""
    path: str
    """What it is called at the revisions that name it; the first of its names."""
    digest: str
    """SHA-256 of the twin's content."""
    size: int
    """Bytes; of a folder, of everything in it."""
    files: int | None = None
    """In a folder."""


class TwinMap:
    """The list, by erased object; and what stages made of erased data that nobody could redact."""

    def __init__(self, twins: Iterable[Twin] = (), stale: Iterable[str] = ()) -> None:
        """stale: DVC's hash of each such output: `dvc repro` at a twin makes it again."""
        self.twins: Mapping[str, Twin] = {twin.old: twin for twin in twins}
        self.stale: frozenset[str] = frozenset(stale)

    def last(self, object_hash: str) -> Twin | None:
        """What stands in for an object today, after every later erasure; None for one that was never erased."""
        found, twin = None, self.twins.get(object_hash)
        while twin is not None and twin is not found:
            found, twin = twin, self.twins.get(twin.new)
        return found

    def made_of_erased(self, object_hash: str) -> bool:
        """The object, or what stands in for it, holds something that nobody could redact."""
        last = self.last(object_hash)
        return not self.stale.isdisjoint({object_hash, last.new if last else object_hash})

    def with_twins(self, twins: Iterable[Twin], stale: Iterable[str] = ()) -> TwinMap:
        """The map and some more; what is there already stays."""
        more = (twin for twin in twins if twin.old not in self.twins)
        return TwinMap([*self.twins.values(), *more], self.stale | set(stale))


def read(git: Git, root: Path, *, public_keys: Sequence[bytes] = ()) -> TwinMap:
    """The project's map; an empty one before the first twin. Raises VerificationFailed for one that was changed.

    It lies in the work tree, for everyone who clones, and under a ref, for old revisions from before it was written.
    public_keys: one of them must have signed it; without any the content is taken as it is.
    """
    file = root / FILE
    with reading(FILE, f"restore it with `git checkout -- {FILE}`", otherwise=VerificationFailed):
        contents = [plumbing.kept(git, FILE), whole(file) if file.exists() else None]
        found = [_parse(content, public_keys) for content in contents if content is not None]
    return TwinMap((twin for one in found for twin in one.twins.values()), (name for one in found for name in one.stale))


def way_back(root: Path, object_hash: str) -> str:
    """How the content of an object that is nowhere is had again: pushing an erased one would bring people back."""
    try:
        twins = read(Git(root), root)
    except (ProjectError, VerificationFailed):  # no Git, or a map that says nothing
        twins = TwinMap()
    if object_hash in twins.twins or object_hash in twins.stale:
        return "it was erased; `unlearn checkout REV` brings back its revision without the people"
    return "run `dvc push` where it still is, unless an erasure deleted it: that would bring people back"


def _parse(content: bytes, public_keys: Sequence[bytes]) -> TwinMap:
    signed = envelope.read(content)
    if public_keys and not any(envelope.signed_by(signed, key) for key in public_keys):
        raise VerificationFailed(
            f"{FILE} is signed with none of this project's {len(public_keys)} keys; after a rotation, put the old signing.pub "
            f"into the folder `retired` beside the new one, otherwise restore it with `git checkout -- {FILE}`"
        )
    statement = envelope.statement_of(signed)
    if statement.predicate_type != PREDICATE_TYPE:
        raise VerificationFailed(f"{FILE} is about {statement.predicate_type!r}; expected {PREDICATE_TYPE!r}")
    said = statement.predicate
    return TwinMap((Twin(**twin) for twin in said["twins"]), said.get("stale", ()))


def write(git: Git, root: Path, twins: TwinMap, *, signing_key: bytes) -> None:
    """The map as a signed in-toto Statement about the twins, in both places; writing the same again changes nothing."""
    listed = sorted(twins.twins.values(), key=lambda twin: twin.old)
    statement: dict[str, Any] = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": twin.new, "digest": {"sha256": twin.digest}} for twin in listed],
        "predicateType": PREDICATE_TYPE,
        "predicate": {"twins": [asdict(twin) for twin in listed], "stale": sorted(twins.stale)},
    }
    content = envelope.dump(envelope.sign(canonical(statement), signing_key))
    if plumbing.kept(git, FILE) != content:
        plumbing.keep(git, FILE, content, message=f"{len(listed)} twins")
    with replacing(root / FILE) as stream:
        stream.write(content)
