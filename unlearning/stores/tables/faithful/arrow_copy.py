"""An Arrow file or stream (Feather), or an ORC file, without some of its rows, in the form that it had.

Of Arrow stay batches (each with its own rows), compression, dictionaries and their order, metadata of schema, file and batches.
Of ORC stay types, compression, its block size, stride and format; stripes are cut anew, and nothing else is in such a file.
"""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unlearning.domain.errors import DataError
from unlearning.stores.tables.faithful import levels
from unlearning.stores.tables.faithful.same import check_rows, same

if TYPE_CHECKING:
    import pyarrow as pa

MAGIC, FEATHER, ORC, STREAM = b"ARROW1", b"FEA1", b"ORC", b"\xff\xff\xff\xff"
_RECORD_BATCHES, _BLOCK = 3, 24
"""Field of an Arrow file's footer, and bytes of an entry in it; source: File.fbs of Apache Arrow."""
_CODECS = ("lz4", "zstd")
"""How Arrow numbers them; source: Message.fbs of Apache Arrow."""
_REWRITE = "rewrite it, with pandas or pyarrow, and run again"


def subset(raw: bytes, keep: NDArray[np.bool_], named: str) -> bytes:
    """The file without the rows where `keep` is false. Raises DataError when it cannot be written as it was read."""
    import pyarrow as pa

    write = _orc if raw.startswith(ORC) else _feather if raw.startswith(FEATHER) else _arrow
    try:
        return write(raw, keep, named)
    except (pa.ArrowException, ValueError, TypeError, OSError, LookupError, struct.error) as error:
        raise DataError(f"{named} cannot be written again as it was ({type(error).__name__}); {_REWRITE}") from None


# --- Arrow ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Batches:
    """A file or a stream as it is."""

    table: pa.Table
    rows: tuple[int, ...]
    said: tuple[dict[bytes, bytes] | None, ...]
    """The metadata of each batch."""
    file: dict[bytes, bytes] | None
    compression: str | None
    is_file: bool


def _arrow(raw: bytes, keep: NDArray[np.bool_], named: str) -> bytes:
    source = _read(raw)
    check_rows(keep, len(source.table), named)
    if keep.all():
        return raw
    gone = levels.Gone.of_table(source.table, keep)
    kept = levels.without(source.table, gone)
    new = _written(source, kept, keep, gone)
    if not same(_read(new).table, kept):
        raise DataError(f"{named} does not read the same once it is written again; {_REWRITE}")
    return new


def _read(raw: bytes) -> _Batches:
    import pyarrow as pa

    is_file = raw.startswith(MAGIC)
    if is_file:
        file = pa.ipc.open_file(pa.BufferReader(raw))
        pairs = [file.get_batch_with_custom_metadata(at) for at in range(file.num_record_batches)]
        schema, said, headers = file.schema, file.metadata, _headers_in_file
    else:
        stream = pa.ipc.open_stream(pa.BufferReader(raw))
        pairs = list(stream.iter_batches_with_custom_metadata())
        schema, said, headers = stream.schema, None, _headers_in_stream
    return _Batches(
        pa.Table.from_batches([batch for batch, _ in pairs], schema=schema),
        tuple(len(batch) for batch, _ in pairs),
        tuple(None if text is None else dict(text) for _, text in pairs),
        None if said is None else dict(said),
        next((codec for header in headers(raw) if (codec := _codec(header)) is not None), None),
        is_file,
    )


def _written(source: _Batches, kept: pa.Table, keep: NDArray[np.bool_], gone: levels.Gone) -> bytes:
    """Each batch without the rows that go; without the batch where none is left."""
    import pyarrow as pa

    out = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression=source.compression)
    if source.is_file:
        said = levels.metadata_without(source.file, kept, gone)
        writer = pa.ipc.new_file(out, kept.schema, options=options, metadata=said)
    else:
        writer = pa.ipc.new_stream(out, kept.schema, options=options)
    parts = np.split(keep, np.cumsum(source.rows)[:-1]) if source.rows else []
    done = 0
    with writer:
        for part, text in zip(parts, source.said, strict=True):
            if rows := int(part.sum()):
                (batch,) = kept.slice(done, rows).combine_chunks().to_batches()
                writer.write_batch(batch, custom_metadata=levels.metadata_without(text, kept, gone))
                done += rows
    return out.getvalue()


def _headers_in_stream(raw: bytes) -> Iterator[bytes]:
    """The headers of the batches, one message after the other."""
    import pyarrow as pa

    messages = pa.ipc.MessageReader.open_stream(pa.BufferReader(raw))
    while True:
        try:
            message = messages.read_next_message()
        except StopIteration:
            return
        if message.type == "record batch":
            yield message.metadata.to_pybytes()


def _headers_in_file(raw: bytes) -> Iterator[bytes]:
    """The headers of the batches, by the blocks that the footer lists: polars leaves room between messages."""
    end = len(raw) - len(MAGIC) - 4
    footer = raw[end - struct.unpack_from("<I", raw, end)[0] : end]
    if at := _field(footer, _follow(footer, 0), _RECORD_BATCHES):
        blocks = _follow(footer, at)
        for number in range(struct.unpack_from("<I", footer, blocks)[0]):
            offset = int(struct.unpack_from("<q", footer, blocks + 4 + _BLOCK * number)[0])
            yield raw[offset + (8 if raw.startswith(STREAM, offset) else 4) :]


def _codec(message: bytes) -> str | None:
    """What a batch's header, a flat buffer, says of compression: the fourth field of the header, of which the first."""
    table = _follow(message, 0)
    header = _field(message, table, 2)
    batch = header and _follow(message, header)
    said = batch and _field(message, batch, 3)
    if not said:
        return None
    at = _field(message, _follow(message, said), 0)
    return _CODECS[message[at] if at else 0]


def _follow(raw: bytes, at: int) -> int:
    return at + int(struct.unpack_from("<I", raw, at)[0])


def _field(raw: bytes, table: int, number: int) -> int:
    """Where a field of a table stands; 0 for one that it does not have."""
    slots = table - struct.unpack_from("<i", raw, table)[0]
    if 4 + 2 * number >= struct.unpack_from("<H", raw, slots)[0]:
        return 0
    offset = int(struct.unpack_from("<H", raw, slots + 4 + 2 * number)[0])
    return table + offset if offset else 0


# --- Feather's first version ---------------------------------------------------------------------------------------


def _feather(raw: bytes, keep: NDArray[np.bool_], named: str) -> bytes:
    from pyarrow import feather

    with warnings.catch_warnings():  # Arrow writes it for as long as it does
        warnings.simplefilter("ignore", DeprecationWarning)
        table = feather.read_table(io.BytesIO(raw))
        check_rows(keep, len(table), named)
        if keep.all():
            return raw
        kept = levels.without(table, levels.Gone.of_table(table, keep))
        out = io.BytesIO()
        feather.write_feather(_with_pieces(kept), out, version=1)
        again = feather.read_table(io.BytesIO(out.getvalue()))
    if not same(again, kept):
        raise DataError(f"{named} does not read the same once it is written again; {_REWRITE}")
    return out.getvalue()


def _with_pieces(table: pa.Table) -> pa.Table:
    """The table with one piece a column: the old writer crashes at a column without any."""
    import pyarrow as pa

    columns = [pa.concat_arrays(one.chunks) if one.num_chunks else pa.array([], one.type) for one in table.columns]
    return pa.Table.from_arrays(columns, schema=table.schema)


# --- ORC ------------------------------------------------------------------------------------------------------------


def _orc(raw: bytes, keep: NDArray[np.bool_], named: str) -> bytes:
    from pyarrow import orc

    file = _orc_file(raw)
    table = file.read()
    check_rows(keep, len(table), named)
    if keep.all():
        return raw
    gone = levels.Gone.of_table(table, keep)
    kept = levels.without(table, gone)
    said = levels.metadata_without(dict(file.metadata or {}), kept, gone) or {}
    out = io.BytesIO()
    with orc.ORCWriter(out, **_orc_form(file)) as writer:
        writer.write(kept)
    raw = _with_metadata(out.getvalue(), said, packed=file.compression != "UNCOMPRESSED")
    new = _orc_file(raw)
    if not same(new.read(), kept) or dict(new.metadata or {}) != said:
        raise DataError(f"{named} does not read the same once it is written again; {_REWRITE}")
    return raw


def _with_metadata(raw: bytes, said: Mapping[bytes, bytes], *, packed: bool) -> bytes:
    """The file with key-value metadata, which Arrow does not write: more fields behind its footer, and the footer's new length.

    Source: the ORC specification, version 1: a postscript begins with the footer's length; a chunk may be stored as it is.
    """
    if not said:
        return raw
    items = b"".join(_proto(5, _proto(1, key) + _proto(2, value)) for key, value in said.items())
    chunk = (len(items) << 1 | 1).to_bytes(3, "little") + items if packed else items
    begin = len(raw) - 1 - raw[-1]
    length, rest = _varint(raw, begin + 1)
    postscript = raw[begin : begin + 1] + _as_varint(length + len(chunk)) + raw[rest:-1]
    return b"".join([raw[:begin], chunk, postscript, bytes([len(postscript)])])


def _proto(field: int, content: bytes) -> bytes:
    return bytes([field << 3 | 2]) + _as_varint(len(content)) + content


def _as_varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while raw[at] & 128:
        value, shift, at = value | (raw[at] & 127) << shift, shift + 7, at + 1
    return value | raw[at] << shift, at + 1


def _orc_file(raw: bytes) -> Any:
    import pyarrow as pa
    from pyarrow import orc

    return orc.ORCFile(pa.BufferReader(raw))


def _orc_form(file: Any) -> dict[str, Any]:
    return {
        "compression": file.compression.lower(),
        "compression_block_size": file.compression_size,
        "row_index_stride": file.row_index_stride,
        "file_version": file.file_version,
    }
