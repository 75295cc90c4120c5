"""What a table says besides its rows (categories, metadata): what stays of it when rows go.

A level (a value that a dictionary lists) stays when a row that stays uses it, and keeps its place among the others. It goes
when only rows that go used it. One that no row ever used (`middle` of `low < middle < high`) is a statement of the table about
itself, and stays, unless a cell of a row that goes says the same and no cell that stays does: besides those cells, a redaction
knows no name of anybody. Both rules look at cells alone, so redacting twice is redacting once with both decisions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unlearning.domain.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

_PANDAS = b"pandas"
_POLARS = b"_PL_ENUM_VALUES"
_WORD = re.compile(r"[^\s\"'\[\]{}(),;:=<>]+")
_SAYS_SOMEBODY = 4
"""Characters from which on a word in metadata counts as a cell's: `1` and `F` are in every text."""


def without(table: pa.Table, gone: Gone) -> pa.Table:
    """The rows to keep, and of dictionaries and metadata what may stay. Raises DataError where that cannot be told."""
    import pyarrow as pa

    columns = [_column(table.column(at), field, gone) for at, field in enumerate(table.schema)]
    kept = pa.Table.from_arrays(columns, schema=table.schema)
    return pa.Table.from_arrays(columns, schema=schema_without(table.schema, kept, gone))


def rows(table: pa.Table, keep: NDArray[np.bool_]) -> pa.Table:
    """The rows to keep, with every level and all metadata. Raises DataError for dictionaries inside of nested values."""
    import pyarrow as pa

    for field in table.schema:
        _check_filterable(field)
    mask = pa.array(keep)
    return pa.Table.from_arrays([filtered(column, mask) for column in table.columns], schema=table.schema)


def schema_without(schema: pa.Schema, kept: pa.Table, gone: Gone) -> pa.Schema:
    """A schema whose metadata fit the rows that are left. Raises DataError for a text that names who goes."""
    import pyarrow as pa

    fields = [_field(field, gone, gone.within(at)) for at, field in enumerate(schema)]
    return pa.schema(fields, metadata=metadata_without(schema.metadata, kept, gone))


def metadata_without(metadata: Mapping[bytes, bytes] | None, kept: pa.Table, gone: Gone) -> dict[bytes, bytes] | None:
    """Key-value metadata that fit the rows that are left. Raises DataError for a text that names who goes."""
    if metadata is None:
        return None
    return {key: _pandas(value, kept, gone) if key == _PANDAS else _told(key, value, gone) for key, value in metadata.items()}


Cells = Callable[[int | None], Iterable["pa.ChunkedArray"]]
"""The cells of a column, or of every column; in as many pieces as it takes."""


class Gone:
    """Asks whether a value is in a cell that goes and in none that stays."""

    def __init__(self, keep: NDArray[np.bool_], goes: Cells, stays: Cells, column: int | None = None) -> None:
        self.keep = keep
        self._goes, self._stays, self._column = goes, stays, column

    @classmethod
    def of_table(cls, table: pa.Table, keep: NDArray[np.bool_]) -> Gone:
        """About a table in memory."""
        import pyarrow as pa

        def cells(rows: NDArray[np.bool_]) -> Cells:
            columns = cache(lambda at: filtered(table.column(at), pa.array(rows)))
            return lambda only: map(columns, range(table.num_columns) if only is None else [only])

        return cls(keep, cells(~keep), cells(keep))

    def within(self, column: int) -> Gone:
        """The same question about one column."""
        return Gone(self.keep, self._goes, self._stays, column)

    def of(self, candidates: Iterable[str]) -> set[str]:
        """Those of the candidates that only people who go have in a cell."""
        wanted = set(candidates)
        if not wanted or self.keep.all():
            return set()
        wanted = set().union(*(_found(cells, wanted) for cells in self._goes(self._column)))
        for cells in self._stays(self._column) if wanted else ():
            wanted -= _found(cells, wanted)
            if not wanted:
                break
        return wanted


def filtered(column: pa.ChunkedArray, mask: pa.Array) -> pa.ChunkedArray:
    """The rows of a column where the mask is true.

    Views of text make a detour: Arrow has no filter for them, and what they look at would stay whole.
    """
    detour = _without_views(column.type)
    return column.filter(mask) if detour == column.type else column.cast(detour).filter(mask).cast(column.type)


def _without_views(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    plain = {pa.string_view(): pa.large_string(), pa.binary_view(): pa.large_binary()}
    if kind in plain:
        return plain[kind]
    if not pa.types.is_nested(kind) or isinstance(kind, pa.BaseExtensionType):
        return kind
    inner = [kind.field(at).with_type(_without_views(kind.field(at).type)) for at in range(kind.num_fields)]
    if pa.types.is_struct(kind):
        return pa.struct(inner)
    if pa.types.is_list(kind):
        return pa.list_(inner[0])
    if pa.types.is_large_list(kind):
        return pa.large_list(inner[0])
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(inner[0], kind.list_size)
    return kind


def _found(column: pa.ChunkedArray, wanted: set[str]) -> set[str]:
    """Which of the wanted texts are in the cells of a column, in nested ones too."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        return _found(pa.chunked_array([chunk.storage for chunk in column.chunks], kind.storage_type), wanted)
    if pa.types.is_dictionary(kind):
        used = column.unify_dictionaries()
        return set().union(*(_found(_used(chunk), wanted) for chunk in used.chunks))
    if pa.types.is_struct(kind):
        return set().union(*(_found(part, wanted) for part in column.flatten()))
    if pa.types.is_nested(kind):
        return set().union(*(_found(_chunked(part), wanted) for chunk in column.chunks for part in _inner(chunk)))
    values = _as_cells(kind, wanted)
    if values is None:
        return set()
    if kind in (pa.string_view(), pa.binary_view()):
        column = column.cast(values.type)
    inside = pc.unique(column.filter(pc.is_in(column, value_set=values)))
    return {_text(value) for value in inside.to_pylist() if value is not None}


def _as_cells(kind: pa.DataType, wanted: set[str]) -> pa.Array | None:
    """The wanted texts as values of a type; None for a type that names nobody."""
    import pyarrow as pa

    texts = sorted(text for text in wanted if text.encode(errors="ignore").decode() == text)  # no half of a surrogate pair
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return pa.array(texts, kind)
    if kind == pa.string_view():
        return pa.array(texts, pa.large_string())
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return pa.array(sorted(text.encode(errors="surrogateescape") for text in wanted), kind)
    if kind == pa.binary_view():
        return pa.array(sorted(text.encode(errors="surrogateescape") for text in wanted), pa.large_binary())
    if pa.types.is_integer(kind):
        low, high = (np.iinfo(kind.to_pandas_dtype()).min, np.iinfo(kind.to_pandas_dtype()).max)
        numbers = sorted(int(text) for text in wanted if re.fullmatch(r"-?[0-9]{1,20}", text))
        return pa.array([number for number in numbers if low <= number <= high], kind)
    if kind in (pa.float32(), pa.float64()):
        return pa.array(sorted(float(text) for text in wanted if re.fullmatch(r"-?[0-9]{1,15}", text)), kind)
    return None


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode(errors="surrogateescape")
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _chunked(array: pa.Array) -> pa.ChunkedArray:
    import pyarrow as pa

    return pa.chunked_array([array])


def _inner(chunk: pa.Array) -> Iterator[pa.Array]:
    import pyarrow as pa

    if pa.types.is_map(chunk.type):
        entries = chunk.cast(pa.list_(pa.struct([chunk.type.key_field, chunk.type.item_field]))).flatten()
        yield from entries.flatten()
    elif hasattr(chunk, "flatten"):
        yield chunk.flatten()
    else:
        raise DataError(f"a column has type {chunk.type}, whose cells cannot be compared with what the table says of itself")


def _used(chunk: pa.DictionaryArray) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    used = np.zeros(len(chunk.dictionary), dtype=bool)
    used[pc.unique(chunk.indices.drop_null()).to_numpy()] = True
    return filtered(_chunked(chunk.dictionary), pa.array(used))


# --- dictionaries ---------------------------------------------------------------------------------------------------


def _column(column: pa.ChunkedArray, field: pa.Field, gone: Gone) -> pa.ChunkedArray:
    import pyarrow as pa

    if not pa.types.is_dictionary(field.type):
        _check_filterable(field)
        return filtered(column, pa.array(gone.keep))
    whole = column.unify_dictionaries().combine_chunks()
    if isinstance(whole, pa.ChunkedArray):  # of a column without rows
        whole = whole.chunk(0) if whole.num_chunks else pa.array([], field.type)
    return _chunked(fewer_levels(whole, gone))


def fewer_levels(whole: pa.DictionaryArray, gone: Gone) -> pa.DictionaryArray:
    """The rows to keep of a column with one dictionary, and the levels that may stay."""
    import pyarrow as pa

    keep = gone.keep
    absent = whole.indices.is_null().to_numpy(zero_copy_only=False)
    codes = whole.indices.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    used, lost = np.zeros((2, len(whole.dictionary)), dtype=bool)
    used[codes[keep & ~absent]] = True
    lost[codes[~keep & ~absent]] = True
    unused = np.flatnonzero(~used & ~lost)
    spoken = {at: _text(whole.dictionary[at].as_py()) for at in unused.tolist()}
    named = gone.of(spoken.values())
    stays = ~(lost & ~used)
    stays[[at for at, text in spoken.items() if text in named]] = False
    new = np.cumsum(stays) - 1
    fresh = np.where(absent, 0, new[codes] if len(new) else 0)[keep]  # below an absent value too, some readers look for a level
    indices = pa.array(fresh, mask=absent[keep]).cast(whole.type.index_type)
    dictionary = filtered(_chunked(whole.dictionary), pa.array(stays)).combine_chunks()
    if isinstance(dictionary, pa.ChunkedArray):
        dictionary = dictionary.chunk(0)
    return pa.DictionaryArray.from_arrays(indices, dictionary, ordered=whole.type.ordered)


def _check_filterable(field: pa.Field) -> None:
    if hides_dictionary(field.type):
        raise DataError(f"column {field.name!r} has type {field.type}: a dictionary inside a nested value cannot be redacted")


def hides_dictionary(kind: pa.DataType) -> bool:
    """A nested type has a dictionary somewhere inside."""
    import pyarrow as pa

    if isinstance(kind, pa.BaseExtensionType):
        return pa.types.is_dictionary(kind.storage_type) or hides_dictionary(kind.storage_type)
    inner = [kind.field(index).type for index in range(kind.num_fields)] if pa.types.is_nested(kind) else []
    return any(pa.types.is_dictionary(part) or hides_dictionary(part) for part in inner)


# --- metadata -------------------------------------------------------------------------------------------------------


def _pandas(raw: bytes, kept: pa.Table, gone: Gone) -> bytes:
    """What pandas says of its frame: a counted index ends with the rows, and a category has as many levels as are left."""
    try:
        said = json.loads(raw)
        indices = said.get("index_columns") or []
        for index in indices:
            if isinstance(index, dict) and index.get("kind") == "range":
                _count_rows(index, gone.keep, alone=len(indices) == 1)
        for column in said.get("columns") or []:
            _count_levels(column, kept)
    except (ValueError, KeyError, TypeError, AttributeError):
        return _told(_PANDAS, raw, gone)
    if attributes := said.get("attributes"):
        said["attributes"] = json.loads(_told(b"pandas attributes", json.dumps(attributes).encode(), gone))
    return raw if said == json.loads(raw) else json.dumps(said).encode()


def _count_rows(index: dict[str, Any], keep: NDArray[np.bool_], *, alone: bool) -> None:
    """An index that is no column but a count: alone it numbers the rows that are there, beside others it is a value of each."""
    rows = np.flatnonzero(keep)
    if not alone and len(rows):
        steps = set(np.diff(rows).tolist()) or {1}
        if len(steps) > 1:
            raise DataError(
                "the rows' index in pandas has a level that only counts; make it a column (reset_index), and run again"
            )
        index["start"] += int(rows[0]) * index["step"]
        index["step"] *= steps.pop()
    index["stop"] = index["start"] + len(rows) * index["step"]


def _count_levels(column: dict[str, Any], kept: pa.Table) -> None:
    import pyarrow as pa

    name, more = column.get("field_name", column.get("name")), column.get("metadata")
    if isinstance(more, dict) and "num_categories" in more and kept.column_names.count(name) == 1:
        values = kept.column(name)
        if pa.types.is_dictionary(values.type) and values.num_chunks:
            more["num_categories"] = len(values.chunk(0).dictionary)


def _field(field: pa.Field, gone: Gone, within: Gone) -> pa.Field:
    """A field whose metadata fit the rows that are left."""
    import pyarrow as pa

    if pa.types.is_nested(field.type):
        inner = [field.type.field(index) for index in range(field.type.num_fields)]
        if any(_field(one, gone, within).metadata != one.metadata for one in inner):
            raise _names_somebody("a field inside a column in")
    if not field.metadata:
        return field
    levels = {key: _polars_levels(value, gone, within) for key, value in field.metadata.items() if key.startswith(_POLARS)}
    return field.with_metadata({key: levels.get(key) or _told(key, value, gone) for key, value in field.metadata.items()})


def _told(key: bytes, value: bytes, gone: Gone) -> bytes:
    """A text of the metadata as it stands; in a list in JSON, what names who goes is blank: the others keep their places.

    Raises DataError for any other word that only a cell which goes has too.
    """
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return value
    text = _blanked(text, gone)
    for said, where in ((key.decode(errors="replace"), "a key of"), (text, f"the text {key.decode(errors='replace')!r} in")):
        words = {word.strip(".!?") for word in _WORD.findall(said)}
        if gone.of(word for word in words if len(word) >= _SAYS_SOMEBODY):
            raise _names_somebody(where)
    return text.encode()


def _names_somebody(where: str) -> DataError:
    return DataError(
        f"{where} the table's metadata names somebody whose rows are to go; expected texts about the table alone: "
        "rewrite the table without that text, and run again"
    )


def _blanked(text: str, gone: Gone) -> str:
    if text[:1] not in ("[", "{"):
        return text
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return text
    named = gone.of(member for member in _members(said) if len(member) >= _SAYS_SOMEBODY)
    return json.dumps(_blank(said, named)) if named else text


def _members(said: Any) -> Iterator[str]:
    """The texts in the lists of a JSON value."""
    inner = said.values() if isinstance(said, dict) else said if isinstance(said, list) else ()
    for one in inner:
        if isinstance(one, str) and isinstance(said, list):
            yield one
        yield from _members(one)


def _blank(said: Any, named: Collection[str]) -> Any:
    if isinstance(said, dict):
        return {key: _blank(value, named) for key, value in said.items()}
    if isinstance(said, list):
        return ["" if isinstance(one, str) and one in named else _blank(one, named) for one in said]
    return said


def _polars_levels(raw: bytes, gone: Gone, within: Gone) -> bytes:
    """Polars' list of an enumeration's levels, each with its length in bytes before it: `3;low4;high`."""
    levels, rest = [], raw
    while rest:
        length, separator, tail = rest.partition(b";")
        if not separator or not length.isdigit() or int(length) > len(tail):
            raise DataError("the levels that polars lists in the table's metadata cannot be read; rewrite the table")
        levels.append(tail[: int(length)].decode())
        rest = tail[int(length) :]
    lost = gone.of(levels) | within.of(levels)
    return b"".join(b"%d;%b" % (len(level.encode()), level.encode()) for level in levels if level not in lost)
