"""Step 9, certify: gather what was done and measured, sign it, and keep it where `unlearn verify` finds it."""

from __future__ import annotations

from collections.abc import Sequence

from unlearning.certificate import facts, statement
from unlearning.certificate.page.page import render
from unlearning.domain.errors import VerificationFailed
from unlearning.domain.events import CertificateIssued
from unlearning.domain.versions import ModelVersion
from unlearning.erasure import certificates, whole_look
from unlearning.erasure.audit import LEDGER_HEAD
from unlearning.erasure.certified_facts import absences, erasure_facts, findings, frame, promoted_versions, trees_of_tables
from unlearning.erasure.erasure import Erasure
from unlearning.project.workspace import Workspace
from unlearning.traces import sweep


def issue(erasure: Erasure, *, identifiers: Sequence[str] = (), quick: bool = False) -> CertificateIssued:
    """The certificate of an erasure, written and signed; see `erasure_facts`."""
    workspace = erasure.workspace
    if not erasure.plan.tokens:
        return CertificateIssued(path=None, residuals=0, decision="not_found")
    gathered = erasure_facts(erasure, identifiers=identifiers, quick=quick)
    whole_look.forget(workspace, erasure.plan.tokens)
    path, digest = _sign(workspace, gathered, erasure.erasure_id)
    for made in promoted_versions(erasure):
        _note(workspace, made, digest)
    left = gathered.left
    return CertificateIssued(path=path, digest=digest, residuals=len(left), decision="erased", left=left)


def _note(workspace: Workspace, made: ModelVersion, digest: str) -> None:
    """Tags of the new version: its certificate, and the head of the ledger, so that a cut at the ledger's end is seen.

    While a legal hold kept this erasure back, a later one may have replaced and deleted the version.
    """
    if made in {version.model for version in workspace.models.versions(made.name)}:
        workspace.models.tag(made, {"unlearning.certificate": digest, LEDGER_HEAD: workspace.ledger.head()[1]})


def issue_not_found(erasure: Erasure) -> None:
    """A certificate for each request whose person is in no known data version."""
    workspace = erasure.workspace
    for request in erasure.requests:
        if request.state != "not_found" or workspace.ledger.of(CertificateIssued, subject=request.request_id):
            continue
        now = erasure.now()
        searched = tuple(
            facts.SearchedTable(data=version, root=tree.root, absences=absences(tree, [request.token]))
            for version, tree in trees_of_tables(workspace)
        )
        gathered = facts.NotFoundFacts(
            frame=frame(erasure, [request], request.request_id, now),
            searched=searched,
            nearest=request.nearest,
            findings=findings(sweep.sweep(workspace, [request.token], known=False), now),
        )
        path, digest = _sign(workspace, gathered, request.request_id)
        left = gathered.left
        issued = CertificateIssued(path=path, digest=digest, residuals=len(left), decision="not_found", left=left)
        workspace.ledger.append(request.request_id, issued, at=now)


def _sign(workspace: Workspace, gathered: facts.CertificateFacts | facts.NotFoundFacts, name: str) -> tuple[str, str]:
    """Write the signed envelope; its path relative to the project, and its digest."""
    envelope = statement.sign(statement.encode(statement.statement(gathered)), workspace.keys.signing)
    now = gathered.frame.issued_at
    found = statement.verify(envelope, workspace.keys.public, now=now)
    if found.refused:
        raise VerificationFailed(
            f"the certificate of {name} contradicts itself ({found.verdict}), so it was not written: {found.grade}"
        )
    path, digest = certificates.keep(workspace, name, envelope)
    certificates.write(workspace.path(path).with_suffix(".html"), render(envelope, workspace.keys.public, now=now).encode())
    return path, digest


def certify_step(erasure: Erasure, *, identifiers: Sequence[str] = (), quick: bool = False) -> CertificateIssued:
    """9: sign what was done and measured; people of whom no record was found get a certificate that says so."""
    issue_not_found(erasure)
    return erasure.once(CertificateIssued, lambda: issue(erasure, identifiers=identifiers, quick=quick))
