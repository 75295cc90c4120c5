"""Rolls: who the rows of a table belong to, kept once its content was read, by keyed tokens only.

A roll answers for the bytes that it names by their digest, and for the keys that made its tokens. Its seal is an HMAC over the
whole file under a key that comes of the index key: only who holds that key can write a roll that is believed. What is damaged,
of another key, or of another release is no roll: it is read as if it were not there, and made again.
"""

from __future__ import annotations

import hmac
import json
import mmap
import os
from binascii import hexlify
from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from unlearning import __version__
from unlearning.domain import hashing
from unlearning.domain.errors import DataError, NeedsReview
from unlearning.domain.partition import Places, grouped, places
from unlearning.domain.token_words import distinct, first_words, ordered
from unlearning.stores import contents
from unlearning.stores.files import regular, replacing
from unlearning.stores.tables import tables

FORMAT = 1
"""Of the files, and of what is read out of a table: it rises when the same bytes may name others than before."""
TOKEN_BYTES = 32
_SEAL_BYTES = 32
_SUFFIX = ".roll"
CONTENTS = "contents.json"
"""Beside their folder: what the contents of large tables are called, by what their files are on the disk."""
_OPEN = 2
"""Rolls that stay open: of one that was whole, opening it once more costs little, and of a large one holding it much."""
_PIECE = 1 << 20
"""Bytes that are read at a time to see whether a file is whole."""

Tokens = NDArray[np.uint8]
"""(n, 32) keyed tokens."""


@dataclass(frozen=True)
class Roll:
    """Who the rows of one content belong to."""

    tokens: Tokens
    """(u, 32) index token of each distinct identifier, in order of first appearance."""
    placed: Tokens
    """(u, 32) partition token of each."""
    hidden: Tokens
    """(u, 32) suppression token of each."""
    codes: NDArray[np.int64]
    """(n,) identifier of each row, an index into the three above."""
    shared: Tokens
    """(s, 32) index token of everyone who is named in one cell with others."""
    doubts: tuple[str, ...] = ()
    """What keeps people from being told apart; it quotes no cell."""
    groups: NDArray[np.int64] | None = None
    """(u,) group of each under a declared placement, which is not stored: it belongs to a model and not to the table."""

    @cached_property
    def people(self) -> int:
        """How many they are: spellings of one person count once."""
        if (words := len(distinct(first_words(self.tokens)))) == len(self.tokens):
            return words
        return len(ordered(self.tokens))

    @cached_property
    def where(self) -> Places:
        """(u, 4) partition token of each as words; (u, 5) with their groups."""
        where = places([self.placed.tobytes()])
        return where if self.groups is None else grouped(where, self.groups)

    @property
    def everyone(self) -> Tokens:
        """(u + s, 32) index token of everyone who is named in any way."""
        return np.concatenate((self.tokens, self.shared))

    def holds(self, tokens: Collection[str]) -> frozenset[str]:
        """Those of these index tokens, in hex, that are in it, alone or together with others."""
        named = (self.tokens, self.shared)  # one after the other: `everyone` is a copy of all of them
        return frozenset(one.hex() for each in named for one in unpacked(each[among(each, tokens)]))

    def mask(self, tokens: Collection[str]) -> NDArray[np.bool_]:
        """(n,) true where a record belongs to one of these people, by their index tokens in hex.

        Raises NeedsReview when one of them shares a record with somebody else: removing it, or leaving it, would be a guess.
        """
        if together := int(among(self.shared, tokens).sum()):
            raise NeedsReview(
                f"{together} of these people {'is' if together == 1 else 'are'} named in one cell together with others; nobody "
                "can guess whose record that is: make one row a person of it, record the new version with DVC, and run again"
            )
        return among(self.tokens, tokens)[self.codes]

    def certain(self) -> Roll:
        """The same; raises DataError when there is a doubt."""
        if self.doubts:
            raise DataError("; ".join(self.doubts))
        return self

    def without(self, keep: NDArray[np.bool_]) -> Roll | None:
        """The roll of a table that holds these rows of it and no other; None when only reading that one can tell.

        keep: (n,). Whether somebody is in doubt, or named with others, may change with who leaves.
        """
        if self.doubts or len(self.shared):
            return None
        kept = self.codes[keep]
        stays = np.bincount(kept, minlength=len(self.tokens)) > 0
        if stays[self.codes[~keep]].any():  # who stays may come first in another row now, and so behind others
            left, first = np.unique(kept, return_index=True)
            left = left[np.argsort(first)]
        else:
            left = np.flatnonzero(stays)
        rank = np.zeros(len(self.tokens), dtype=np.int64)
        rank[left] = np.arange(len(left))
        return Roll(self.tokens[left], self.placed[left], self.hidden[left], rank[kept], self.shared)

    def agrees(self, other: Roll) -> bool:
        """Row by row both name the same people."""
        if np.array_equal(self.codes, other.codes) and np.array_equal(self.tokens, other.tokens):
            return True
        return np.array_equal(self.tokens[self.codes], other.tokens[other.codes])


def among(tokens: Tokens, wanted: Collection[str]) -> NDArray[np.bool_]:
    """(n,) true where a token is one of these, in hex."""
    asked = {bytes.fromhex(one) for one in wanted}
    found = np.zeros(len(tokens), dtype=bool)
    near = np.flatnonzero(np.isin(first_words(tokens), first_words(packed(asked))))
    found[near] = [tokens[at].tobytes() in asked for at in near]
    return found


@dataclass(frozen=True, eq=False)
class Names(Set[str]):
    """Distinct tokens as a set of words in hex, each of which is written only when somebody asks for it."""

    tokens: Tokens

    def __contains__(self, name: object) -> bool:
        return bool(self & {name})

    def __iter__(self) -> Iterator[str]:
        return (one.hex() for one in unpacked(self.tokens))

    def __len__(self) -> int:
        return len(self.tokens)

    def __and__(self, other: Set[object]) -> frozenset[str]:
        words = [one for one in other if isinstance(one, str) and len(one) == 2 * TOKEN_BYTES]
        here = self.tokens[among(self.tokens, words)]
        return frozenset(one.hex() for one in unpacked(here))


def packed(tokens: Iterable[bytes], *, width: int = TOKEN_BYTES) -> Tokens:
    """Tokens as an array, of which each is so wide."""
    return np.frombuffer(b"".join(tokens), dtype=np.uint8).reshape(-1, width)


def unpacked(tokens: Tokens) -> list[bytes]:
    """The same one by one."""
    raw = tokens.tobytes()
    return [raw[at : at + TOKEN_BYTES] for at in range(0, len(raw), TOKEN_BYTES)]


def spelled(tokens: Tokens) -> NDArray[np.bytes_]:
    """(n,) each in hex, as ASCII."""
    width = 2 * tokens.shape[1]
    return np.frombuffer(hexlify(tokens.tobytes()), dtype=f"S{width}")


class Rolls:
    """The rolls of one project, in a folder that only its owner opens."""

    def __init__(self, folder: Path, key: bytes) -> None:
        """key: the index key; rolls that another one sealed are none."""
        self.folder = folder
        self._key = hmac.digest(key, b"unlearning/roll", "sha256")
        self._open: dict[str, Roll] = {}
        self._sealed: set[contents.State] = set()
        self._digests = contents.Digests(folder.with_name(CONTENTS), self._key)

    def content(self, path: Path, *, anew: bool = False) -> str:
        """The digest of a table's content, of a file or of a folder; read once while its files stay as they are.

        anew: read it now whatever this process read before: for whoever says of somebody that they are not there.
        """
        found = tables.digest(path, anew=anew, each=self._digests.digest)
        with suppress(OSError):  # nobody may write here, as whoever keeps rolls says; then every process reads it again
            self._digests.keep()
        return found

    def get(self, about: Mapping[str, Any]) -> Roll | None:
        """The roll of this content; None when there is none that is believed.

        about: everything that shapes a roll, as plain values: the content's digest, the column, the kind, the keys' ids.
        """
        name = self._name(about)
        if (roll := self._open.get(name)) is not None:
            return roll
        found = self._read(self.folder / name)
        if found is None or found[0] != {**about, "release": __version__}:
            return None
        self._remember(name, found[1])
        return found[1]

    def put(self, about: Mapping[str, Any], roll: Roll) -> None:
        """Keep a roll, all at once. Raises OSError when there is no room; then it is kept in memory."""
        name = self._name(about)
        self._remember(name, roll)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with replacing(self.folder / name) as stream:
            seal = hmac.new(self._key, digestmod="sha256")
            for part in _parts(about, roll):
                seal.update(part)
                stream.write(part)
            stream.write(seal.digest())
        self._open.pop(name, None)  # of the file, only what is asked for comes into memory

    def kept(self) -> Iterator[tuple[Path, Mapping[str, Any], Roll | None]]:
        """Everything in the folder: what each roll is about, of whatever release, and who is in it; None for what is none."""
        for file in sorted(self.folder.glob("*")) if self.folder.is_dir() else []:
            found = self._read(file)
            yield file, *(found or ({}, None))

    def forget(self, file: Path) -> None:
        """Delete one file of the folder."""
        self._open.pop(file.name, None)
        file.unlink(missing_ok=True)

    def _name(self, about: Mapping[str, Any]) -> str:
        return hashing.label(self._key, hashing.canonical(about).decode()) + _SUFFIX

    def _remember(self, name: str, roll: Roll) -> None:
        self._open[name] = roll
        for one in list(self._open)[:-_OPEN]:
            self._open.pop(one, None)  # which another thread may have done

    def _read(self, file: Path) -> tuple[Mapping[str, Any], Roll] | None:
        try:
            with regular(file) as stream:
                if not self._is_sealed(stream):
                    return None
                content = memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
        except OSError:
            return None
        return _parsed(content[:-_SEAL_BYTES])

    def _is_sealed(self, stream: BinaryIO) -> bool:
        """A file is whole, and of who holds the key; asked once while it stays as it is."""
        before = contents.steady(stream)
        if before in self._sealed:
            return True
        seal, left = hmac.new(self._key, digestmod="sha256"), os.fstat(stream.fileno()).st_size - _SEAL_BYTES
        while left > 0 and (part := stream.read(min(left, _PIECE))):
            seal.update(part)
            left -= len(part)
        if left or not hmac.compare_digest(seal.digest(), stream.read()):
            return False
        if before is not None and contents.state(stream) == before:
            self._sealed.add(before)
        return True


def _parts(about: Mapping[str, Any], roll: Roll) -> Iterator[bytes | memoryview]:
    """A roll's bytes: one line of JSON, then the arrays."""
    size = {"people": len(roll.tokens), "rows": len(roll.codes), "shared": len(roll.shared)}
    head = {"roll": FORMAT, "about": {**about, "release": __version__}, "doubts": roll.doubts, **size}
    yield hashing.canonical(head) + b"\n"
    for tokens in (roll.tokens, roll.placed, roll.hidden, roll.shared):
        yield np.ascontiguousarray(tokens).data
    yield np.ascontiguousarray(roll.codes, dtype="<u4").data


def _parsed(body: memoryview) -> tuple[Mapping[str, Any], Roll] | None:
    """What is about what, of bytes whose seal fits; None of another format."""
    line = bytes(body[: 1 << 20]).partition(b"\n")[0]
    head = json.loads(line)
    if head["roll"] != FORMAT:
        return None
    people, shared = head["people"], head["shared"]
    at, arrays = len(line) + 1, []
    for count in (people, people, people, shared):
        arrays.append(np.frombuffer(body, np.uint8, count * TOKEN_BYTES, at).reshape(-1, TOKEN_BYTES))
        at += count * TOKEN_BYTES
    codes = np.frombuffer(body, "<u4", head["rows"], at).astype(np.int64)
    tokens, placed, hidden, together = arrays
    return head["about"], Roll(tokens, placed, hidden, codes, together, tuple(head["doubts"]))
