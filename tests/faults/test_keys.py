"""Wrong, rotated, lost and badly kept keys: it works as docs/operations.md says, or stops before anything is changed."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from tests.faults.endings import certificates
from tests.small_project import SOURCE, TRAIN, Project, columns, erased_person, snapshot
from unlearning.domain.errors import KeyFileError, SubjectsReturned
from unlearning.domain.events import CertificateIssued
from unlearning.erasure import purge_again
from unlearning.project.training import stages
from unlearning.stores import keys
from unlearning.stores.tables import redaction, tables
from unlearning.traces import sweep

KEYS = ".unlearning/keys"


def replace(project: Project, name: str) -> None:
    """Another secret in its place, as happens when a key is lost."""
    (project.root / KEYS / f"{name}.key").write_text(secrets.token_hex(32) + "\n")


def rotate(project: Project, name: str) -> None:
    """Another secret in its place, as docs/operations.md says: the old one is put away."""
    file = project.root / KEYS / f"{name}.key"
    (project.root / KEYS / "retired").mkdir(exist_ok=True)
    file.rename(project.root / KEYS / f"retired/{name}-2026.key")
    keys.create(project.root / KEYS)


def state(project: Project) -> tuple[list[str], dict[str, str]]:
    """The ledger, and every file but databases, whose pages move when they are read, and what DVC leaves when it looks."""
    files = snapshot(project.root, without=[".db"])
    return project.kinds(), {path: digest for path, digest in files.items() if not path.startswith(".dvc/tmp")}


def bring_back(project: Project, people: list[str]) -> None:
    """Their old rows, in a new load."""
    table = tables.read(project.root / SOURCE).to_pydict()
    rows = columns()
    back = [number for number, who in enumerate(rows["patient"]) if who in people]
    redaction.write({name: [*table[name], *(rows[name][number] for number in back)] for name in table}, project.root / SOURCE)


def test_an_erasure_stops_before_anything_is_changed_when_the_index_key_is_another_than_that_of_the_request(
    project: Project,
) -> None:
    (request,) = project.request(project.cells()[0, 1][0])
    replace(project, "index")
    before = state(project)

    with pytest.raises(KeyFileError, match="another index key"):
        project.erase()

    assert state(project) == before
    (project.root / ".unlearning/keys.json").unlink()  # as in a project of an earlier version
    with pytest.raises(KeyFileError, match=rf"{request.request_id}.*index key"):
        project.erase()


def test_an_erasure_stops_before_anything_is_changed_when_the_index_was_made_with_another_key(project: Project) -> None:
    """Nobody would find the old versions that the person shaped, and the certificate would say that there are none."""
    replace(project, "index")
    with pytest.raises(KeyFileError, match="another index key"):
        project.request(project.cells()[0, 1][0])
    (project.root / ".unlearning/keys.json").unlink()  # as in a project of an earlier version
    project.request(project.cells()[0, 1][0])
    before = state(project)

    with pytest.raises(KeyFileError, match="the lineage was made with index key"):
        project.erase()

    assert state(project) == before


def test_a_sweep_and_a_purge_under_another_index_key_say_so_instead_of_finding_nothing(erased_project: Project) -> None:
    replace(erased_project, "index")
    workspace = erased_project.workspace

    with pytest.raises(KeyFileError, match="index key"):
        sweep.sweep(workspace, sweep.people(workspace, [], []))
    with pytest.raises(KeyFileError, match="index key"):
        purge_again.purge(workspace, [])


def test_after_a_change_of_the_partition_key_everyone_is_trained_anew_and_no_old_state_of_the_person_stays(
    project: Project,
) -> None:
    person = project.cells()[0, 1][0]
    shaped = {key for key in old_states(project, person) if key in project.workspace.checkpoints}
    assert shaped
    rotate(project, "partition")
    project.request(person)

    (report,) = project.erase()

    assert report["models"][0]["shards_retrained"] == report["models"][0]["shards_total"]
    assert shaped.isdisjoint(project.workspace.checkpoints.keys())
    assert list(project.states().values()) == ["completed"]
    assert certificates(project)


def old_states(project: Project, person: str) -> set[str]:
    """The checkpoints of version 1 that the person shaped, under the key of then."""
    [(shard, piece)] = [cell for cell, people in project.cells().items() if person in people]
    record = project.workspace.lineage.model("outcome", 1)
    return set(record.chain.shards[shard].keys[piece + 1 :])


def rotate_signing(project: Project) -> bytes:
    """As docs/operations.md says: the old public key is kept, a new pair made; the old public key."""
    folder = project.root / KEYS
    old = (folder / "signing.pub").read_bytes()
    (folder / "retired").mkdir()
    (folder / "signing.pub").rename(folder / "retired/2026-11.pub")
    (folder / "signing.pem").unlink()
    keys.create(folder)
    assert (folder / "signing.pub").read_bytes() != old
    return old


@pytest.mark.slow
def test_after_a_rotation_of_the_signing_key_erasures_go_on_and_old_twins_stay(project: Project) -> None:
    cells = project.cells()
    project.request(cells[0, 1][0])
    project.erase()
    first = project.workspace.ledger.of(CertificateIssued)[-1].fact.path
    old = rotate_signing(project)

    project.request(cells[1, 0][0])
    project.erase()

    assert list(project.states().values()) == ["completed", "completed"]
    last = project.workspace.ledger.of(CertificateIssued)[-1].fact.path
    assert verdict(project, first, old) == verdict(project, last, project.workspace.keys.public)


def verdict(project: Project, path: str, public: bytes) -> str:
    from unlearning.certificate import statement

    found = statement.verify(statement.read((project.root / path).read_bytes()), public)
    assert not found.refused, found
    return found.verdict


def test_who_was_erased_is_still_recognised_after_a_rotation_of_the_suppression_key(
    template: Project, erased_project: Project
) -> None:
    rotate(erased_project, "suppression")
    bring_back(erased_project, [erased_person(template)])

    with pytest.raises(SubjectsReturned, match="1 person"):
        stages.prepare(erased_project.workspace)


def test_who_has_asked_is_left_out_of_training_after_a_rotation_of_the_suppression_key(project: Project) -> None:
    person = project.people(TRAIN)[0]
    project.request(person)
    rotate(project, "suppression")

    work = stages.load(project.workspace)

    assert work.retain.excluded == project_rows(project, person)


def project_rows(project: Project, person: str) -> int:
    return [str(one) for one in tables.read(project.root / TRAIN).column("patient").to_pylist()].count(person)


@pytest.mark.parametrize("name", ["index.key", "partition.key", "suppression.key", "signing.pem"])
@pytest.mark.parametrize("fault", ["missing", "readable by others"])
def test_a_key_that_is_missing_or_that_others_can_read_stops_an_erasure_before_anything_is_changed(
    project: Project, name: str, fault: str
) -> None:
    project.request(project.people(TRAIN)[0])
    file: Path = project.root / KEYS / name
    if fault == "missing":
        file.unlink()
    else:
        file.chmod(0o644)
    before = state(project)

    with pytest.raises(KeyFileError, match=name):
        project.erase()

    assert state(project) == before
