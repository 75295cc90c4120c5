"""A remote is searched object by object: memory does not grow with what is stored there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

MEGABYTES = {"a table": 300, "bytes": 64}
LIMITS_MB = {"a table": 120, "bytes": 32}
"""More memory than this for such an object, and it was held whole."""

SEARCH = """
import json, resource, sys
from unlearning.domain import hashing
from unlearning.traces.places.dvc_objects import ObjectPlace, Reader
from unlearning.domain.traces import Wanted
from unlearning.stores.scans.words import Watch
from unlearning.stores.dvc.objects import ObjectStore
from dvc.fs import LocalFileSystem
import pyarrow.csv, pyarrow.parquet

root, small = sys.argv[1:]
key, person = bytes(32), "Zq-9999"
reader = Reader(Watch(("patient",), "text", key), indexed=lambda _: {}, derived=lambda _: frozenset())
wanted = Wanted(frozenset({hashing.token(key, person, "text")}), identifiers=(person,))
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def search(where):
    place = ObjectPlace(ObjectStore("remote", LocalFileSystem(), where, local=True), reader)
    return sorted(trace.name for trace in place.find(wanted).traces)


search(small)
before = peak()
print(json.dumps({"found": search(root), "grew_mb": peak() - before}))
"""


def big(file: Path, megabytes: int, head: bytes, block: bytes, tail: bytes) -> None:
    file.parent.mkdir(parents=True)
    with file.open("wb") as stream:
        stream.write(head)
        for _ in range((megabytes << 20) // len(block)):
            stream.write(block)
        stream.write(tail)


@pytest.mark.parametrize("kind", MEGABYTES)
def test_a_large_object_is_searched_to_its_end_in_little_memory(kind: str, tmp_path: Path) -> None:
    name = "ab" + "0" * 30
    if kind == "a table":
        rows = b"".join(b"Zq-%04d,%s\n" % (number % 1000, b"x" * 1000) for number in range(1000))
        parts = (b"patient,note\n", rows, b"Zq-9999,the last\n")
    else:
        parts = (b"\x00\x01", (b"\x00binary" + bytes(1017)) * 1024, b"\x00Zq-9999\x00")
    big(tmp_path / "remote/files/md5" / name[:2] / name[2:], MEGABYTES[kind], *parts)
    (tmp_path / "small/files/md5/ab").mkdir(parents=True)
    (tmp_path / "small/files/md5/ab" / ("1" * 30)).write_bytes(b"patient,note\nZq-0001,x\n")
    command = [sys.executable, "-c", SEARCH, str(tmp_path / "remote"), str(tmp_path / "small")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=250)
    (tmp_path / "remote/files/md5" / name[:2] / name[2:]).unlink()
    said = json.loads(done.stdout)
    assert said["found"] == [name]
    assert said["grew_mb"] < LIMITS_MB[kind]
