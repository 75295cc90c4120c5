"""The one reader of files: what form a file is, told by its content, and its pieces.

Parquet, Arrow, Feather, ORC, CSV in any dialect, JSON, YAML, HTML and any other text, SQLite, NumPy, and all of these
compressed or inside zip and tar. Forms that it does not know are asked of plugins; what nobody knows is unread, and its letters
go aside.
"""

from __future__ import annotations

import codecs
import io
import itertools
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import IO

from unlearning.domain.errors import DataError
from unlearning.domain.protocols import Reader
from unlearning.stores.tables import cells
from unlearning.stores.tables.dialect import COMMON, SAMPLE_BYTES, Dialect, csv_dialect
from unlearning.stores.tables.encoding import encoding
from unlearning.stores.tables.forms import archives, columnar, databases, delimited, documents, magic, texts
from unlearning.stores.tables.pieces import Aside, Piece, Rows, Select, Text, Unread, parsing

_SQLITE = b"SQLite format 3\0"
_COLUMNAR = (
    (b"PAR1", "Parquet", columnar.parquet),
    (b"ARROW1\0\0", "Arrow", columnar.arrow_file),
    (b"\xff\xff\xff\xff", "Arrow stream", columnar.arrow_stream),
    (b"FEA1", "Feather", columnar.feather),
    (b"\x93NUMPY", "NumPy array", columnar.numpy),
    (_SQLITE, "SQLite database", databases.sqlite),
)
_DEEPEST = 3
"""Compressions of compressions that are followed."""
_OFFICE = {"xl/": "Excel workbook", "word/": "Word document", "ppt/": "PowerPoint document", "content.xml": "OpenDocument file"}


@dataclass(frozen=True)
class Reading:
    """How files are read."""

    select: Select = field(default=lambda _names: None)
    """Which columns of a table are wanted."""
    people: Sequence[str] = ()
    """Person columns: a text whose first line has them is a table, however its rows look."""
    readers: Sequence[tuple[str, Reader]] = ()
    """Plugins, with their names."""
    depth: int = 0
    """How many compressions were opened."""
    inside: bool = False
    """The file is a member of an archive."""

    def open(self, stream: IO[bytes], name: str = "") -> tuple[str, Iterator[Piece]]:
        """(form, pieces) of a file that can be sought in. The pieces are read as they are asked for; what breaks on the way
        is unread.

        name: its path; content decides where it can.
        """
        head = _head(stream)
        try:
            with parsing("a head that nobody understands"):
                form, pieces = self._known(stream, head, name)
        except DataError as error:
            form = magic.form(head)
            return form, _unread(stream, form, str(error))
        return form, _guarded(stream, form, pieces)

    def _known(self, stream: IO[bytes], head: bytes, name: str) -> tuple[str, Iterator[Piece]]:
        if not head:
            return "empty file", iter(())
        for sign, form, read in _COLUMNAR:
            if head.startswith(sign):
                return form, self._with_letters(stream, read) if sign == _SQLITE else read(stream, self.select)
        if head.startswith(b"ORC") and _tail(stream).endswith(b"ORC", 0, -1):
            return "ORC", columnar.orc(stream, self.select)
        if (codec := archives.codec(head)) is not None:
            return codec, self._compressed(stream, head, codec, name)
        if (plugged := self._plugged(stream, name)) is not None:
            return plugged
        if head.startswith((b"PK\3\4", b"PK\5\6")):
            return self._zip_form(stream), self._zip(stream)
        if head[257:262] == b"ustar":
            return "tar archive", self._tar(stream)
        if (found := encoding(head)) is not None and magic.form(head, textual=True) == "unknown form":
            return self._text(stream, csv_dialect(head), head[len(found.mark) :].decode(found.name, "ignore"), name)
        form = magic.form(head)
        return form, _unread(stream, form, "no reader knows its form")

    def _with_letters(self, stream: IO[bytes], read: Callable[[IO[bytes], Select], Iterator[Piece]]) -> Iterator[Piece]:
        """Tables, and where none of their columns is singled out the letters in the bytes: pages in use keep deleted rows."""
        chosen = []

        def select(names: Sequence[str]) -> Sequence[int] | None:
            chosen.append(self.select(names))
            return chosen[-1]

        yield from read(stream, select)
        if chosen.count(None) == len(chosen):
            yield from (Aside(run, bytes_only=True) for run in magic.letters(stream))

    # --- texts ------------------------------------------------------------------------------------------------------

    def _text(self, stream: IO[bytes], dialect: Dialect, head: str, name: str) -> tuple[str, Iterator[Piece]]:
        start = head.lstrip()
        if start[:1] in ("{", "["):
            found = self._json(stream, dialect, start)
            if found is not None:
                return found
        if start[:1] == "<":
            return ("HTML" if texts.looks_like_html(start) else "XML"), self._markup(stream, dialect, start)
        if (rows := self._csv_dialect(dialect, head.encode(dialect.encoding, "ignore"), name)) is not None:
            return "CSV", self._csv(stream, rows)
        if documents.looks_like_yaml(head) and (content := self._yaml(stream, dialect)) is not None:
            return "YAML", content
        return "text", texts.text(stream, dialect)

    def _csv_dialect(self, dialect: Dialect, head: bytes, name: str) -> Dialect | None:
        """How the text is read as a table, when it is one: by the look of its rows, or because its first line names people."""
        for delimiter, skipped in itertools.product((dialect.delimiter, *COMMON), (dialect.skipped_lines, 0)):
            one = replace(dialect, delimiter=delimiter, mark=b"", skipped_lines=skipped)
            if delimited.parsable(one) and cells.positions(names := delimited.header(head, one), self.people):
                return replace(one, mark=dialect.mark, columns=len(names))
        if not delimited.is_table(dialect) and not (dialect.columns == 1 and name.lower().endswith((".csv", ".tsv"))):
            return None
        return dialect if delimited.header(head, replace(dialect, mark=b"")) else None

    def _csv(self, stream: IO[bytes], dialect: Dialect) -> Iterator[Piece]:
        stream.seek(0)
        names = delimited.header(stream.read(SAMPLE_BYTES), dialect)
        try:
            with parsing("CSV"):
                yield from delimited.csv(stream, dialect, names, self.select)
        except DataError:  # it is a text all the same
            yield from texts.text(stream, dialect)

    def _json(self, stream: IO[bytes], dialect: Dialect, start: str) -> tuple[str, Iterator[Piece]] | None:
        first, end, rest = start.partition("\n")
        if end and rest.strip() and documents.looks_like_lines(first):
            return "JSON lines", self._lines(stream, dialect)
        try:
            content = documents.loads(_whole(stream, dialect, documents.MOST_BYTES))
        except (ValueError, RecursionError):
            return None
        return "JSON", documents.document(content, self.select)

    def _lines(self, stream: IO[bytes], dialect: Dialect) -> Iterator[Piece]:
        found = encoding(_head(stream))
        try:
            with parsing("JSON lines"):
                if found is not None:
                    yield from documents.lines(stream, found, self.select)
        except DataError:
            yield from texts.text(stream, dialect)

    def _yaml(self, stream: IO[bytes], dialect: Dialect) -> Iterator[Piece] | None:
        try:
            with parsing("YAML"):
                content = documents.yaml(_whole(stream, dialect, documents.MOST_BYTES))
        except DataError:
            return None
        return _beside(documents.document(content, self.select), texts.text(stream, dialect))

    def _markup(self, stream: IO[bytes], dialect: Dialect, start: str) -> Iterator[Piece]:
        if texts.looks_like_html(start):
            try:
                with parsing("HTML"):
                    tables = list(texts.html_tables(_whole(stream, dialect, documents.MOST_BYTES)))
            except (DataError, ValueError):
                tables = []
            for one in tables:
                wanted = self.select(one.names)
                yield one if wanted is None else Rows(one.names, {at: one.columns[at] for at in wanted}, whole=False)
        yield from texts.text(stream, dialect)

    # --- files in files ---------------------------------------------------------------------------------------------

    def _compressed(self, stream: IO[bytes], head: bytes, codec: str, name: str) -> Iterator[Piece]:
        if self.depth >= _DEEPEST:
            yield Unread(codec, f"it is compressed more than {_DEEPEST} times")
            return
        yield from (Aside(run, bytes_only=True) for run in magic.letters(io.BytesIO(head[:512])))
        yield Aside(archives.gzip_says(head))
        with archives.decompressed(stream, codec) as content:
            inner = name.rpartition(".")[0] if name.lower().endswith((".gz", ".bz2", ".xz", ".zst", ".lz4")) else name
            yield from replace(self, depth=self.depth + 1).open(content, inner)[1]

    def _zip_form(self, stream: IO[bytes]) -> str:
        with parsing("zip archive"), zipfile.ZipFile(stream) as archive:
            names = archive.namelist()
        office = (form for start, form in _OFFICE.items() if any(one.startswith(start) for one in names))
        arrays = "NumPy arrays" if names and all(one.endswith(".npy") for one in names) else "zip archive"
        return next(office, "PyTorch file" if any(one.endswith("/data.pkl") for one in names) else arrays)

    def _zip(self, stream: IO[bytes]) -> Iterator[Piece]:
        if self.inside:
            yield Unread("zip archive", "it is an archive inside an archive")
            return
        with zipfile.ZipFile(stream) as archive:
            yield Aside(archive.comment.decode("utf-8", "replace"))
            for member, encrypted in archives.zip_members(archive):
                yield Aside(f"{member.filename}\n{member.comment.decode('utf-8', 'replace')}")
                if encrypted:
                    yield Unread("encrypted file", "it is encrypted")
                else:
                    yield from self._member(archives.zip_member(archive, member), member.filename)
            if not archives.zip_is_whole(stream, archive):
                yield from _unread(stream, "zip archive", "something stands between its members")

    def _tar(self, stream: IO[bytes]) -> Iterator[Piece]:
        if self.inside:
            yield Unread("tar archive", "it is an archive inside an archive")
            return
        stream.seek(0)
        with tarfile.open(fileobj=stream, mode="r:") as archive:
            for member, content in archives.tar_members(archive):
                yield Aside("\n".join([member.name, member.linkname, *map(str, member.pax_headers.values())]))
                if member.issparse():
                    yield Unread("tar archive", "it has a sparse member")
                elif content is not None:
                    yield from self._member(archives.tar_member(content, member.size), member.name)
            if not archives.ended(stream, archive.offset):
                yield from _unread(stream, "tar archive", "something stands behind its end")

    def _member(self, member: AbstractContextManager[IO[bytes]], name: str) -> Iterator[Piece]:
        """One member's pieces; a broken one is unread, and its neighbours are read."""
        try:
            with parsing("member"), member as content:
                yield from replace(self, inside=True).open(content, name)[1]
        except DataError as error:
            yield Unread("member", str(error))

    # --- plugins ----------------------------------------------------------------------------------------------------

    def _plugged(self, stream: IO[bytes], name: str) -> tuple[str, Iterator[Piece]] | None:
        for plugin, reader in self.readers:
            stream.seek(0)
            try:
                found = reader(stream, name)
            except Exception as error:  # whoever wrote it: the file is unread, and everything else goes on
                return plugin, iter([Unread(plugin, f"the reader {plugin!r} failed ({type(error).__name__})")])
            if found is not None:
                return plugin, self._from_plugin(plugin, iter(found))
            stream.seek(0)
        return None

    def _from_plugin(self, plugin: str, found: Iterator[object]) -> Iterator[Piece]:
        while True:
            try:
                piece = next(found)
                made = Text(piece) if isinstance(piece, str) else columnar.of_batch(piece, self.select)
            except StopIteration:
                return
            except Exception as error:
                yield Unread(plugin, f"the reader {plugin!r} failed ({type(error).__name__})")
                return
            yield made


def told_by_content(stream: IO[bytes]) -> bool:
    """Nothing but its bytes says how a file is read: no name, no plugin, and no log beside it as databases have them."""
    head = _head(stream)
    return any(head.startswith(sign) for sign, *_ in _COLUMNAR if sign != _SQLITE)


def is_known(head: bytes) -> bool:
    """What begins with these bytes is a table, compressed, an archive or a pickle."""
    signs = (*(sign for sign, *_ in _COLUMNAR if len(sign.strip(b"\xff"))), b"ORC", b"PK\3\4")
    return head.startswith(signs) or archives.codec(head) is not None or magic.form(head) == "pickle"


def _guarded(stream: IO[bytes], form: str, pieces: Iterator[Piece]) -> Iterator[Piece]:
    """The pieces; of what breaks, at least the letters."""
    try:
        with parsing(form):
            yield from pieces
    except DataError as error:
        yield from _unread(stream, form, str(error))


def _beside(pieces: Iterator[Piece], more: Iterator[Piece]) -> Iterator[Piece]:
    """Pieces, and as an aside what else stands there: comments, say."""
    yield from pieces
    yield from (Aside(one.text) if isinstance(one, Text) else one for one in more)


def _unread(stream: IO[bytes], form: str, why: str) -> Iterator[Piece]:
    yield from (Aside(run, bytes_only=True) for run in magic.letters(stream))
    yield Unread(form, why)


def _head(stream: IO[bytes]) -> bytes:
    stream.seek(0)
    head = b""
    while len(head) < SAMPLE_BYTES and (more := stream.read(SAMPLE_BYTES - len(head))):
        head += more
    stream.seek(0)
    return head


def _tail(stream: IO[bytes]) -> bytes:
    stream.seek(max(0, stream.seek(0, 2) - 8))
    tail = stream.read()
    stream.seek(0)
    return tail


def _whole(stream: IO[bytes], dialect: Dialect, most: int) -> str:
    """A text as one piece. Raises ValueError for a longer one, or one that is not in its encoding to the end."""
    stream.seek(0)
    content = stream.read(most + 1)
    if len(content) > most:
        raise ValueError("too long")
    return codecs.decode(content[len(dialect.mark) :], dialect.encoding)
