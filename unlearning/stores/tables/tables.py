"""Tables with people in them, one file or a folder of parts: read, and name the people. Part of the home of pyarrow.

Whatever pyarrow says about a file may quote a cell, so its words never reach a message here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from unlearning.domain import hashing
from unlearning.domain.errors import DataError, NotFound, ParentMoved, reading
from unlearning.domain.hashing import IdentifierKind
from unlearning.stores.contents import file_digest
from unlearning.stores.tables import cells, loading
from unlearning.stores.tables import parts as table_parts
from unlearning.stores.tables.pieces import parsing

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")

SUFFIXES = table_parts.SUFFIXES
_MOST_OPEN = 512
"""Parts that are open together."""
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
"""What a folder says is a number when it is written as one: `01` is a text."""


class People(NamedTuple):
    """Who each row of a table belongs to. Holds raw identifiers: keep it in memory only."""

    values: tuple[object, ...]
    """The distinct identifiers, in order of first appearance."""
    codes: NDArray[np.int64]
    """(n,) index into `values` for each row."""


@contextmanager
def about(path: str) -> Iterator[None]:
    """Within: an error about a table's content says which table."""
    try:
        yield
    except DataError as error:
        if path in str(error):
            raise
        raise DataError(f"{path}: {error}") from error


def columns_of(person: str) -> tuple[str, ...]:
    """The columns that name a person: one, or of `clinic/patient` both."""
    return tuple(person.split(hashing.SAID_PART))


def names_people(columns: Collection[str], person: str) -> bool:
    """A table with these columns says whose record each row is."""
    return set(columns_of(person)) <= set(columns)


def read(path: Path, *, person: str | None = None, named: str | None = None, only: bool = False) -> pa.Table:
    """A table from a file of any form that is one, or from the parts of a folder, in the order of their paths.

    Its name says that it is a table, its content which form it has. person: in CSV, what is read as text, so that `0042` stays
    `0042`. only: no column but the person's is wanted. named: the table's tracked path when `path` is a cache object without a
    suffix. Folders called `year=2026` are columns. Raises NotFound without a file, DataError when it cannot be read, or when
    parts come or go meanwhile.
    """
    named = named or str(path)
    if table_parts.is_folder(path):
        return _read_parts(path, person, named, only=only)
    with _reading(named):
        return loading.load(path, columns_of(person) if person else (), only=only)


@contextmanager
def _reading(named: str) -> Iterator[None]:
    """Within: whatever a parser says becomes an error about the table that quotes no cell."""
    form = form_of(named)
    try:
        with parsing(form):
            yield
    except FileNotFoundError:
        raise NotFound(f"{named} does not exist; run `dvc pull`, or the stage that makes it") from None
    except DataError as error:
        kind = type(error.__context__ or error).__name__
        raise DataError(f"{named} is no readable {form[1:]} table ({kind}); restore or rewrite it") from None


def _read_parts(path: Path, person: str | None, named: str, *, only: bool, keep: NDArray[np.bool_] | None = None) -> pa.Table:
    """keep: (n,) which rows, of parts that say how many they have; without it, all."""
    parts = table_parts.parts(path, named=named)
    found = folder_columns(parts)
    wanted = columns_of(person) if person and only else None
    tables, first = [], 0
    for name, (file, part) in parts.items():
        if keep is None:
            # What a folder says of the person is no column of a part.
            inside = read(file, person=person, named=part, only=only and not set(wanted or ()) & found.keys())
        else:
            inside = read_rows(file, keep[first : (first := first + rows(file, named=part))], person=person or "", named=part)
        said = {column: values[name] for column, values in found.items() if column not in inside.column_names}
        tables.append(_with_columns(inside, {one: value for one, value in said.items() if wanted is None or one in wanted}))
    if keep is not None and first != len(keep):
        raise ParentMoved(f"{named} changed while it was read; run again")
    if table_parts.parts(path, named=named).keys() != parts.keys():
        raise DataError(f"{named}: parts came or went while it was read; run again when nobody writes there")
    return _joined(tables, named)


def read_rows(path: Path, keep: NDArray[np.bool_], *, person: str, named: str) -> pa.Table:
    """The rows of a table where `keep` is true, as `read` reads them; of Parquet little else is in memory.

    keep: (n,). Raises as `read`; ParentMoved for a table of another number of rows.
    """
    import pyarrow as pa

    if schemas(path, named=named) is None:
        table = read(path, person=person, named=named)
        if table.num_rows != len(keep):
            raise ParentMoved(f"{named} changed while it was read; run again")
        return table.filter(pa.array(keep))
    if table_parts.is_folder(path):
        return _read_parts(path, person, named, only=False, keep=keep)
    with _reading(named):
        found = loading.some_rows(path, keep)
    if found is None:
        raise ParentMoved(f"{named} changed while it was read; run again")
    return found


def schemas(path: Path, *, named: str) -> dict[str, pa.Schema] | None:
    """Part → the columns and types that its file says it has; of a single file under no name. None where one does not say so.

    Then types are read out of the cells, and may be others where rows leave.
    """
    folder = table_parts.is_folder(path)
    parts = table_parts.parts(path, named=named) if folder else {"": (path, named)}
    found = {name: _said(loading.schema, file, part) for name, (file, part) in parts.items()}
    return None if None in found.values() else {name: one for name, one in found.items() if one is not None}


def folder_columns(parts: Iterable[str]) -> dict[str, dict[str, int | str | None]]:
    """Column → part → value, of what the names of folders say (`year=2026/`): whole numbers when all are."""
    said = {name: table_parts.said_by_folders(name) for name in parts}
    columns = dict.fromkeys(column for one in said.values() for column in one)
    return {column: _whole_numbers({name: one.get(column) for name, one in said.items()}) for column in columns}


def _whole_numbers(values: dict[str, str | None]) -> dict[str, int | str | None]:
    texts = [text for text in values.values() if text is not None]
    whole = bool(texts) and all(_NUMBER.fullmatch(text) for text in texts)
    return {name: int(text) if whole and text is not None else text for name, text in values.items()}


def _with_columns(table: pa.Table, said: dict[str, int | str | None]) -> pa.Table:
    import pyarrow as pa

    for column, value in said.items():
        kind = pa.int64() if isinstance(value, int) else pa.string()
        table = table.append_column(column, pa.repeat(pa.scalar(value, kind), len(table)))
    return table


def rows(path: Path, *, named: str | None = None) -> int:
    """How many rows a file of a table has. Raises as `read`."""
    said = _said(loading.rows, path, named)
    return len(read(path, named=named)) if said is None else said


def column_names(path: Path, *, person: str | None = None, named: str | None = None) -> list[str]:
    """The columns of a table; of a folder, those of all its parts. Raises as `read`."""
    said = None if table_parts.is_folder(path) else _said(loading.names, path, named)
    return list(read(path, person=person, named=named).column_names) if said is None else said


class Piece(NamedTuple):
    """A part's share of a column."""

    content: str
    """Digest of the bytes that hold it, and nothing else tells it."""
    read: Callable[[], pa.Table]


class ByColumn(NamedTuple):
    """A table that is open to be read one column at a time."""

    schema: pa.Schema
    rows: int
    column: Callable[[str], pa.Table]
    pieces: Callable[[str], Sequence[Piece]]
    """A column part by part, where all have it, of one type; nothing where only the whole can tell."""


@contextmanager
def by_column(path: Path, *, person: str, named: str) -> Iterator[ByColumn]:
    """A table of which all that is read is of the same bytes: of Parquet no other column is held in memory.

    Raises as `read`; in the end ParentMoved when a file was rewritten meanwhile.
    """
    said = schemas(path, named=named)
    if said is None or len(said) > _MOST_OPEN:
        table = read(path, person=person, named=named)
        yield ByColumn(table.schema, len(table), lambda name: table.select([name]), lambda _: ())
        return
    if table_parts.is_folder(path):
        with ExitStack() as opened:
            yield _parts_by_column(path, named, opened)
        return
    with loading.columns(path, named=named) as (schema, rows, read_one, _):

        def column(name: str) -> pa.Table:
            with _reading(named):
                return read_one(name)

        yield ByColumn(schema, rows, column, lambda _: ())


def some_columns(path: Path, names: Collection[str], *, person: str, named: str) -> pa.Table:
    """Those of these columns that a table has; of Parquet no other one is read. Raises as `by_column`."""
    import pyarrow as pa

    with by_column(path, person=person, named=named) as table:
        return pa.table({name: table.column(name).column(0) for name in table.schema.names if name in names})


def _parts_by_column(path: Path, named: str, opened: ExitStack) -> ByColumn:
    """The same of a folder of Parquet files. opened: where they are closed, and seen to be the same parts still."""
    import pyarrow as pa

    parts = table_parts.parts(path, named=named)
    here = dict[str, tuple[pa.Schema, int, Callable[[str], pa.Table], Callable[[], str]]]()
    folders = folder_columns(parts)
    for name, (file, part) in parts.items():
        with _reading(part):
            here[name] = opened.enter_context(loading.columns(file, named=named))

    def with_folders(name: str, table: pa.Table) -> pa.Table:
        return _with_columns(table, {one: said[name] for one, said in folders.items() if one not in here[name][0].names})

    def read_one(name: str, column: str) -> pa.Table:
        schema, count, read_part, _ = here[name]
        if column in schema.names:
            with _reading(parts[name][1]):
                return read_part(column)
        nothing = pa.table({"": pa.nulls(count)})
        return with_folders(name, nothing).select([column]) if column in folders else nothing.rename_columns([column])

    def check() -> None:
        if table_parts.parts(path, named=named).keys() != parts.keys():
            raise ParentMoved(f"{named}: parts came or went while it was read; run again when nobody writes there")

    opened.callback(check)
    schema = _joined([with_folders(name, one.empty_table()) for name, (one, *_) in here.items()], named).schema
    rows = sum(count for _, count, _, _ in here.values())

    def pieces(column: str) -> Sequence[Piece]:
        kinds = {one.field(column).type if one.names.count(column) == 1 else None for one, *_ in here.values()}
        if None in kinds or len(kinds) > 1:
            return ()
        return [Piece(content(), partial(read_one, name, column)) for name, (*_, content) in here.items()]

    return ByColumn(schema, rows, lambda column: _joined([read_one(name, column) for name in parts], named), pieces)


def _said(ask: Callable[[Path], T | None], path: Path, named: str | None) -> T | None:
    """What a file says of itself; None where only reading it can tell, or say what is wrong."""
    form = form_of(named or str(path))
    try:
        with parsing(form):
            return ask(path)
    except (FileNotFoundError, DataError):
        return None


def said_columns(table: pa.Table) -> str:
    """The columns of a table, for a message; of a CSV how many: where its header is missing, a person's record stands there."""
    if loading.UNTYPED in (table.schema.metadata or {}):
        return f"{table.num_columns} columns in its first line"
    return ", ".join(table.column_names)


def people(table: pa.Table, column: str) -> People:
    """Who each row belongs to; raises DataError for a missing column, an unusable type, or rows without a person."""
    with reading(f"person column {column!r}", "expected text, whole numbers or bytes", otherwise=DataError):
        who = encoded(identities(table, column))
        names = tuple(_plain(name, column) for name in who.dictionary.to_pylist())
    return People(values=names, codes=who.indices.to_numpy().astype(np.int64))


def identities(table: pa.Table, person: str) -> pa.ChunkedArray:
    """The identifier in each row; of a person named by several columns, their values with `hashing.PART` between them.

    Raises DataError as `people` does.
    """
    for column in columns_of(person):
        _check_identifying(table, column)
    return named(table, person)


def named(table: pa.Table, person: str) -> pa.ChunkedArray:
    """The identifier in each row, as `identities`; null where a part of it is."""
    import pyarrow.compute as pc

    parts = [_decoded(table, column) for column in columns_of(person)]
    return parts[0] if len(parts) == 1 else pc.binary_join_element_wise(*map(_as_text, parts), hashing.PART)


def _decoded(table: pa.Table, column: str) -> pa.ChunkedArray:
    import pyarrow as pa

    values = table.column(column)
    kind = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    plain = {pa.string_view(): pa.large_string(), pa.binary_view(): pa.large_binary(), pa.float16(): pa.float32()}
    return values if kind == values.type and kind not in plain else values.cast(kind).cast(plain.get(kind, kind))


def _check_identifying(table: pa.Table, column: str) -> None:
    """One column that names people, or a part of their names, does so in every row. Raises DataError."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if column not in table.column_names:
        present = said_columns(table)
        raise DataError(f"no person column {column!r}; the table has {present}; correct the table, or `person` in the recipe")
    values = _decoded(table, column)
    if not _may_be_people(values.type):
        raise DataError(
            f"person column {column!r} has type {values.type}; expected text, whole numbers or bytes: write each identifier as "
            "it is, where the data comes from"
        )
    absent = pc.is_null(values, nan_is_null=True)
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        absent = pc.or_(absent, pc.equal(pc.utf8_trim_whitespace(values.fill_null("")), ""))
    if missing := pc.sum(absent).as_py():
        raise DataError(
            f"person column {column!r} is empty in {missing} of {len(table)} rows; expected a person in every row: "
            "nobody could ask for the erasure of the others"
        )
    if lost := cells.rounded(table.column(column)):
        raise DataError(
            f"person column {column!r} has type {table.column(column).type} and holds {lost} of {len(table)} numbers that lost "
            "their last digits: different people may have become one. Write the identifiers as text or "
            "whole numbers where the data comes from"
        )
    _check_whole(values, column)


def _may_be_people(kind: pa.DataType) -> bool:
    import pyarrow as pa

    types = pa.types
    text = (types.is_string, types.is_large_string, types.is_binary, types.is_large_binary, types.is_fixed_size_binary)
    # Of a null column every row is empty, which is said with the count.
    return any(fits(kind) for fits in (*text, types.is_integer, types.is_floating, types.is_decimal, types.is_null))


def _check_whole(values: pa.ChunkedArray, column: str) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    if not (pa.types.is_floating(values.type) or pa.types.is_decimal(values.type)):
        return
    if broken := pc.sum(pc.not_equal(values, pc.floor(values))).as_py():
        raise DataError(
            f"person column {column!r} has type {values.type} and holds {broken} of {len(values)} numbers that are not whole; "
            "expected identifiers as text or whole numbers"
        )


def _as_text(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """A part of a composite identifier as text: 4711.0 as 4711, bytes as the text they hold."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_floating(values.type) and pc.all(pc.equal(values, pc.floor(values))).as_py():
        values = values.cast(pa.int64())
    if pa.types.is_decimal(values.type):
        return pa.chunked_array([pa.array([None if one is None else str(cells.plain(one)) for one in values.to_pylist()])])
    with parsing("person column"):
        return values.cast(pa.string())


def shared_tokens(who: People, *, kind: IdentifierKind, key: bytes) -> list[bytes]:
    """The tokens of everyone who is named only together with others: whose record such a row is, nobody can guess."""
    named_together = dict.fromkeys(part for value in who.values for part in hashing.several(value))
    return hashing.tokens(named_together, kind, keys=[key])[0]


def digest(path: Path, *, anew: bool = False, each: Callable[..., str] = file_digest) -> str:
    """SHA-256 of a file's content; for a folder, of its sorted (relative path, SHA-256) pairs. Raises NotFound.

    anew: read now whatever this process read before: for whoever says of somebody that they are not there. each: what tells it
    of a file.
    """
    found = table_parts.files(path)
    if not table_parts.is_folder(path):
        return each(found[""], anew=anew)
    return hashing.digest([[name, each(file, anew=anew)] for name, file in found.items()])


def _joined(tables: Sequence[pa.Table], named: str) -> pa.Table:
    """The parts as one table; a number may be whole in one part and not in another, and a column may be missing in some."""
    import pyarrow as pa

    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except (ValueError, TypeError) as error:  # Arrow's errors about schemas are either
        odd = next((at for at, one in enumerate(tables, 1) if not _fits(tables[0], one)), len(tables))
        raise DataError(
            f"{named}: its parts have columns of different types ({type(error).__name__}; part {odd} of {len(tables)} is "
            "unlike the first); rewrite them alike"
        ) from None


def _fits(one: pa.Table, other: pa.Table) -> bool:
    import pyarrow as pa

    try:
        pa.unify_schemas([one.schema, other.schema], promote_options="permissive")
    except (ValueError, TypeError):
        return False
    return True


def form_of(named: str) -> str:
    """The kind of table that a name says, in lower case. Raises DataError for another."""
    suffix = table_parts.suffix_of(named)
    if suffix not in SUFFIXES:
        raise DataError(f"{named}: unknown kind of table; expected a name that ends in {table_parts.ENDINGS}")
    return suffix


def _plain(value: Any, column: str) -> object:
    """An identifier as normalising expects it: bytes as text, 4711.0 as 4711 (pandas turns whole numbers into floats)."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise DataError(f"person column {column!r} holds bytes that are no UTF-8; expected text") from None
    return cells.plain(value)


def measurable(table: pa.Table, name: str) -> pa.Table:
    """The table with a number for each list of numbers of a column: how long it is, as an arrow (Euclidean norm).

    A list that is missing, empty or not of numbers alone is missing; a column of anything else stays as it is.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    column = table.column(name)
    kind = column.type
    lists = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    if not lists or not (pa.types.is_integer(kind.value_type) or pa.types.is_floating(kind.value_type)):
        return table
    there = column.filter(column.is_valid())
    squares = pc.power(there.combine_chunks().flatten().cast(pa.float64()), 2)
    lengths = pc.list_value_length(there).to_numpy()
    norms = np.full(len(column), np.nan)
    rows = np.flatnonzero(column.is_valid().to_numpy())[lengths > 0]
    ends = np.concatenate(([0], np.cumsum(lengths[lengths > 0])))[:-1].astype(np.int64)
    norms[rows] = np.sqrt(np.add.reduceat(squares.to_numpy(zero_copy_only=False), ends)) if len(rows) else 0.0
    return table.set_column(table.column_names.index(name), name, pa.array(norms, from_pandas=True))


def encoded(column: pa.ChunkedArray) -> pa.DictionaryArray:
    """One dictionary for all chunks, in order of first appearance; never a copy of all values in one piece."""
    return column.dictionary_encode().unify_dictionaries().combine_chunks()
