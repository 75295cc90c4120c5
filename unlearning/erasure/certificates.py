"""The folder of what was signed: certificates and records are kept there, and found again by their ids."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from unlearning.certificate import envelope
from unlearning.domain import hashing
from unlearning.domain.errors import NotFound, Unavailable
from unlearning.domain.events import CertificateIssued
from unlearning.project import requests
from unlearning.stores.files import replacing

if TYPE_CHECKING:
    from unlearning.certificate.envelope import Envelope
    from unlearning.project.workspace import Workspace

_CERTIFIED = re.compile("(request-[0-9a-f]{16}|erasure-[0-9a-f]{12})")


def keep(workspace: Workspace, name: str, signed: Envelope) -> tuple[str, str]:
    """Write what was signed; its path relative to the project, and its digest."""
    path, content = f"{workspace.settings.stores.certificates}/{name}.json", envelope.dump(signed)
    write(workspace.path(path), content)
    return path, hashing.bytes_digest(content)


def write(target: Path, content: bytes) -> None:
    """Put a file into that folder, whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as stream:
        stream.write(content)


def newest(workspace: Workspace, name: str) -> bytes:
    """The newest certificate of an erasure or a request. Raises NotFound, and Unavailable for one whose file is gone."""
    if not _CERTIFIED.fullmatch(name):
        raise NotFound("no such certificate; expected the id of an erasure or of a request")
    if name.startswith("request-"):
        [one] = requests.chosen(workspace, [name])
        issued = workspace.ledger.of(CertificateIssued, subjects=[name, *([one.erasure_id] if one.erasure_id else [])])
    else:
        issued = workspace.ledger.of(CertificateIssued, subject=name)
    paths = [event.fact.path for event in issued if event.fact.path]
    if not paths:
        raise NotFound(f"{name} has no certificate yet; it gets one when its erasure has ended")
    try:
        return workspace.path(paths[-1]).read_bytes()
    except FileNotFoundError:
        raise Unavailable(f"the certificate of {name} is not where it was written; restore it from a backup") from None
