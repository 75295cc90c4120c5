import bz2
import gzip
import io
import lzma
import sqlite3
import subprocess
import tarfile
import zipfile
import zlib
from base64 import b64encode

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.campaign.scan import Scanner, scan

CANARY = "Zq9999-canary-äöü"


def _zipped(inner):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner", inner)
    return out.getvalue()


def _tarred(inner):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        member = tarfile.TarInfo("inner")
        member.size = len(inner)
        archive.addfile(member, io.BytesIO(inner))
    return out.getvalue()


def _parquet():
    out = io.BytesIO()
    values = pa.array([CANARY, "somebody"] * 50).dictionary_encode()
    pq.write_table(pa.table({"who": values}), out, compression="zstd")
    return out.getvalue()


PLAIN = f"a row of {CANARY}, another".encode()
FORMS = {
    "text": PLAIN,
    "wide text": CANARY.encode("utf-16"),
    "wider text": CANARY.encode("utf-32"),
    "escaped": b'{"who": "Zq9999-canary-\\xe4\\xf6\\xfc"}',
    "base64": b64encode(PLAIN),
    "base64, one on": b64encode(b"x" + PLAIN),
    "base64, two on": b64encode(b"xy" + PLAIN),
    "zip": _zipped(PLAIN),
    "zip in zip": _zipped(_zipped(PLAIN)),
    "gzip": gzip.compress(PLAIN),
    "bzip2": bz2.compress(PLAIN),
    "xz": lzma.compress(PLAIN),
    "zlib": zlib.compress(PLAIN),
    "tar": _tarred(PLAIN),
    "parquet": _parquet(),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_canary_is_found_in_every_form(form, tmp_path):
    (tmp_path / "file").write_bytes(FORMS[form])
    assert {hit.canary for hit in scan([tmp_path], [CANARY])} == {CANARY}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_canaries_with_a_common_beginning_are_told_apart(encoding, tmp_path):
    marked = f"{CANARY}:p01"
    (tmp_path / "person").write_bytes(b"\0" * 9 + CANARY.encode(encoding))
    (tmp_path / "place").write_bytes(b"\0" * 9 + marked.encode(encoding))
    found = {(hit.where, hit.canary) for hit in scan([tmp_path], [CANARY, marked, f"{CANARY}:p02"])}
    assert found == {("person", CANARY), ("place", marked)}


def test_a_name_counts_and_somebody_else_does_not(tmp_path):
    (tmp_path / f"{CANARY}.png").touch()
    (tmp_path / "others").write_bytes(b"Zq9998-canary")
    assert [hit.where for hit in scan([tmp_path], [CANARY])] == [f"{CANARY}.png"]


def test_deleted_rows_on_free_pages_and_rows_that_are_only_in_the_log_are_found(tmp_path):
    with sqlite3.connect(tmp_path / "free.db") as connection:
        connection.execute("PRAGMA secure_delete = OFF")
        connection.execute("CREATE TABLE t (who TEXT)")
        connection.execute("INSERT INTO t VALUES (?)", [CANARY])
        connection.commit()
        connection.execute("DELETE FROM t")
    connection.close()
    log = sqlite3.connect(tmp_path / "log.db", isolation_level=None)
    log.execute("PRAGMA journal_mode = WAL")
    log.execute("CREATE TABLE t (who TEXT)")
    log.execute("INSERT INTO t VALUES (?)", [CANARY])
    found = {hit.where for hit in scan([tmp_path], [CANARY])}
    log.close()
    assert {"free.db", "log.db-wal"} <= found


def test_packed_and_loose_objects_of_git_are_read(tmp_path):
    def git(*arguments):
        subprocess.run(["git", "-C", tmp_path, "-c", "user.name=t", "-c", "user.email=t@t", *arguments], check=True)

    git("init", "-q")
    for name, text in (("packed", CANARY), ("loose", CANARY[::-1])):
        (tmp_path / name).write_text(text * 9)
        git("add", ".")
        git("commit", "-q", "-m", name)
        (tmp_path / name).unlink()
        if name == "packed":
            git("gc", "-q", "--prune=now")
    found = scan([tmp_path], [CANARY, CANARY[::-1]])
    assert {hit.canary for hit in found} == {CANARY, CANARY[::-1]}


def test_the_search_counts_what_it_looked_at(tmp_path):
    (tmp_path / "archive").write_bytes(FORMS["zip in zip"])
    scanner = Scanner((CANARY,))
    scanner.tree(tmp_path)
    assert scanner.looked >= 4
