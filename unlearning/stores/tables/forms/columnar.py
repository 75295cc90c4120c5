"""Tables by columns: Parquet, Arrow and Feather, ORC, and arrays of NumPy; a batch at a time."""

from __future__ import annotations

import base64
import binascii
import io
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import IO, Any

from unlearning.stores.tables import cells
from unlearning.stores.tables.forms import magic
from unlearning.stores.tables.pieces import Aside, Piece, Rows, Select

_BATCH_ROWS = 1 << 16
_SMALL_BYTES = 1 << 26
"""A Parquet file of up to this size is read for categories that no row uses, whoever wrote it; a larger one only where its
schema says that a column has categories."""
_SCHEMA = b"ARROW:schema"
_SIGNS = re.compile(rb"[\x20-\x7e\xc2-\xf4\x80-\xbf]{3,}")


def parquet(stream: IO[bytes], select: Select) -> Iterator[Piece]:
    """The pieces of a Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    first = pq.ParquetFile(stream)
    size = sum(first.metadata.row_group(number).total_byte_size for number in range(first.num_row_groups))
    texts = [one.name for one in first.schema_arrow if pa.types.is_string(one.type) or pa.types.is_large_string(one.type)]
    file = pq.ParquetFile(stream, read_dictionary=texts if size <= _SMALL_BYTES else [])
    yield from _said(file.schema_arrow, file.metadata.metadata)
    table = _Table(file.schema_arrow, select)
    read = table.read
    columns = None if read is None else [table.names[at] for at in read]
    for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=columns, use_threads=False):
        arrays = batch.columns if read is None else [batch.column(table.names[at]) for at in read]
        yield table.rows(arrays)
    yield from table.spare()


def arrow_file(stream: IO[bytes], select: Select) -> Iterator[Piece]:
    """The pieces of an Arrow IPC file, which Feather is since its second version."""
    from pyarrow import ipc

    file = ipc.open_file(stream)
    yield from _said(file.schema, file.metadata)
    yield from _batches(file.schema, (file.get_batch_with_custom_metadata(at) for at in range(file.num_record_batches)), select)


def arrow_stream(stream: IO[bytes], select: Select) -> Iterator[Piece]:
    """The pieces of an Arrow IPC stream."""
    from pyarrow import ipc

    reader = ipc.open_stream(stream)
    yield from _said(reader.schema, None)
    yield from _batches(reader.schema, reader.iter_batches_with_custom_metadata(), select)


def feather(stream: IO[bytes], select: Select) -> Iterator[Piece]:
    """The pieces of a Feather file of the first version."""
    table = read_feather(stream)
    yield from _said(table.schema, None)
    yield from _batches(table.schema, ((batch, None) for batch in table.to_batches(_BATCH_ROWS)), select)


def read_feather(stream: IO[bytes]) -> Any:
    """A Feather file of the first version, whole: Arrow reads it for as long as it does."""
    import pyarrow.feather

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return pyarrow.feather.read_table(stream)


def orc(stream: IO[bytes], select: Select) -> Iterator[Piece]:
    """The pieces of an ORC file, a stripe at a time."""
    from pyarrow import orc as arrow

    file = arrow.ORCFile(stream)
    yield from _said(file.schema, file.metadata.metadata if hasattr(file.metadata, "metadata") else dict(file.metadata or {}))
    yield from _batches(file.schema, ((file.read_stripe(at), None) for at in range(file.nstripes)), select)


def numpy(stream: IO[bytes], select: Select) -> Iterator[Piece]:
    """The pieces of an array as NumPy saves it; one of Python objects is a pickle, and refused."""
    import numpy as np
    import pyarrow as pa

    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    _, _, kind = read(stream)
    if kind.hasobject:
        raise ValueError("pickled")
    names = kind.names or ("",)
    wanted = select(names)
    here = range(len(names)) if wanted is None else wanted
    base = kind.subdtype[0] if kind.subdtype else kind
    while content := stream.read(max(1, _BATCH_ROWS // 4) * base.itemsize):
        block = np.frombuffer(content, dtype=base)
        parts = {at: block[names[at]] if kind.names else block for at in here}
        yield Rows(names, {at: _of_numpy(part, pa) for at, part in parts.items()}, whole=wanted is None)
        if base.itemsize == 1:  # a file or a text, byte by byte
            yield from (Aside(run, bytes_only=True) for run in magic.letters(io.BytesIO(content)))


def of_batch(batch: Any, select: Select) -> Rows:
    """A record batch that a plugin read."""
    return _Table(batch.schema, select).of(batch)


def _of_numpy(block: Any, pa: Any) -> Any:
    if block.dtype.kind in "iufb":
        return pa.array(block.astype(block.dtype.newbyteorder("=")).ravel())
    return block.ravel().tolist() if block.dtype.kind != "M" else block.ravel().astype("int64").tolist()


@dataclass
class _Table:
    """Which columns of a table are read, and why: some are wanted, and categories may be kept that no row uses."""

    schema: Any
    select: Select
    names: tuple[str, ...] = ()
    wanted: list[int] | None = None
    seen: dict[int, _Categories] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.names = tuple(self.schema.names)
        chosen = self.select([one.name if cells.may_identify(one.type) else "" for one in self.schema])
        self.wanted = None if chosen is None else list(chosen)
        if self.wanted is not None:
            others = set(range(len(self.names))) - set(self.wanted)
            self.seen = {at: _Categories() for at in sorted(others) if _categorical(self.schema.field(at).type)}

    @property
    def read(self) -> list[int] | None:
        """Positions to read; None for all, also where two columns have one name, because Arrow takes columns by name."""
        if self.wanted is None or len(set(self.names)) < len(self.names):
            return None
        return sorted({*self.wanted, *self.seen})

    def rows(self, arrays: Sequence[Any]) -> Rows:
        """One batch: the arrays of `read`."""
        here = range(len(self.names)) if self.read is None else self.read
        by_position: Mapping[int, Any] = dict(zip(here, arrays, strict=True))
        for at, categories in self.seen.items():
            categories.see(by_position[at])
        wanted = self.wanted
        return Rows(self.names, {at: by_position[at] for at in (by_position if wanted is None else wanted)}, wanted is None)

    def of(self, batch: Any) -> Rows:
        """One batch that has all columns."""
        return self.rows(batch.columns if self.read is None else [batch.column(at) for at in self.read])

    def spare(self) -> Iterator[Aside]:
        """Categories that only the file keeps."""
        for categories in self.seen.values():
            if left := categories.kept - categories.used:
                yield Aside("\n".join(map(str, cells.distinct(list(left)))))


@dataclass
class _Categories:
    """The categories of a column, and those that rows use."""

    kept: set[Any] = field(default_factory=set)
    used: set[Any] = field(default_factory=set)

    def see(self, array: Any) -> None:
        """One batch of it."""
        values = array.dictionary.to_pylist()
        self.kept.update(values)
        self.used.update(values[index] for index in array.indices.unique().to_pylist() if index is not None)


def _categorical(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_dictionary(kind) and not pa.types.is_nested(kind.value_type))


def _batches(schema: Any, batches: Iterable[tuple[Any, Any]], select: Select) -> Iterator[Piece]:
    table = _Table(schema, select)
    for batch, metadata in batches:
        yield from _texts(metadata)
        yield (rows := table.of(batch))
        if hidden := {at: left for at, column in rows.columns.items() if (left := _below_nulls(column)) is not None}:
            yield replace(rows, columns=hidden)
    yield from table.spare()


def _below_nulls(array: Any) -> Any:
    """What the bytes say where a flat array is null, which Arrow's own formats keep; None where they say nothing."""
    import pyarrow as pa

    kind, types = array.type, pa.types
    texts = (types.is_string, types.is_large_string, types.is_binary, types.is_large_binary, types.is_decimal)
    if not array.null_count or types.is_boolean(kind) or not (types.is_primitive(kind) or any(one(kind) for one in texts)):
        return None
    _, *content = array.buffers()
    bare = pa.Array.from_buffers(kind, len(array), [None, *content], offset=array.offset).filter(array.is_null())
    return bare if any(cells.distinct(bare)) else None


def _said(schema: Any, of_file: Any) -> Iterator[Aside]:
    """What schema, fields and file say besides the rows: pandas, for one, writes names of columns and attributes there."""
    yield Aside("\n".join(schema.names))
    yield from _texts(schema.metadata)
    for one in schema:
        yield from _texts(one.metadata)
    yield from _texts(of_file)


def _texts(metadata: Any) -> Iterator[Aside]:
    for key, value in (metadata or {}).items():
        if key != _SCHEMA:
            yield Aside(f"{_text(key)}\n{_text(value)}")
            continue
        try:
            content = base64.b64decode(value)
        except (binascii.Error, ValueError):
            content = value
        yield Aside("\n".join(_text(run) for run in _SIGNS.findall(content)), bytes_only=True)


def _text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "replace")
