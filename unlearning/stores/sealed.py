"""Records for jobs on other machines: one sealed object a job, on any address that fsspec understands.

An object holds the rows of its job and the recipe's code, and nothing else. It is encrypted (AES-256-GCM) with a key that is
made for one training and travels only in its jobs: what a killed training leaves is bytes that nobody can read any more. It
is deleted all the same, by the next training or purge. Whose training is dead its lock tells: there are so many slots, a living
training holds the lock of one, and its folder bears the slot's number.
"""

from __future__ import annotations

import json
import secrets
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from unlearning.domain.addresses import without_password
from unlearning.domain.errors import Damaged, NotFound, SettingsError, Unavailable, UnlearningError, reading
from unlearning.domain.protocols import Records

USED = ".unlearning/spools.txt"
"""Every address that this project spooled to, a line each: a purge looks there too once `run.spool` names another."""

_SLOTS = 16
"""Trainings of one project at a time; each slot is a lock that stays as a small file."""
_BLOCK = 1 << 24
_MARK = "spool"
_NONCE, _TAG = 12, 16

Lock = Callable[[str], AbstractContextManager[None]]
"""Name → the lock, had at once; raises Unavailable while somebody else holds it."""


@dataclass(frozen=True)
class Sealed:
    """What a job gets to open its object."""

    records: Records
    code: Mapping[str, str]
    """Path in the project → text, of the recipe and its `sources`."""


@dataclass(frozen=True)
class SealedSpool:
    """The folder of one project at a shared address."""

    url: str
    project: str
    """Public name of the project."""
    root: Path
    """Its folder here, which remembers the address."""
    lock: Lock = field(repr=False)

    @property
    def folder(self) -> str:
        """Where all of this project's objects lie."""
        return f"{self.url.rstrip('/')}/{self.project}"

    @contextmanager
    def opened(self) -> Iterator[tuple[str, str]]:
        """A folder for one training and a new key in hex; both are gone when the block ends, however it ends."""
        self._use()
        self.sweep_stale()
        with self._living() as name:
            try:
                yield f"{self.folder}/{name}", secrets.token_hex(32)
            finally:
                with suppress(UnlearningError):  # what cannot be deleted now is found by the next purge
                    self._delete(name)

    @contextmanager
    def _living(self) -> Iterator[str]:
        """The name of a new folder, whose slot is held while the block runs."""
        with ExitStack() as stack:
            slot = next((slot for slot in range(_SLOTS) if self._hold(stack, slot)), None)
            if slot is None:
                raise Unavailable(f"{_SLOTS} trainings of this project spool already; run again when one of them has ended")
            yield f"{slot}-{secrets.token_hex(8)}"

    def _use(self) -> None:
        """Mark the folder once, since one that is not mounted looks as empty as one that is clean; and remember the address."""
        if self.url in used(self.root):
            return
        files, path = _files(self.folder)
        with _reached(self.url), _found():
            _folder_for(files, f"{path}/{_MARK}")
            files.pipe_file(f"{path}/{_MARK}", b"records of trainings, sealed: unlearning.stores.sealed\n")
        file = self.root / USED
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as lines:  # not written anew: another training may add its own meanwhile
            lines.write(f"{self.url}\n")

    def stale(self) -> tuple[list[str], list[str]]:
        """Folders whose training is gone, and those of the living."""
        gone, living = list[str](), list[str]()
        for name in self._names():
            with ExitStack() as stack:
                (gone if self._hold(stack, _slot(name)) else living).append(name)
        return gone, living

    def sweep_stale(self) -> int:
        """Delete the folders whose training is gone; returns how many."""
        gone = 0
        for name in self._names():
            with ExitStack() as stack:
                if self._hold(stack, _slot(name)):
                    gone += self._delete(name)
        return gone

    def probe(self) -> None:
        """Write, read and delete a few bytes; raises SettingsError for no address, Unavailable where that cannot be done."""
        if self.url in used(self.root):
            self._names()
        nobody, key = Records(np.zeros((1, 1), np.float32), np.zeros(1, np.int64)), secrets.token_hex(32)
        with self._living() as name:
            write(f"{self.folder}/{name}", key, nobody, {})
            try:
                read(f"{self.folder}/{name}", key)
            finally:
                self._delete(name)

    def _hold(self, stack: ExitStack, slot: int) -> bool:
        try:
            stack.enter_context(self.lock(f"spool-{slot % _SLOTS}"))
        except Unavailable:
            return False
        return True

    def _names(self) -> list[str]:
        """Folders, and whatever else lies there; raises Unavailable without the mark, since then this is another place."""
        files, path = _files(self.folder)
        with _reached(self.url):
            if not files.exists(f"{path}/{_MARK}"):
                raise Unavailable(
                    f"the spool {without_password(self.url)} is not the one that this project used; mount it, or make it "
                    f"reachable, and run again. If it is gone for good, take its line out of {USED}"
                )
            found = files.find(path)
        return sorted({one.removeprefix(f"{path}/").partition("/")[0] for one in found} - {_MARK})

    def _delete(self, name: str) -> bool:
        files, path = _files(self.folder)
        with _reached(self.url):
            try:
                files.rm(f"{path}/{name}", recursive=True)
            except FileNotFoundError:
                return False
        return True


def write(address: str, key: str, records: Records, code: Mapping[str, str]) -> None:
    """Seal records and code into one object; the address is sealed with them."""
    arrays = [np.ascontiguousarray(values) for values in records.arrays.values()]
    head = json.dumps({"arrays": [[one.dtype.str, one.shape] for one in arrays], "code": dict(code)}).encode()
    cipher, number = AESGCM(bytes.fromhex(key)), 0
    files, path = _files(address)
    with _reached(address), _found():
        _folder_for(files, path)
        with files.open(path, "wb") as stream:
            stream.write(struct.pack(">Q", len(head)))
            for part in (head, *(one.reshape(-1).tobytes() for one in arrays)):
                for start in range(0, len(part), _BLOCK):
                    nonce = secrets.token_bytes(_NONCE)
                    stream.write(nonce + cipher.encrypt(nonce, part[start : start + _BLOCK], _place(address, number)))
                    number += 1


def read(address: str, key: str) -> Sealed:
    """What was sealed; raises NotFound when it is gone, Damaged when it is not what was written there with this key."""
    files, path = _files(address)
    with _reached(address):
        try:
            with files.open(path, "rb") as stream:
                return _read(stream, address, AESGCM(bytes.fromhex(key)))
        except FileNotFoundError:
            pass
        except (InvalidTag, struct.error, ValueError) as error:
            raise Damaged(
                f"{without_password(address)} is not what this training wrote there; start the training again"
            ) from error
    raise NotFound(f"no spooled records at {without_password(address)}; the training that wrote them has ended, start it again")


def _read(stream: Any, address: str, cipher: AESGCM) -> Sealed:
    number = 0

    def part(size: int) -> bytearray:
        nonlocal number
        made = bytearray(size)
        for start in range(0, size, _BLOCK):
            length = min(_BLOCK, size - start)
            nonce, sealed = stream.read(_NONCE), stream.read(length + _TAG)
            made[start : start + length] = cipher.decrypt(nonce, sealed, _place(address, number))
            number += 1
        return made

    (size,) = struct.unpack(">Q", stream.read(8))
    if size > 1 << 30:  # not sealed, so not believed
        raise ValueError("no head")
    head = json.loads(part(size))
    arrays = []
    for kind, shape in head["arrays"]:
        arrays.append(np.frombuffer(part(np.dtype(kind).itemsize * prod(shape)), kind).reshape(shape))
        arrays[-1].flags.writeable = False  # as a mapped spool is
    return Sealed(Records(*arrays), head["code"])


def _reached(address: str) -> AbstractContextManager[None]:
    """Around each use: every file system has errors of its own."""
    step = "make it reachable and writable, or correct run.spool, and run again"
    return reading(f"the spool {without_password(address)}", step, otherwise=Unavailable)


def _place(address: str, number: int) -> bytes:
    """What a block is bound to: no other object's or position's block opens in its place."""
    return f"{address.rsplit('/', 2)[-2:]}#{number}".encode()


def _slot(name: str) -> int:
    """Of a folder; what is no training's belongs to the first one."""
    number = name.partition("-")[0]
    return int(number) if number.isdecimal() and len(number) < 4 else 0


@contextmanager
def _found() -> Iterator[None]:
    """A bucket that is not there is one that cannot be written to."""
    try:
        yield
    except FileNotFoundError as error:
        raise OSError("no such bucket or folder") from error


def _folder_for(files: Any, path: str) -> None:
    """Object stores have no folders, and would make the bucket."""
    if not {"s3", "gs", "gcs", "abfs", "az"} & {*([files.protocol] if isinstance(files.protocol, str) else files.protocol)}:
        files.makedirs(path.rpartition("/")[0], exist_ok=True)


def _files(address: str) -> tuple[Any, str]:
    if "://" not in address:
        return fsspec.filesystem("file"), address
    step = "correct run.spool, or install the driver of its scheme, as `pip install s3fs` for s3://"
    with reading(f"the address of the spool, {without_password(address)},", step, otherwise=SettingsError):
        files, path = fsspec.core.url_to_fs(address, use_listings_cache=False)
    return files, path


def used(root: Path) -> list[str]:
    """Every address that was used."""
    with suppress(FileNotFoundError):
        return [*dict.fromkeys((root / USED).read_text("utf-8").splitlines())]
    return []
