"""Whatever a parser raises becomes one error that quotes nothing."""

from __future__ import annotations

import zlib

import pyarrow as pa
import pytest

from unlearning.domain.errors import DataError, Unavailable
from unlearning.stores.tables.pieces import parsing


@pytest.mark.parametrize(
    "error",
    [
        pa.ArrowInvalid("zq-7"),
        pa.ArrowNotImplementedError("zq-7"), KeyError("zq-7"), TypeError("zq-7"), OverflowError("zq-7"),
        RecursionError("zq-7"),
        zlib.error("zq-7"), UnicodeDecodeError("utf-8", b"zq-7", 0, 1, "zq-7"), OSError("zq-7"), EOFError("zq-7"),
    ],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_a_parser_s_error_is_ours_and_quotes_nothing(error: Exception) -> None:
    with pytest.raises(DataError, match=f"{type(error).__name__}|no UTF-8 at byte 1") as raised, parsing("CSV"):
        raise error
    assert "zq-7" not in str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize("error", [FileNotFoundError("gone"), Unavailable("the store"), DataError("ours")])
def test_what_is_no_matter_of_the_content_goes_on(error: Exception) -> None:
    with pytest.raises(type(error), match=str(error)), parsing("CSV"):
        raise error
