"""A footer is read, and written again the same."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unlearning.domain.errors import DataError
from unlearning.stores.tables.faithful import footers


def test_a_footer_that_is_read_and_written_again_is_the_same_file() -> None:
    out = io.BytesIO()
    pq.write_table(pa.table({"s": [{"x": 1, "y": [b"a"]}], "z": [2.5]}), out)
    raw = out.getvalue()
    footer = footers.of(raw)
    assert footers.replaced(raw, footer) == raw
    assert footers.paths(footer) == [[b"s", b"x"], [b"s", b"y", b"list", b"element"], [b"z"]]
    assert [leaf[footers.NAME][1] for leaf in footers.leaves(footer)] == [b"x", b"element", b"z"]


def test_a_file_that_is_cut_off_has_no_footer() -> None:
    with pytest.raises(DataError, match="last four bytes"):
        footers.of(b"PAR1 and no end")
