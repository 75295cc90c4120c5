"""A second signature under a certificate: the data protection officer signs what the operator signed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from unlearning.certificate import envelope, statement
from unlearning.certificate.page.page import render
from unlearning.certificate.statement import Verification
from unlearning.domain.errors import NotFound, VerificationFailed
from unlearning.stores import keys
from unlearning.stores.files import replacing


def countersign(file: Path, key: Path, *, operator: Path, now: datetime | None = None) -> Verification:
    """Add the signature of a private key to a certificate and its page; what it is worth under both keys.

    operator: the public key that must have signed it. Raises NotFound, KeyFileError for a key that others can read, WrongUse
    when the key has signed already, VerificationFailed for what does not verify under the operator's key: nobody should lend
    their name to that.
    """
    if not key.exists():
        make = f"`openssl genpkey -algorithm ed25519 -out {key}`, then `chmod 600 {key}`"
        raise NotFound(f"{key} does not exist; make a key with {make}")
    pem, theirs, now = keys.read_private(key), _read(operator), now or datetime.now(UTC)
    before = statement.read(_read(file))
    found = statement.verify(before, theirs, now=now)
    if found.verdict != "verified":
        wrong = "; ".join([found.grade, *(str(one) for one in found.recomputed if not one.agrees)])
        raise VerificationFailed(f"{file.name} is {found.verdict} under the operator's key, so it was not signed: {wrong}")
    signed = statement.add_signature(before, pem)
    both = (theirs, envelope.public_key(pem))
    page = render(signed, *both, now=now)
    for target, content in ((file, statement.dump(signed)), (file.with_suffix(".html"), page.encode())):
        with replacing(target) as stream:
            stream.write(content)
    return statement.verify(signed, *both, now=now)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise NotFound(f"{path} cannot be read ({error.strerror}); name an existing file") from error
