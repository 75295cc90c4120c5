"""`unlearn replay`: constituents of a certificate that somebody else drew, trained again and compared with what it states."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from unlearning.certificate import draw as drawing
from unlearning.certificate import envelope, verification
from unlearning.certificate.draw import Draw, Drawn
from unlearning.domain.errors import NotFound, VerificationFailed, WrongUse
from unlearning.erasure.judge import Asked, bar
from unlearning.lineage.sources import parsed
from unlearning.project.training.train import replay

if TYPE_CHECKING:
    from unlearning.project.workspace import Workspace

_LARGEST = 256 << 20


@dataclass(frozen=True)
class Compared:
    """One constituent, stated and trained again."""

    model: str
    shard: int
    stated: str
    again: str | None
    """SHA-256; None where training again gave none: no record of the shard is left."""

    @property
    def equal(self) -> bool:
        """The same bytes."""
        return self.stated == self.again


@dataclass(frozen=True)
class DrawnReplay:
    """What was drawn, and what training it again gave."""

    draw: Draw
    compared: tuple[Compared, ...]
    otherwise: tuple[str, ...]
    """What is other now than where they were made, where that explains every difference."""
    verdict: str
    """`passed`, `failed`, or `underpowered` where another environment compares."""


@dataclass(frozen=True)
class Stated:
    """A certificate that verified, and the constituents it states."""

    digest: str
    constituents: Mapping[Drawn, str]


def stated(file: Path, keys: Sequence[bytes], *, now: datetime) -> Stated:
    """What a certificate states. Raises NotFound, VerificationFailed for one that does not verify, WrongUse without a key.

    keys: public, PEM; every one of them must have signed it.
    """
    if not keys:
        raise WrongUse("nothing says who signed the certificate: name its public key with --key")
    read = envelope.read(content(file))
    found = verification.verify(read, *keys, now=now)
    if found.verdict in ("invalid", "contradictory"):
        raise VerificationFailed(f"{file.name} is {found.verdict}: {found.grade}; nothing is replayed of it")
    return Stated(drawing.certificate_digest(read), drawing.constituents(found.predicate))


def draw(of: Stated, said: str, shards: int | None) -> Draw:
    """The draw that `--draw` says: `beacon:VALUE`, `key:FILE`, or a file with a draw. Raises WrongUse, NotFound."""
    among = sorted(of.constituents, key=lambda one: (one.model, one.shard))
    kind, colon, rest = said.partition(":")
    if colon and kind in ("beacon", "key"):
        begun = drawing.by_beacon(of.digest, rest) if kind == "beacon" else drawing.by_key(of.digest, content(Path(rest)))
        return drawing.drawn(begun, among, min(3, len(among)) if shards is None else shards)
    if shards is not None:
        raise WrongUse("--shards: a draw that was made says how many; leave it out, or draw with beacon:VALUE or key:FILE")
    try:
        text = content(Path(said)).decode("utf-8")
    except UnicodeDecodeError:
        raise WrongUse(
            "--draw: the file is no draw; expected what `unlearn replay CERT --draw beacon:VALUE --dry-run --json` prints"
        ) from None
    return drawing.read(text, of.digest, among)


def run(workspace: Workspace, of: Stated, made: Draw) -> DrawnReplay:
    """Train the drawn constituents from nothing, storing none of them.

    Raises NotFound where the records or the recipe are no longer those that made a version.
    """
    shards: dict[str, list[int]] = defaultdict(list)
    for one in made.drawn:
        shards[one.model].append(one.shard)
    compared, otherwise, explained = list[Compared](), list[str](), True
    for name, numbers in shards.items():
        again, other = _again(workspace, name, numbers)
        found = [Compared(name, number, of.constituents[Drawn(name, number)], again.get(number)) for number in numbers]
        explained &= all(one.equal for one in found) or bool(other)
        otherwise += other
        compared += found
    equal = all(one.equal for one in compared)
    verdict = "passed" if equal else "underpowered" if explained else "failed"
    return DrawnReplay(made, tuple(compared), tuple(dict.fromkeys(otherwise)), verdict)


def _again(workspace: Workspace, name: str, shards: Sequence[int]) -> tuple[Mapping[int, str], Sequence[str]]:
    """Shard → SHA-256 of a training from nothing; what is other now than where they were made."""
    version = parsed(name.removeprefix("models:/"))
    before = bar(workspace.of(version.name), version, Asked())
    before.require_same()
    if before.record.trained.guarantee != "exact":
        raise WrongUse(f"{version} was made by {before.record.trained.method}, which promises no bytes; judge it instead")
    if before.asked_since:
        raise NotFound(f"{version}: people who asked since are in it, and nothing is trained on them again; erase them first")
    done = replay(before.view, before.trained_on, before.record.trained, shards=shards)
    return done.digests, done.otherwise


def content(path: Path) -> bytes:
    """A certificate, a draw or a key. Raises NotFound, VerificationFailed for what is too large to be one."""
    try:
        with path.open("rb") as stream:
            found = stream.read(_LARGEST + 1)
    except (OSError, ValueError) as error:
        raise NotFound(
            f"{path} cannot be read ({getattr(error, 'strerror', None) or 'no name of a file'}); name a file"
        ) from None
    if len(found) > _LARGEST:
        raise VerificationFailed(f"{path} is larger than {_LARGEST >> 20} MiB; no certificate, draw or key is")
    return found
