"""Trained states under their names, on any address that fsspec understands.

A state is `<key[:2]>/<key>.safetensors`; the file `<key>.sha256` beside it is written afterwards, in the format of `sha256sum`,
and makes the state count; a comment in it says which engines made the state. `cd <store>/<key[:2]> && sha256sum --check
*.sha256` checks a store without this package.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fsspec

from unlearning.domain.errors import Damaged, SettingsError, Unavailable, WrongUse, reading
from unlearning.domain.hashing import bytes_digest

if TYPE_CHECKING:
    from unlearning.domain.chain import Engine

_KEY = re.compile(r"[0-9a-f]{64}")
_STATE = re.compile(r"([0-9a-f]{64})\.(?:safetensors|sha256)|\.([0-9a-f]{64})\..+\.tmp")
_SIDECAR = re.compile(rb"([0-9a-f]{64}) [ *]([0-9a-f]{64})\.safetensors\n(?:# made with (.*)\n)?")


_reached = partial(
    reading, "the checkpoint store", "make it reachable, or correct stores.checkpoints, and run again", otherwise=Unavailable
)
"""Around each use: every file system has errors of its own."""


class CheckpointStore:
    """Checkpoints in a folder or an object store; safe for threads and processes, as equal names mean equal bytes.

    url: an absolute path or an fsspec URL (`s3://bucket/prefix`, `memory://name`).
    """

    def __init__(self, url: str) -> None:
        # A plain path is taken as it is: fsspec would read `::` in it as a chain of file systems. Cached listings would
        # hide what another process wrote or deleted.
        if "://" in url:
            step = "correct stores.checkpoints, or install the driver of its scheme, as `pip install gcsfs` for gs://"
            with reading("the address of the checkpoint store", step, otherwise=SettingsError):
                self._files, root = fsspec.core.url_to_fs(url, use_listings_cache=False)
        else:
            self._files, root = fsspec.filesystem("file"), os.path.abspath(url)
        self._root: str = root.rstrip("/")
        self._local = "file" in _protocols(self._files)

    def get(self, key: str) -> bytes | None:
        """The payload, or None when there is none; raises Damaged when its digest does not match."""
        found = self.read(key)
        return found and found[0]

    @_reached()
    def read(self, key: str) -> tuple[bytes, tuple[Engine, ...]] | None:
        """As `get`, with what made the state and all that it goes on from; no engine where that was not recorded."""
        payload_at, sidecar_at = self._paths(key)
        sidecar, payload = self._read(sidecar_at), self._read(payload_at)
        if sidecar is None or payload is None:
            return None
        line = _SIDECAR.fullmatch(sidecar)
        if line is None or line[2].decode() != key or line[1].decode() != bytes_digest(payload):
            raise Damaged(f"checkpoint {key}: its bytes do not match its .sha256; train again, which replaces it")
        return payload, _engines(line[3])

    @_reached()
    def put(self, key: str, payload: bytes, *, engines: tuple[Engine, ...] = ()) -> str:
        """Store atomically; returns the payload's SHA-256. engines: what made it and all that it goes on from."""
        payload_at, sidecar_at = self._paths(key)
        digest = bytes_digest(payload)
        self._write(payload_at, payload)
        made = f"# made with {json.dumps([dict(one) for one in engines])}\n" if engines else ""
        self._write(sidecar_at, f"{digest}  {key}.safetensors\n{made}".encode())
        return digest

    @_reached()
    def __contains__(self, key: str) -> bool:
        return all(self._files.exists(path) for path in self._paths(key))

    @_reached()
    def delete(self, key: str) -> bool:
        """True when something was deleted; what an interrupted `put` left under this name goes too."""
        payload_at, sidecar_at = self._paths(key)
        leftovers = sorted(str(path) for path in Path(payload_at).parent.glob(f".{key}.*")) if self._local else []
        # The mark goes first: a reader then sees no checkpoint, never half of one.
        return any([self._remove(path) for path in (sidecar_at, payload_at, *leftovers)])

    def keys(self) -> Iterator[str]:
        """Every stored name, also those whose `put` was interrupted, so that a purge finds them."""
        with _reached():
            paths = self._files.find(self._root)
        found = (_STATE.fullmatch(path.rpartition("/")[2]) for path in paths)
        yield from sorted({match[1] or match[2] for match in found if match})

    def _paths(self, key: str) -> tuple[str, str]:
        if not _KEY.fullmatch(key):
            raise WrongUse(f"checkpoint name {key[:80]!r}; expected 64 lower-case hex digits")
        stem = f"{self._root}/{key[:2]}/{key}"
        return f"{stem}.safetensors", f"{stem}.sha256"

    def _read(self, path: str) -> bytes | None:
        try:
            content: bytes = self._files.cat_file(path)
        except FileNotFoundError:
            return None
        return content

    def _write(self, path: str, content: bytes) -> None:
        if not self._local:
            self._files.pipe_file(path, content)
            return
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        # The leading dot and the ending keep a half-written file out of `sha256sum *.safetensors`.
        temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}.tmp")
        try:
            temporary.write_bytes(content)
            os.replace(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)

    def _remove(self, path: str) -> bool:
        # Asked first because object stores delete what does not exist without a word.
        if not self._files.exists(path):
            return False
        try:
            self._files.rm_file(path)
        except (FileNotFoundError, KeyError):  # another process was faster; KeyError is the memory file system's way to say so
            return False
        return True


class Recording:
    """A store in the hands of one job: what it puts says which engines made it and what the job had read before.

    engine: what the job runs on.
    """

    def __init__(self, store: CheckpointStore, engine: Engine) -> None:
        self._store, self._engine = store, engine
        self._read: set[Engine] = set()

    def get(self, key: str) -> bytes | None:
        """As the store."""
        if (found := self._store.read(key)) is None:
            return None
        payload, engines = found
        self._read.update(engines or ((),))
        return payload

    def put(self, key: str, payload: bytes) -> str:
        """As the store."""
        return self._store.put(key, payload, engines=self.engines(here=True))

    def engines(self, *, here: bool) -> tuple[Engine, ...]:
        """What made everything that was read so far and, where something was trained `here`, this job's."""
        return tuple(sorted(self._read | ({self._engine} if here else set())))

    def __contains__(self, key: str) -> bool:
        return key in self._store

    def delete(self, key: str) -> bool:
        """As the store."""
        return self._store.delete(key)

    def keys(self) -> Iterator[str]:
        """As the store."""
        return self._store.keys()


def _engines(said: bytes | None) -> tuple[Engine, ...]:
    """What a comment says; nothing of one that was changed: the state itself is whole."""
    try:
        return tuple(tuple(sorted((str(name), str(of)) for name, of in one.items())) for one in json.loads(said or b"[]"))
    except (ValueError, AttributeError, TypeError):
        return ()


def _protocols(files: Any) -> tuple[str, ...]:
    return (files.protocol,) if isinstance(files.protocol, str) else tuple(files.protocol)
