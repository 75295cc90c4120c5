"""A second signature under a certificate: the data protection officer signs what the operator signed."""

from __future__ import annotations

from pathlib import Path

from unlearning.certificate import envelope, statement
from unlearning.certificate.page.page import render
from unlearning.domain.errors import NotFound, VerificationFailed
from unlearning.stores import keys
from unlearning.stores.files import replacing


def countersign(file: Path, key: Path) -> tuple[str, ...]:
    """Add the signature of a private key to a certificate and its page; the ids of all keys that signed.

    Raises NotFound, KeyFileError for a key that others can read, WrongUse when that key has signed already, VerificationFailed
    for a file that is no sound certificate: nobody should sign what contradicts itself.
    """
    if not key.exists():
        raise NotFound(f"{key} does not exist; make a key with `openssl genpkey -algorithm ed25519 -out {key}`, then chmod 600")
    pem = keys.read_private(key)
    signed = statement.add_signature(statement.read(_read(file)), pem)
    found = statement.verify(signed, envelope.public_key(pem))
    if found.refused:
        raise VerificationFailed(f"{file.name} contradicts itself, so it was not signed: {found.grade}; ask the issuer for it")
    page = render(signed, envelope.public_key(pem))
    for target, content in ((file, statement.dump(signed)), (file.with_suffix(".html"), page.encode())):
        with replacing(target) as stream:
            stream.write(content)
    return envelope.key_ids(signed)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise NotFound(f"{path} cannot be read ({error.strerror}); name an existing file") from error
