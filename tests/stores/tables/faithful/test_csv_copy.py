"""CSV in any dialect: other lines stay byte for byte, and two redactions are one."""

import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearning.domain.errors import DataError
from unlearning.stores.tables.faithful import csv_copy

CELLS = st.text(alphabet=st.sampled_from("ab1 é,;\t\"'\n\r#"), max_size=6)


@st.composite
def files(draw: st.DrawFn) -> tuple[bytes, int]:
    """A file with quotes wherever a parser needs them, and its number of records."""
    rows = draw(st.integers(1, 6))
    frame = pd.DataFrame(
        {"who": [f"p{row}" for row in range(rows)], "a": [draw(CELLS) for _ in range(rows)], "b": list(range(rows))}
    )
    end, mark = draw(st.sampled_from(["\n", "\r\n", "\r"])), draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]))
    out = io.StringIO()
    frame.to_csv(
        out, index=False, sep=draw(st.sampled_from(",;\t|")), lineterminator=end, quoting=draw(st.sampled_from([1, 2]))
    )
    return out.getvalue().encode(mark), rows


@given(file=files(), data=st.data())
def test_two_redactions_are_one_and_every_record_that_stays_is_a_piece_of_the_source(
    file: tuple[bytes, int], data: st.DataObject
) -> None:
    raw, rows = file
    masks = st.lists(st.booleans(), min_size=rows, max_size=rows).map(np.array)
    first, second = data.draw(masks), data.draw(masks)
    once = csv_copy.subset(raw, first & second, "t")
    step = csv_copy.subset(raw, first, "t")
    try:
        twice = csv_copy.subset(step, second[first], "t")
    except DataError:  # what is left may look like another dialect: refused, never guessed
        return
    assert once == twice
    singles = [csv_copy.subset(raw, np.arange(rows) == row, "t") for row in np.flatnonzero(first)]
    header = csv_copy.subset(raw, np.zeros(rows, dtype=bool), "t")
    assert step == header + b"".join(single[len(header) :] for single in singles)


@pytest.mark.parametrize("raw", [b"", b"\n\n", b"\xef\xbb\xbf\r\n"])
def test_a_file_without_a_header_is_refused(raw: bytes) -> None:
    with pytest.raises(DataError):
        csv_copy.subset(raw, np.zeros(0, dtype=bool), "t")


@pytest.mark.parametrize(
    "raw",
    [
        b'who,a\np0,5" pipe\np1,x\np2,6" pipe\n',
        b'who,a\np0,"open\np1,x\np2,y\n',
        b'# "a preamble\nwho,a\np0,5" pipe\np1,x\np2,z\n',
    ],
)
def test_a_quote_that_joins_two_people_s_lines_is_refused(raw: bytes) -> None:
    with pytest.raises(DataError, match="the decision is about 3"):
        csv_copy.subset(raw, np.array([True, False, True]), "t")


def test_parts_in_other_dialects_are_not_joined() -> None:
    parts = [(b"who,a\np0,1\n", 1, "part 1"), (b"who;a\np1;1\n", 1, "part 2")]
    with pytest.raises(DataError, match="different header lines"):
        csv_copy.joined(parts, np.array([True, True]), "t")
    wide = [("who,a\np0,1\n".encode("utf-16"), 1, "part 1"), ("who,a\r\np1,2".encode("utf-16"), 1, "part 2")]
    assert csv_copy.joined(wide, np.array([True, True]), "t").decode("utf-16") == "who,a\np0,1\np1,2\n"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("last", ["", "\n\n", '"cut off'])
def test_a_block_at_a_time_gives_what_the_whole_text_gives(
    end: str, encoding: str, last: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = np.random.default_rng(len(end))
    notes = ["plain", f'"two{end}lines, and a ""word"""', "", '"a,b"', f'"{end}{end}"', "é" * 40]
    lines = ["who,note", *(f"p{row},{notes[draw.integers(len(notes))]}" for row in range(4000))]
    lines[1000:1000] = [""] * 700
    raw = (end.join(lines) + end + last).encode(encoding)
    rows = 4000 + (last == '"cut off')
    keep = draw.random(rows) < 0.7
    whole = csv_copy._Lines.whole(raw, csv_copy.csv_dialect(raw[: csv_copy.SAMPLE_BYTES]), "t")
    expected = io.BytesIO()
    whole.write(keep, expected)
    assert 0 < len(expected.getvalue()) < len(raw)
    for block in (1 << 10, 1 << 12, 1 << 16):
        monkeypatch.setattr(csv_copy, "_BLOCK_BYTES", block)
        assert csv_copy.subset(raw, keep, "t") == expected.getvalue()
        with pytest.raises(DataError, match=f"has {rows} rows, the decision is about {rows - 9}"):
            csv_copy.subset(raw, keep[9:], "t")
