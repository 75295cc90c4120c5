"""Compressed files are opened whole and packed again the same."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearning.domain.errors import DataError
from unlearning.stores.tables.faithful import packed

CODECS = st.lists(st.sampled_from(["gzip", "bzip2", "xz", "zstd"]), max_size=3)


@given(content=st.binary(max_size=200).filter(lambda raw: not packed.is_packed(raw)), codecs=CODECS)
def test_what_is_packed_is_opened_and_packed_to_the_same_bytes(content: bytes, codecs: list[str]) -> None:
    raw = packed.packed(content, codecs)
    assert packed.opened(raw, named="t") == (content, codecs)
    assert packed.packed(content, codecs) == raw


def test_neither_time_nor_name_is_in_what_is_packed() -> None:
    assert packed.packed(b"x", ["gzip"]) == gzip.compress(b"x", mtime=0)


def test_several_members_are_one_content() -> None:
    assert packed.opened(gzip.compress(b"a") + gzip.compress(b"b"), named="t") == (b"ab", ["gzip"])


@pytest.mark.parametrize(("codec", "between"), [("bzip2", b""), ("xz", b""), ("xz", bytes(8))])
def test_several_streams_are_one_content_and_anything_else_behind_them_is_damage(codec: str, between: bytes) -> None:
    first, second = (packed.packed(one, [codec]) for one in (b"a", b"b"))
    assert packed.opened(first + between + second, named="t") == (b"ab", [codec])
    with pytest.raises(DataError, match="t is compressed"):
        packed.opened(first + between + b"who,n\nzq1,2\n", named="t")


@pytest.mark.parametrize("codec", ["gzip", "bzip2", "xz", "zstd"])
def test_a_damaged_one_is_refused(codec: str) -> None:
    raw = packed.packed(bytes(range(256)) * 9, [codec])
    with pytest.raises(DataError, match="t is compressed"):
        packed.opened(raw[: len(raw) // 2], named="t")


@pytest.mark.parametrize(
    ("name", "inner"), [("t.csv.gz", "t.csv"), ("t.CSV.ZST", "t.CSV"), ("t.csv", "t.csv"), ("t.gz.xz", "t")]
)
def test_a_name_without_its_compressions(name: str, inner: str) -> None:
    assert packed.inner(name) == inner
