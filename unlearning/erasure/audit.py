"""Is the ledger what it was? The chain of hashes alone shows an edit; what was noted elsewhere shows a cut or a rewrite.

Heads are noted outside of the ledger's database: in tags of model versions when they are certified and by every round of
watching, in signed certificates, and by whoever keeps what `unlearn audit` prints. Whoever rewrites the whole chain would have
to change all of them. The Merkle root over all events is worked out when it is asked for: stored in the ledger itself it would
be rewritten with the rest, and outside a head says the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from unlearning.certificate import envelope, statement
from unlearning.domain import hashing, merkle
from unlearning.domain.errors import Damaged, Refused, Unavailable, VerificationFailed, WrongUse
from unlearning.domain.events import CertificateIssued
from unlearning.project.holdings import adoptions
from unlearning.stores.files import whole

if TYPE_CHECKING:
    from unlearning.project.workspace import Workspace
    from unlearning.stores.mlflow.models import Registered
    from unlearning.stores.sql.ledger import SqlLedger

NOTED = "unlearning.ledger_noted"
"""Tag of a model version: `position:hash` of the ledger's last event when somebody last looked."""


@dataclass(frozen=True)
class Note:
    """A head of the ledger that was noted elsewhere."""

    where: str
    head: str
    position: int | None = None
    """Of the event; None where only its hash was noted."""


@dataclass(frozen=True)
class Audit:
    """What an audit found."""

    intact: bool
    events: int
    head: str
    root: str
    notes: tuple[str, ...]
    """Where heads were noted that the ledger was compared with."""
    unchecked: tuple[str, ...]
    findings: tuple[str, ...]
    """What is wrong, in words."""


def audit(workspace: Workspace, expected: Sequence[Note] = (), *, rebuild: bool = False) -> Audit:
    """Everything that is wrong with the ledger, in words, and the head and root to note for the next time.

    expected: heads that somebody kept. rebuild: make the projection of the ledger again from its events, when each is as it was
    written.
    """
    notes, unchecked = [*expected], []
    try:
        notes += _tagged(workspace)
    except Unavailable as error:
        unchecked.append(f"tags of model versions: {error}")
    certificates, broken = _certificates(workspace)
    findings = [*check(workspace.ledger, [*notes, *certificates]), *broken, *_issued(workspace)]
    findings += _projection(workspace.ledger, rebuild=rebuild)
    position, head = workspace.ledger.head()
    return Audit(
        intact=not findings,
        events=position,
        head=head,
        root=root(workspace.ledger),
        notes=tuple(note.where for note in (*notes, *certificates)),
        unchecked=tuple(unchecked),
        findings=tuple(findings),
    )


def check(ledger: SqlLedger, notes: Iterable[Note]) -> list[str]:
    """What is wrong with the chain, and which notes it contradicts; empty when every event is as it was written."""
    known = dict(ledger.hashes())
    return [*ledger.verify(), *(finding for note in notes if (finding := _contradicts(known, note)))]


def _projection(ledger: SqlLedger, *, rebuild: bool) -> list[str]:
    """Where the tables that commands ask differ from a fresh fold of the events, made again before if that is wanted."""
    if rebuild and ledger.verify():
        return ["the projection was left as it is: events were edited, removed or cut off; restore the ledger from a backup"]
    try:
        if rebuild:
            ledger.rebuild()
        found = ledger.differences()
    except (Damaged, Refused) as error:
        return [f"the projection cannot be compared with the events: {error}"]
    return [*found, _WAY_OUT] if found else []


_WAY_OUT = "commands that ask the projection are refused until `unlearn audit --rebuild` has made it again from the events"


def root(ledger: SqlLedger) -> str:
    """The Merkle root over the hashes of all events in their order: one value that stands for the whole ledger."""
    return merkle.ordered_root([bytes.fromhex(value) for _, value in ledger.hashes() if _is_hash(value)])


def note(workspace: Workspace) -> None:
    """Note the head in a tag of the version that serves; a database that is cut off later than this is found out."""
    position, head = workspace.ledger.head()
    noted = f"{position}:{head}"
    for version in _serving(workspace):
        if version.tags.get(NOTED) != noted:
            workspace.models.tag(version.model, {NOTED: noted})


def _serving(workspace: Workspace) -> list[Registered]:
    """The version behind each own alias; in a project that trains none, of each adopted model the one that is looked after."""
    if owns := workspace.settings.owns:
        behind = [one for own in owns if (one := workspace.models.alias(own.model, own.alias))]
        return [workspace.models.version(one.name, one.version) for one in behind]
    found = {each.model for each in adoptions(workspace).values()}
    return [one for model in found for one in workspace.models.versions(model.name) if one.model == model]


def parse(text: str) -> Note:
    """`POSITION:HASH` as a note. Raises WrongUse."""
    position, colon, head = text.partition(":")
    if not colon or not position.isdigit() or not _is_hash(head):
        raise WrongUse(f"{text!r} is no head of a ledger; expected POSITION:HASH, as `unlearn audit` prints it")
    return Note("the head you gave", head, int(position))


def lines(report: Audit) -> list[str]:
    """An audit for people."""
    verdict = "intact" if report.intact else f"{len(report.findings)} findings"
    return [
        f"{verdict}: {report.events} events, compared with {len(report.notes)} notes of its head",
        f"  head  {report.events}:{report.head}",
        f"  root  {report.root}",
        *(f"  FOUND  {finding}" for finding in report.findings),
        *(f"  not compared  {what}" for what in report.unchecked),
    ]


def _contradicts(known: Mapping[int, str], note: Note) -> str | None:
    last, short = max(known, default=0), f"{note.head[:12]}…"
    if note.position is None:
        there = note.head in known.values()
        return None if there else f"the head {short} that {note.where} notes is not in the ledger: it was cut off or rewritten"
    if note.position == 0 or known.get(note.position) == note.head:
        return None
    if note.position > last:
        return f"the ledger ends at event {last}, but {note.where} notes event {note.position}: it was cut off"
    return f"event {note.position} is not the one that {note.where} notes ({short}): it was removed, edited or rewritten"


def _tagged(workspace: Workspace) -> list[Note]:
    notes = []
    for version in workspace.models.every_version():
        if head := version.tags.get(LEDGER_HEAD):
            notes.append(Note(f"the tag {LEDGER_HEAD} of {version.model}", head))
        if text := version.tags.get(NOTED):
            position, _, head = text.partition(":")
            notes.append(Note(f"the tag {NOTED} of {version.model}", head, int(position) if position.isdigit() else None))
    return notes


def _certificates(workspace: Workspace) -> tuple[list[Note], list[str]]:
    """The heads that certificates state, and the files that are none."""
    notes, broken = [], []
    for file in sorted(workspace.path(workspace.settings.stores.certificates).glob("*.json")):
        try:
            chain = envelope.statement_of(statement.read(whole(file))).predicate["chain"]
            notes.append(Note(f"certificate {file.name}", str(chain["head"]), int(chain["position"]) - 1))
        except (VerificationFailed, KeyError, TypeError, ValueError, OSError):
            broken.append(f"{file.name} among the certificates cannot be read as one: it was changed")
    return notes, broken


def _issued(workspace: Workspace) -> Iterator[str]:
    """Certificates that the ledger issued and that are not what they were."""
    try:
        events = workspace.ledger.of(CertificateIssued)
    except Damaged as error:
        yield str(error)
        return
    latest = {event.fact.path: event for event in events if event.fact.path}
    for path, event in latest.items():
        if not workspace.path(path).is_file():
            yield f"certificate {path}, issued by event {event.seq}, is gone"
        elif event.fact.digest not in _digests(workspace.path(path)):
            yield f"certificate {path} is not the one that event {event.seq} issued: one of the two was changed"


def _digests(file: Path) -> set[str]:
    """What a certificate's digest was with its first signature, its first two, …: signing again changes the file."""
    content = whole(file)
    try:
        signed = statement.read(content)
    except VerificationFailed:
        return {hashing.bytes_digest(content)}
    stages = (replace(signed, signatures=signed.signatures[:count]) for count in range(1, len(signed.signatures) + 1))
    return {hashing.bytes_digest(statement.dump(stage)) for stage in stages}


def _is_hash(text: str) -> bool:
    return len(text) == 64 and not set(text) - set("0123456789abcdef")


LEDGER_HEAD = "unlearning.ledger_head"
"""Tag of a model version: the hash of the ledger's last event when the version was certified."""
