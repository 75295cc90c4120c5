"""The four secrets of a project: three HMAC keys and the signing key.

Index, partition and suppression keys are apart, so that rotating one moves nobody in the others. They come from the environment
(the names are listed in `settings.py`) or from files that only their owner can read; never from a database.

A project remembers the public ids of its keys: with another key nobody is found again, and a new one would hide that the old
one is lost. The partition, suppression and signing keys may be replaced by whoever keeps the old one in `retired/`.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import stat
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from unlearning.domain.environ import INDEX_KEY, PARTITION_KEY, SIGNING_KEY, SUPPRESSION_KEY
from unlearning.domain.errors import KeyFileError
from unlearning.domain.hashing import key_id
from unlearning.stores.files import replacing, taking_turns, whole

TOKEN_KEYS = ("index", "partition", "suppression")
_VARIABLES = dict(zip(TOKEN_KEYS, (INDEX_KEY, PARTITION_KEY, SUPPRESSION_KEY), strict=True))
SIGNING, PUBLIC = "signing.pem", "signing.pub"
RETIRED = "retired"
"""Folder of the keys that were rotated away, of a signing key its public half: what it signed still verifies."""
FILE = ".unlearning/keys.json"
"""In the project: name of a key → its public id; nothing in it is secret."""
ALL = (*TOKEN_KEYS, "signing")

_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Keys:
    """A project's secrets, loaded; its repr shows public key ids only."""

    index: bytes = field(repr=False)
    """(32,) makes the tokens of ledger and lineage."""
    partition: bytes = field(repr=False)
    """(32,) places people in shards and slices; lives as long as the model."""
    suppression: bytes = field(repr=False)
    """(32,) makes the tokens of the suppression list."""
    signing: bytes = field(repr=False)
    """Ed25519 private key, PKCS8 PEM."""

    def __repr__(self) -> str:
        ids = ", ".join(f"{name}={key_id(getattr(self, name))}" for name in TOKEN_KEYS)
        return f"Keys({ids})"

    @property
    def public(self) -> bytes:
        """The Ed25519 public key, SubjectPublicKeyInfo PEM: what others verify with."""
        return _public_pem(_signing_key(self.signing, "the signing key"))

    @property
    def ids(self) -> dict[str, str]:
        """Name → public id of each."""
        return {name: key_id(getattr(self, name)) for name in TOKEN_KEYS} | {"signing": _public_id(self.public)}


def create(folder: Path) -> list[Path]:
    """Makes the key files that are missing and says which; what exists is never touched.

    Raises KeyFileError when `signing.pem` is lost although `signing.pub` is there, or cannot be read to make `signing.pub`.
    """
    if (folder / PUBLIC).exists() and not (folder / SIGNING).exists():
        raise KeyFileError(
            f"{folder / PUBLIC} is there, {SIGNING} is not: a new one would not fit. Restore {SIGNING} from a backup, or move "
            f"{PUBLIC} to {RETIRED}/DATE.pub, which keeps what it signed so far verifiable"
        )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = []
    for name in TOKEN_KEYS:
        made += _write_new(folder / f"{name}.key", f"{secrets.token_hex(_KEY_BYTES)}\n".encode(), mode=0o600)
    private = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    made += _write_new(folder / SIGNING, private, mode=0o600)
    if not (folder / PUBLIC).exists():
        public = _public_pem(_signing_key(read_private(folder / SIGNING), SIGNING))
        made += _write_new(folder / PUBLIC, public, mode=0o644)
    return made


def remembered(root: Path) -> dict[str, str]:
    """Name → public id of the keys that a project was used with; empty for one that was never used. Raises KeyFileError."""
    try:
        found = json.loads((root / FILE).read_text("utf-8"))
        return {str(name): str(one) for name, one in found.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError) as error:
        raise KeyFileError(f"{FILE} is no JSON object of names and ids; restore it from a backup") from error


def note(root: Path, ids: Mapping[str, str]) -> None:
    """Remember the ids of keys that were loaded, and so are those of this project."""
    if ids.items() <= remembered(root).items():
        return
    with taking_turns(root / FILE):
        known = remembered(root)
        with replacing(root / FILE) as stream:
            stream.write(json.dumps(known | dict(ids), indent=1, sort_keys=True).encode())


def missing(folder: Path, environ: Mapping[str, str]) -> list[str]:
    """The keys that are neither in the environment nor in the folder."""
    return [name for name in ALL if not environ.get(variable(name)) and not (folder / _file(name)).exists()]


def retired(name: str, folder: Path) -> frozenset[str]:
    """Public ids of the keys of one kind that were put away on purpose; an index key never is: nobody would be found."""
    if name == "signing":
        return frozenset(map(_public_id, _retired(folder)))
    files = (folder / RETIRED).glob(f"{name}*.key") if name != "index" else ()
    return frozenset(key_id(_hex(file.read_text("ascii", "replace"), str(file))) for file in files)


def load(folder: Path, environ: Mapping[str, str], known: Mapping[str, str] | None = None) -> Keys:
    """The project's keys, each from the environment when it is named there, else from its file.

    known: the ids that the project remembers. Raises KeyFileError when one is missing, malformed, readable by others, the same
    as another, or not the one that the project was used with.
    """
    found = {name: _token_key(name, folder, environ) for name in TOKEN_KEYS}
    if len(set(found.values())) < len(found):
        raise KeyFileError(f"two of the keys {', '.join(TOKEN_KEYS)} are the same; expected three different ones")
    given = environ.get(SIGNING_KEY)
    signing = given.encode() if given else read_private(folder / SIGNING)
    _signing_key(signing, SIGNING_KEY if given else str(folder / SIGNING))
    loaded = Keys(**found, signing=signing)
    if others := [name for name, one in loaded.ids.items() if _is_another(name, one, folder, known or {})]:
        raise KeyFileError(
            f"another {' and '.join(others)} key than this project was used with ({FILE}): nobody would be found with it, or "
            f"what it made would not fit. Restore {', '.join(map(_file, others))} from your backup; {_HOW}"
        )
    return loaded


_HOW = "to replace a key on purpose see `Rotate` in docs/operations.md"


def _is_another(name: str, one: str, folder: Path, known: Mapping[str, str]) -> bool:
    return known.get(name, one) != one and known[name] not in retired(name, folder)


def load_one(name: str, folder: Path, environ: Mapping[str, str]) -> bytes | None:
    """One of `TOKEN_KEYS`; None when neither the environment nor the folder has it. Raises KeyFileError as `load` does."""
    if not environ.get(variable(name)) and not (folder / f"{name}.key").exists():
        return None
    return _token_key(name, folder, environ)


def load_trusted(folder: Path, environ: Mapping[str, str]) -> tuple[bytes, ...]:
    """Every public key that this project ever signed with, the present one first; in a clone without keys, what lies there.

    Raises KeyFileError as `load` does.
    """
    given, retired = environ.get(SIGNING_KEY), _retired(folder)
    if given or (folder / SIGNING).exists():
        where = SIGNING_KEY if given else str(folder / SIGNING)
        return (_public_pem(_signing_key(given.encode() if given else read_private(folder / SIGNING), where)), *retired)
    return (whole(folder / PUBLIC), *retired) if (folder / PUBLIC).exists() else retired


def _retired(folder: Path) -> tuple[bytes, ...]:
    return tuple(whole(file) for file in sorted((folder / RETIRED).glob("*.pub")))


def variable(name: str) -> str:
    """The environment variable that holds a key."""
    return _VARIABLES.get(name, SIGNING_KEY)


def _file(name: str) -> str:
    return SIGNING if name == "signing" else f"{name}.key"


def _public_id(public: bytes) -> str:
    return hashlib.sha256(public).hexdigest()[:16]


def _token_key(name: str, folder: Path, environ: Mapping[str, str]) -> bytes:
    path = folder / f"{name}.key"
    given = environ.get(variable(name))
    where, text = (variable(name), given) if given else (str(path), read_private(path).decode("ascii", "replace"))
    return _hex(text, where)


def _hex(text: str, where: str) -> bytes:
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise KeyFileError(
            f"{where} holds {len(text.strip())} characters that are no key; expected {2 * _KEY_BYTES} hex digits. "
            "Restore it from a backup: with another key nobody is found again"
        )
    return key


def read_private(path: Path) -> bytes:
    """A key file's bytes. Raises KeyFileError when it is missing or readable by others."""
    try:
        mode, content = stat.S_IMODE(path.stat().st_mode), whole(path)
    except FileNotFoundError as error:
        raise KeyFileError(
            f"{path} does not exist; restore it from your backup, or set the key in the environment. Only a project that never "
            "had keys gets them from `unlearn init`"
        ) from error
    except OSError as error:
        raise KeyFileError(f"{path} cannot be read: {error.strerror}; expected a file that belongs to you") from error
    if mode & 0o077:
        raise KeyFileError(f"{path} can be read by others (mode {mode:04o}, expected 0600); run `chmod 600 {path}`")
    return content


def _signing_key(pem: bytes, where: str) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyFileError(f"{where} holds no private key; expected Ed25519 as unencrypted PKCS8 PEM") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"{where} holds a {type(key).__name__}; expected Ed25519 as unencrypted PKCS8 PEM")
    return key


def _public_pem(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _write_new(path: Path, content: bytes, *, mode: int) -> list[Path]:
    """The path when it was made, nothing when it was there: complete and private from its first moment, or not at all."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            os.fchmod(stream.fileno(), mode)
            stream.flush()
            os.fsync(stream.fileno())
        os.link(temporary, path)
    except FileExistsError:
        return []
    finally:
        temporary.unlink()
    return [path]
