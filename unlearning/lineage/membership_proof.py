"""Proofs that a person is, or is not, in a data version, made in any Git and DVC repository; `certificate` checks them offline.

The proof is about a keyed token (`hashing.token`), cut to 16 bytes, under the Merkle root of everyone in the table
(`merkle.py`). It says nothing about who else is there; whoever is to link it to a person needs the index key.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unlearning.certificate.schema import PROOF_FORMAT
from unlearning.domain import hashing, merkle, spellings, versions
from unlearning.domain.codec import write
from unlearning.domain.errors import NeedsReview, ProjectError, WrongUse
from unlearning.domain.hashing import IdentifierKind
from unlearning.domain.spellings import Difference
from unlearning.domain.versions import DataVersion
from unlearning.project import settings
from unlearning.project.people import Present
from unlearning.stores import keys, scratch
from unlearning.stores.dvc import pins
from unlearning.stores.sql.membership import TOKEN_BYTES
from unlearning.stores.tables import tables
from unlearning.stores.tables.people import nearest as nearest_spelling
from unlearning.stores.tables.people import told_apart

if TYPE_CHECKING:
    import pyarrow as pa

ONE_OFF = "one-off"


@dataclass(frozen=True)
class Prover:
    """What a proof needs to know of the repository it is made in."""

    root: Path
    column: str | None
    """The project's usual person column; None where `unlearn init` never ran, or no recipe and no setting names one."""
    identifier: IdentifierKind
    key: bytes = field(repr=False)
    origin: str
    """Where the key came from; `one-off` for a key made for this proof and kept nowhere."""
    spellings: tuple[str, ...] = ()
    same_but_for: tuple[Difference, ...] = ()


def prover(root: Path, environ: Mapping[str, str] = os.environ) -> Prover:
    """The repository's person column, spelling and index key; without a project no column, text, and if need be a new key."""
    try:
        project: settings.Settings | None = settings.load(root)
    except ProjectError:
        project = None
    folder = root / (project.stores.keys if project else settings.Stores().keys)
    key, origin = _index_key(folder, environ)
    if project is None:
        return Prover(root, None, "text", key, origin)
    column = next((_recipe_column(root, own.recipe) for own in project.owns), project.subject.column)
    subject = project.subject
    return Prover(root, column, subject.identifier, key, origin, subject.spellings, subject.same_but_for)


def _recipe_column(root: Path, recipe: str) -> str:
    from unlearning.project.recipes import person_column

    return person_column(root, recipe)


def _index_key(folder: Path, environ: Mapping[str, str]) -> tuple[bytes, str]:
    """The index key alone: a proof needs none of the others."""
    known = keys.load_one("index", folder, environ)
    if known is None:
        return secrets.token_bytes(32), ONE_OFF
    return known, "environment" if environ.get(keys.variable("index")) else "file"


def prove(who: Prover, identifier: str, named: str, *, column: str | None = None) -> dict[str, Any]:
    """The proof about one person and one data version, which `verify` checks; of somebody absent, how near a spelling is there.

    named: `PATH`, the table in the workspace, or `PATH@REV`. Raises WrongUse when no person column is known, NotFound for a
    path or revision that is not there, DataError for a table without that column or whose people cannot be told apart,
    IdentifierError for an identifier that may mean somebody else, NeedsReview for a person who is named with others.
    """
    chosen = column or who.column
    pin, table = _table(who.root, named, chosen)
    if chosen is None:
        has = tables.said_columns(table)
        raise WrongUse(f"no person column is known for {named}; name it with --subject-column; the table has {has}")
    [asked] = spellings.asked([identifier], who.identifier, who.spellings)
    with tables.about(pin.path):
        everyone = tables.people(table, chosen)
        inner = told_apart(everyone.values, who.identifier, same_but_for=who.same_but_for).certain()
        shared = tables.shared_tokens(everyone, kind=who.identifier, key=who.key)
    [whole] = hashing.tokens([asked], who.identifier, keys=[who.key])[0]
    if whole in shared:
        raise NeedsReview(f"{pin.path} names this person in one cell together with others; make one row a person of it first")
    known = hashing.keyed(who.key, inner)
    here = frozenset(one.hex() for one in known)
    Present(here.intersection, lambda: everyone.values, who.key).check_unmistaken([asked], [whole.hex()])
    tree = merkle.Tree({one[:TOKEN_BYTES] for one in known})
    token = whole[:TOKEN_BYTES]
    proof = tree.prove(token)
    version = DataVersion(pin.path, pin.digest, pin.object, pin.rev, len(table), tree.size)
    document: dict[str, Any] = {
        "format": PROOF_FORMAT,
        "kind": proof.kind,
        "token": token.hex(),
        "root": tree.root,
        "proof": proof.plain(),
        "data_version": write(version),
        "subject_column": chosen,
        "identifier": who.identifier,
        "key": {"id": hashing.key_id(who.key), "origin": who.origin},
    }
    near = nearest_spelling(asked, everyone.values) if proof.kind == "absence" else None
    return document if near is None else {**document, "nearest": list(near)}


def _table(root: Path, named: str, column: str | None) -> tuple[versions.Pin, pa.Table]:
    path, rev = split(named)
    pin = pins.pin(versions.address(path, rev=rev, repo=str(root.resolve())))
    with scratch.folder(root) as aside:
        file = root / path if rev is None else pins.fetch(pin, aside)
        return pin, tables.read(file, person=column, named=path)


def split(named: str) -> tuple[str, str | None]:
    """`PATH@REV` as path and revision; without an `@` the revision is None."""
    path, at, rev = named.rpartition("@")
    if not at:
        return named, None
    if not path or not rev:
        raise WrongUse(f"{named!r} is no PATH@REV; expected for example data/train.parquet@v1.0")
    return path, rev
