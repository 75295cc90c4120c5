"""A Parquet file without some of its rows, row group by row group: what loses no row is copied byte for byte.

A row group that loses rows is taken out as a file of its own, some columns at a time, and written by `parquet_copy`; its column
chunks go where the old ones were, and a new footer says where everything lies now. So memory holds some columns of one row
group. Besides rows a file has what speaks of all of them: metadata, levels of categories, and dictionaries that list what no
row uses. Where somebody who goes is in such a place, and in whatever is laid out in a way that is not known here, the file is
written as a whole, as before.
"""

from __future__ import annotations

import base64
import io
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unlearning.domain.errors import DataError
from unlearning.stores.tables.faithful import dictionary_pages, footers, levels, parquet_copy, thrift
from unlearning.stores.tables.faithful.footers import listed, value
from unlearning.stores.tables.faithful.same import check_rows

if TYPE_CHECKING:
    import pyarrow as pa

_BUNDLE_BYTES = 1 << 25
"""Columns of a row group are rewritten together up to this size."""
_BLOCK_BYTES = 1 << 22
_ARROW = b"ARROW:schema"
_INDEXES = ((footers.COLUMN_INDEX, footers.COLUMN_INDEX_LENGTH), (footers.OFFSET_INDEX, footers.OFFSET_INDEX_LENGTH))
_FILE = frozenset(range(footers.VERSION, footers.ORDERS + 1))
_GROUP = frozenset(range(footers.COLUMNS, footers.ORDINAL + 1))
_CHUNK = frozenset(range(footers.CHUNK_AT, footers.COLUMN_INDEX_LENGTH + 1))
_META = frozenset(range(1, 18)) - {footers.CHUNK_KEY_VALUES}
_TERSE = re.compile(rb"parquet-cpp-arrow|parquet-mr version (?!1\.[0-7]\.)")
"""Writers whose dictionaries list only what rows use, unless the stored schema says that a column has categories."""


class _Unfit(Exception):
    """A file that is not put together from its row groups."""


def subset(raw: bytes, keep: NDArray[np.bool_], named: str) -> bytes:
    """A file in memory without the rows where `keep` is false. Raises DataError when it cannot be written as it was read."""
    out = io.BytesIO()
    copy(io.BytesIO(raw), out, keep, named)
    return out.getvalue()


def copy(source: IO[bytes], out: IO[bytes], keep: NDArray[np.bool_], named: str) -> None:
    """Write a file without the rows where `keep` is false. Raises DataError when it cannot be written as it was read."""
    try:
        _put_together(source, out, keep, named)
    except _Unfit:
        source.seek(0)
        out.seek(0)
        out.truncate()
        if keep.all():
            shutil.copyfileobj(source, out, _BLOCK_BYTES)
        else:
            out.write(parquet_copy.subset(source.read(), keep, named))


def _put_together(source: IO[bytes], out: IO[bytes], keep: NDArray[np.bool_], named: str) -> None:
    """Raises _Unfit for a file that is written as a whole."""
    import pyarrow as pa

    try:
        file = _File.of(source)
        check_rows(keep, file.rows, named)
        if keep.all() or not keep.any():
            raise _Unfit
        _Copy(file, out, keep, named).write()
    except (DataError, pa.ArrowException, ValueError, TypeError, OSError, LookupError) as error:
        raise _Unfit from error


@dataclass(frozen=True)
class _Column:
    """A column at the top of the schema."""

    elements: slice
    leaves: slice
    """Its physical columns."""


@dataclass(frozen=True)
class _File:
    """A file as it is, and what its footer says."""

    source: IO[bytes]
    footer: thrift.Struct
    end: int
    """Where the footer begins."""

    @classmethod
    def of(cls, source: IO[bytes]) -> _File:
        """Raises _Unfit for a footer that says more than is known here."""
        size = source.seek(0, 2)
        source.seek(size - footers.TAIL)
        length = int.from_bytes(source.read(4), "little") + footers.TAIL
        source.seek(max(0, size - length))
        file = cls(source, footers.of(source.read()), size - length)
        file.check()
        return file

    @cached_property
    def groups(self) -> list[thrift.Struct]:
        return listed(self.footer, footers.ROW_GROUPS)

    @property
    def rows(self) -> int:
        """Of all row groups."""
        return sum(group[footers.GROUP_ROWS][1] for group in self.groups)

    @cached_property
    def leaves(self) -> list[thrift.Struct]:
        return footers.leaves(self.footer)

    @cached_property
    def columns(self) -> list[_Column]:
        elements, found = listed(self.footer, footers.SCHEMA), list[_Column]()
        at = 1
        while at < len(elements):
            end = _behind(elements, at)
            done = found[-1].leaves.stop if found else 0
            inner = sum(not value(one, footers.CHILDREN, 0) for one in elements[at:end])
            found.append(_Column(slice(at, end), slice(done, done + inner)))
            at = end
        return found

    @cached_property
    def stored(self) -> pa.Schema | None:
        """The Arrow schema that is stored in the file."""
        import pyarrow as pa

        pairs = {value(pair, 1): value(pair, 2, b"") for pair in listed(self.footer, footers.KEY_VALUES)}
        if _ARROW not in pairs:
            return None
        schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(pairs[_ARROW])))
        if len(schema) != len(self.columns):
            raise _Unfit
        return schema

    def check(self) -> None:
        """Raises _Unfit for anything whose place, or meaning, is not known here."""
        created = value(self.footer, footers.CREATED_BY, b"")
        if not self.footer.keys() <= _FILE or re.match(rb"parquet-mr version 1\.[0-2]\.", created):
            raise _Unfit  # an old writer counts a chunk's bytes without its dictionary
        for group in self.groups:
            chunks = listed(group, footers.COLUMNS)
            if not group.keys() <= _GROUP or len(chunks) != len(self.leaves):
                raise _Unfit
            for chunk in chunks:
                meta = value(chunk, footers.META, {})
                if not chunk.keys() <= _CHUNK or not meta.keys() <= _META or value(meta, footers.INDEX_PAGE, 0) > 0:
                    raise _Unfit
                start, length = _span(chunk)
                if start < len(footers.MAGIC) or length < 0 or start + length > self.end:
                    raise _Unfit

    def bytes_at(self, start: int, length: int) -> bytes:
        self.source.seek(start)
        found = self.source.read(length)
        if len(found) != length:
            raise _Unfit
        return found

    def cut(self, group: int, columns: Sequence[int]) -> bytes:
        """Some columns of a row group as a file of their own, which says what the whole file says of them and of no rows.

        Offsets of indexes and filters are left as they were: they say in which form the group is, and nobody follows them.
        """
        old, body, chunks = self.groups[group], [footers.MAGIC], []
        at = len(footers.MAGIC)
        for chunk in (chunk for column in columns for chunk in listed(old, footers.COLUMNS)[self.columns[column].leaves]):
            start, length = _span(chunk)
            body.append(self.bytes_at(start, length))
            chunks.append(_moved(chunk, at - start))
            at += length
        elements = listed(self.footer, footers.SCHEMA)
        root = {**elements[0], footers.CHILDREN: (thrift.I32, len(columns))}
        inner = [one for column in columns for one in elements[self.columns[column].elements]]
        kept = {name: old[name] for name in (footers.GROUP_BYTES, footers.GROUP_ROWS)}
        footer = {
            footers.VERSION: self.footer[footers.VERSION],
            footers.SCHEMA: _list([root, *inner]),
            footers.ROWS: (thrift.I64, old[footers.GROUP_ROWS][1]),
            footers.ROW_GROUPS: _list([{**kept, footers.COLUMNS: _list(chunks)}]),
            **{number: self.footer[number] for number in (footers.CREATED_BY,) if number in self.footer},
        }
        if footers.ORDERS in self.footer:
            orders = listed(self.footer, footers.ORDERS)
            footer[footers.ORDERS] = _list([one for column in columns for one in orders[self.columns[column].leaves]])
        if self.stored is not None:
            footer[footers.KEY_VALUES] = _list([_schema_of([self.stored.field(column) for column in columns])])
        return b"".join([*body, footers.ending(footer)])

    def bundles(self, group: int) -> Iterator[list[int]]:
        """The columns of a row group, in pieces that are bearable."""
        chunks, bundle, size = listed(self.groups[group], footers.COLUMNS), list[int](), 0
        for number, column in enumerate(self.columns):
            more = sum(value(chunk[footers.META][1], footers.UNPACKED_BYTES, 0) for chunk in chunks[column.leaves])
            if bundle and size + more > _BUNDLE_BYTES:
                yield bundle
                bundle, size = [], 0
            bundle.append(number)
            size += more
        if bundle:
            yield bundle

    def table(self, group: int, column: int) -> pa.Table:
        """A column of a row group."""
        import pyarrow.parquet as pq

        return pq.ParquetFile(io.BytesIO(self.cut(group, [column]))).read(use_threads=False)


@dataclass
class _Copy:
    """The new file, as far as it is written."""

    file: _File
    out: IO[bytes]
    keep: NDArray[np.bool_]
    named: str
    groups: list[thrift.Struct] = field(default_factory=list)
    beside: list[tuple[thrift.Struct, int, Any]] = field(default_factory=list)
    """(chunk, how far it moved, reader of bytes) of each column chunk, for its filter and its indexes."""
    gone: list[dict[int, pa.ChunkedArray]] = field(default_factory=list)
    """Of each row group that loses rows, the cells that go, by column."""
    values: list[set[bytes]] = field(default_factory=list)
    """The same as bytes, by physical column; where dictionaries may list what no row uses."""
    whole: list[int] = field(default_factory=list)
    """Row groups that lose nothing."""

    def write(self) -> None:
        """Raises _Unfit when somebody who goes is named outside of the rows that go."""
        sizes = [group[footers.GROUP_ROWS][1] for group in self.file.groups]
        self.values = [set() for _ in self.file.leaves]
        self.out.write(footers.MAGIC)
        for number, part in enumerate(np.split(self.keep, np.cumsum(sizes)[:-1])):
            if part.all() and len(part):
                self._copy_group(number)
            elif len(part):
                self._rewrite_group(number, part)
        self._check_dictionaries()
        kept, gone = self._levels(), self._question()
        footer = {number: said for number, said in self.file.footer.items() if number != footers.KEY_VALUES}
        if footers.KEY_VALUES in self.file.footer:
            footer[footers.KEY_VALUES] = _list(parquet_copy.pairs_without(self.file.footer, kept, gone))
        self._write_beside()
        footer[footers.ROWS] = (thrift.I64, int(self.keep.sum()))
        footer[footers.ROW_GROUPS] = _list(self.groups)
        self._check_footer(footer)
        self.out.write(footers.ending(footer))

    # --- rows -------------------------------------------------------------------------------------------------------

    def _copy_group(self, number: int) -> None:
        old = self.file.groups[number]
        chunks = []
        for chunk in listed(old, footers.COLUMNS):
            start, length = _span(chunk)
            chunks.append(self._placed(chunk, start, self.file.bytes_at))
            for done in range(0, length, _BLOCK_BYTES):
                self.out.write(self.file.bytes_at(start + done, min(_BLOCK_BYTES, length - done)))
        self.whole.append(number)
        self._add_group(old, chunks, old[footers.GROUP_ROWS][1])

    def _rewrite_group(self, number: int, keep: NDArray[np.bool_]) -> None:
        old, chunks, gone = self.file.groups[number], list[thrift.Struct](), dict[int, Any]()
        for bundle in self.file.bundles(number):
            new = parquet_copy.group_without(self.file.cut(number, bundle), keep, self.named, values=not self._terse)
            gone.update(zip(bundle, new.gone.columns, strict=True))
            leaves = [leaf for column in bundle for leaf in range(len(self.file.leaves))[self.file.columns[column].leaves]]
            for leaf, held in zip(leaves, new.values, strict=False):
                self.values[leaf] |= held
            if not new.file:
                continue
            (group,) = listed(footers.of(new.file), footers.ROW_GROUPS)
            for chunk in listed(group, footers.COLUMNS):
                start, length = _span(chunk)
                chunks.append(self._placed(chunk, start, _taken_from(new.file, chunk)))
                self.out.write(new.file[start : start + length])
        self.gone.append(gone)
        if chunks:
            self._add_group(old, chunks, int(keep.sum()))

    def _placed(self, chunk: thrift.Struct, start: int, read: Any) -> thrift.Struct:
        """The chunk as the new footer says it, when it is written next."""
        moved = _moved(chunk, self.out.tell() - start)
        self.beside.append((moved, self.out.tell() - start, read))
        return moved

    def _add_group(self, old: thrift.Struct, chunks: list[thrift.Struct], rows: int) -> None:
        metas = [chunk[footers.META][1] for chunk in chunks]
        group = {
            footers.COLUMNS: _list(chunks),
            footers.GROUP_BYTES: (thrift.I64, sum(value(meta, footers.UNPACKED_BYTES, 0) for meta in metas)),
            footers.GROUP_ROWS: (thrift.I64, rows),
            footers.GROUP_AT: (thrift.I64, footers.chunk_start(metas[0])),
            footers.GROUP_PACKED_BYTES: (thrift.I64, sum(meta[footers.PACKED_BYTES][1] for meta in metas)),
            footers.ORDINAL: (thrift.I16, len(self.groups)),
        }
        self.groups.append({number: said for number, said in {**old, **group}.items() if number in old})

    # --- what is said beside them -----------------------------------------------------------------------------------

    def _write_beside(self) -> None:
        """Bloom filters, then column indexes, then offset indexes: the last say where pages are."""
        for chunk, _, read in self.beside:
            meta = chunk[footers.META][1]
            if value(meta, footers.BLOOM_FILTER, -1) > 0:
                filtered = _bloom(read, meta)
                meta[footers.BLOOM_FILTER] = (thrift.I64, self.out.tell())
                meta[footers.BLOOM_FILTER_LENGTH] = (thrift.I32, len(filtered))
                self.out.write(filtered)
        for at, length in _INDEXES:
            for chunk, far, read in self.beside:
                if value(chunk, at, 0) > 0:
                    raw = read(chunk[at][1], chunk[length][1])
                    said = _shifted_pages(raw, far) if at == footers.OFFSET_INDEX else raw
                    chunk[at], chunk[length] = (thrift.I64, self.out.tell()), (thrift.I32, len(said))
                    self.out.write(said)

    @cached_property
    def _terse(self) -> bool:
        """No dictionary lists what no row uses, besides those of categories that are read as such."""
        import pyarrow as pa

        created, stored = value(self.file.footer, footers.CREATED_BY, b""), self.file.stored
        said = [pa.types.is_dictionary(one.type) or levels.hides_dictionary(one.type) for one in stored or ()]
        named = {at for at, one in enumerate(said) if one} <= set(self._categories)
        return bool(_TERSE.match(created)) and named and (stored is not None or not created.startswith(b"parquet-cpp"))

    @cached_property
    def _categories(self) -> list[int]:
        """Columns that are read with their levels: of numbers, say, they are not."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema = pq.read_schema(io.BytesIO(footers.MAGIC + footers.ending(self.file.footer)))
        return [at for at, one in enumerate(schema) if pa.types.is_dictionary(one.type)]

    def _question(self) -> levels.Gone:
        return levels.Gone(self.keep, self._goes, self._stays)

    def _goes(self, column: int | None) -> Iterable[pa.ChunkedArray]:
        return [cells for group in self.gone for at, cells in group.items() if column in (None, at)]

    def _stays(self, column: int | None) -> Iterator[pa.ChunkedArray]:
        """Read again, a column of a row group at a time: only a word that a cell which goes has brings anybody here."""
        import pyarrow as pa

        done = 0
        for number, group in enumerate(self.file.groups):
            rows = group[footers.GROUP_ROWS][1]
            mask = pa.array(self.keep[done : done + rows])
            for at in range(len(self.file.columns)) if column is None else (column,):
                yield levels.filtered(self.file.table(number, at).column(0), mask)
            done += rows

    def _levels(self) -> pa.Table:
        """The columns with categories as they stay. Raises _Unfit when a level goes: it may stand in any row group; and where
        not every row group lists them all: their order would be that in which rows use them.
        """
        import pyarrow as pa

        kept = {}
        for at in self._categories:
            table = pa.concat_tables([self.file.table(number, at) for number in range(len(self.file.groups))])
            whole = table.column(0).unify_dictionaries().combine_chunks()
            fewer = levels.fewer_levels(whole, self._question())
            alike = all(chunk.dictionary.equals(whole.dictionary) for chunk in table.column(0).chunks)
            if not alike or len(fewer.dictionary) != len(whole.dictionary):
                raise _Unfit
            kept[table.column_names[0]] = fewer
        if self.file.stored is not None and kept and len(set(self.file.stored.names)) < len(self.file.columns):
            raise _Unfit
        return pa.table(kept)

    def _check_dictionaries(self) -> None:
        """Raises _Unfit when a row group that is copied lists, or counts among its extremes, what only rows that go hold."""
        if self._terse:
            return
        categories = set(self._categories)
        for number, (at, column) in ((one, pair) for one in self.whole for pair in enumerate(self.file.columns)):
            if at in categories:
                continue
            said = [self._said(number, leaf) for leaf in range(len(self.file.leaves))[column.leaves]]
            if any(said):
                used = parquet_copy.values_in(self.file.cut(number, [at]))
                if not all(one <= held for one, held in zip(said, used, strict=True)):
                    raise _Unfit

    def _said(self, number: int, leaf: int) -> set[bytes]:
        """What somebody who goes holds and a chunk says, beside its rows."""
        chunk = listed(self.file.groups[number], footers.COLUMNS)[leaf]
        meta, element, wanted = chunk[footers.META][1], self.file.leaves[leaf], self.values[leaf]
        start, length = _span(chunk)
        data = meta[footers.DATA_PAGE][1]
        head = self.file.bytes_at(start, data - start or length)
        extremes = {said for _, said in value(meta, footers.STATISTICS, {}).values() if isinstance(said, bytes)}
        return dictionary_pages.listed(head, meta, element, wanted) | (extremes & wanted)

    def _check_footer(self, footer: thrift.Struct) -> None:
        """Arrow reads the new footer, and a page begins wherever it says so. Raises _Unfit."""
        import pyarrow.parquet as pq

        said = pq.read_metadata(io.BytesIO(footers.MAGIC + footers.ending(footer)))
        if said.num_rows != int(self.keep.sum()) or said.num_row_groups != len(self.groups):
            raise _Unfit


def _span(chunk: thrift.Struct) -> tuple[int, int]:
    """Where a column chunk begins, and how many bytes it has."""
    meta = chunk[footers.META][1]
    return footers.chunk_start(meta), meta[footers.PACKED_BYTES][1]


def _moved(chunk: thrift.Struct, far: int) -> thrift.Struct:
    """What is said of a chunk that lies elsewhere now; what a writer may have repeated behind the chunk stays behind."""
    meta = dict(chunk[footers.META][1])
    for number in (footers.DATA_PAGE, footers.DICTIONARY_PAGE):
        if value(meta, number, 0) > 0:
            meta[number] = (thrift.I64, meta[number][1] + far)
    return {**chunk, footers.CHUNK_AT: (thrift.I64, 0), footers.META: (thrift.STRUCT, meta)}


def _list(members: list[thrift.Struct]) -> tuple[int, tuple[int, list[thrift.Struct]]]:
    return thrift.LIST, (thrift.STRUCT, members)


def _behind(elements: list[thrift.Struct], at: int) -> int:
    """Where the subtree of an element ends."""
    end = at + 1
    for _ in range(value(elements[at], footers.CHILDREN, 0)):
        end = _behind(elements, end)
    return end


def _schema_of(fields: list[pa.Field]) -> thrift.Struct:
    import pyarrow as pa

    said = base64.b64encode(pa.schema(fields).serialize().to_pybytes())
    return {1: (thrift.BINARY, _ARROW), 2: (thrift.BINARY, said)}


def _taken_from(raw: bytes, chunk: thrift.Struct) -> Any:
    """Reads what is beside a chunk, without keeping the file that it is from."""
    meta = chunk[footers.META][1]
    spans = [(value(chunk, at, 0), value(chunk, length, 0)) for at, length in _INDEXES]
    spans.append((value(meta, footers.BLOOM_FILTER, 0), value(meta, footers.BLOOM_FILTER_LENGTH, 0)))
    taken = {span: raw[span[0] : sum(span)] for span in spans if span[0] > 0}
    return lambda start, length: taken[start, length]


def _bloom(read: Any, meta: thrift.Struct) -> bytes:
    """A Bloom filter with its header, which says how long it is where the footer does not."""
    start, length = meta[footers.BLOOM_FILTER][1], value(meta, footers.BLOOM_FILTER_LENGTH, 0)
    if length <= 0:
        header, at = thrift.read_on(memoryview(read(start, 64)))
        length = at + header[1][1]
    found: bytes = read(start, length)
    return found


def _shifted_pages(raw: bytes, far: int) -> bytes:
    """An offset index whose pages lie elsewhere now."""
    index = thrift.read(raw)
    for page in listed(index, 1):
        page[1] = (thrift.I64, page[1][1] + far)
    return thrift.written(index)
