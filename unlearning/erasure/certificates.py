"""Certificates that were issued, by the id of an erasure or of a request, as they were signed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from unlearning.domain.errors import NotFound, Unavailable
from unlearning.domain.events import CertificateIssued
from unlearning.project import requests

if TYPE_CHECKING:
    from unlearning.project.workspace import Workspace

_CERTIFIED = re.compile("(request-[0-9a-f]{16}|erasure-[0-9a-f]{12})")


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
