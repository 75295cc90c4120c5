"""Certificates by the id of an erasure or a request."""

from __future__ import annotations

import pytest

from tests.small_project import Project
from unlearning.certificate import envelope
from unlearning.domain.errors import NotFound, Unavailable
from unlearning.erasure import certificates


def test_the_newest_certificate_is_found_by_request_and_by_erasure(erased_project: Project) -> None:
    workspace = erased_project.workspace
    [request] = workspace.ledger.state().requests.values()
    assert request.erasure_id
    found = certificates.newest(workspace, request.request_id)
    assert found == certificates.newest(workspace, request.erasure_id)
    envelope.statement_of(envelope.read(found))
    for name in ("request-0000000000000000", "erasure-000000000000", "../keys/index.key", ""):
        with pytest.raises(NotFound):
            certificates.newest(workspace, name)
    assert request.certificate
    workspace.path(request.certificate).unlink()
    with pytest.raises(Unavailable, match="restore it"):
        certificates.newest(workspace, request.erasure_id)
