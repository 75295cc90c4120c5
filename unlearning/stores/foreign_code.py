"""What code of others raises, prints, warns of and logs while ours runs it: of that goes on its type and its place.

A traceback quotes cells, and so does whatever a recipe, a plugin or a stage prints. Prefect keeps the errors, logs and states
of flows, and logs are copied. So the words go into one private file of the project, which `unlearn purge` empties, and an error
that is none of this package's becomes one that says what it was, where, and where its words are.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, TypeVar

import unlearning
from unlearning.domain.errors import CodeFailed, UnlearningError, needing_room
from unlearning.domain.foreign import shown

T = TypeVar("T")

FILE = ".unlearning/tmp/said.txt"
"""The private file, in a project: mode 0600."""

_MOST_BYTES = 1 << 24
"""The file begins anew beyond that: a recipe that prints every row must not fill the disk."""
_LONGEST_LINE = 1 << 16
_UNSAID = "its words are not repeated here"
_OURS = str(Path(unlearning.__file__).parent) + os.sep
_NOT_THE_PROJECTS = ("site-packages", "dist-packages")

_root: ContextVar[Path | None] = ContextVar("root", default=None)
_progress = logging.getLogger("unlearning.progress")


def apart(do: Callable[[], T], root: Path | None = None, *, through: tuple[type[BaseException], ...] = ()) -> T:
    """Do something: nothing that others' code prints, warns of or logs is seen, and what it raises comes out as CodeFailed.

    Errors of this package stay what they are and lose what they came from, which a log would quote. root: the project; without
    one, that of the call around, and without that nothing happens. through: whom somebody outside waits for.
    """
    root = root.resolve() if root is not None else _root.get()
    if root is None:
        return do()
    token = _root.set(root)
    try:
        with muted(root), needing_room():
            return do()
    except through:
        raise
    except BaseException as error:
        if _speaks_for_itself(error, root):
            _forget_causes(error, root)
            raise
        if not isinstance(error, Exception | SystemExit) and _theirs(error.__traceback__, root) is None:
            raise
        failed = raised(error, root)
    finally:
        _root.reset(token)
    raise failed  # out here, or Python would note what it came from; for the same reason this is no context manager


def raised(error: BaseException, root: Path) -> CodeFailed:
    """What goes on of an error that is none of this package's; its words and where it came from are kept apart."""
    return CodeFailed(said(error, root))


def said(error: BaseException, root: Path | None = None) -> str:
    """Type and place of an error, and where its words were put; one of this package's is quoted: it names nobody.

    root: the project; without one, that of the `apart` around.
    """
    root = root or _root.get() or Path.cwd()
    if _speaks_for_itself(error, root):
        return str(error)
    return f"{at(error, root)}; {said_apart(error, root)}"


def said_apart(error: BaseException, root: Path) -> str:
    """Put an error's traceback into the private file of a project, and say where it is."""
    return keep(root, "".join(traceback.format_exception(error)))


def is_theirs(error: BaseException, root: Path) -> bool:
    """The project's own code raised it, or was running when it was raised."""
    return _theirs(error.__traceback__, root) is not None


def _speaks_for_itself(error: BaseException, root: Path) -> bool:
    """An error of this package, raised by it: the project's own code may raise one too, of any words."""
    where = _last(error.__traceback__)
    return isinstance(error, UnlearningError) and not (where and _is_theirs(where[0], root))


def at(error: BaseException, root: Path) -> str:
    """`ValueError at recipes/churn.py:12`: the type, and the deepest line of the project's own code, or else of anybody's."""
    kind = shown(type(error).__name__, 60)
    if isinstance(error, SyntaxError) and error.filename and _is_theirs(error.filename, root):
        return f"{kind} at {_named(error.filename, error.lineno or 0, root)}"
    here = _theirs(error.__traceback__, root) or _last(error.__traceback__)
    return f"{kind} at {_named(*here, root)}" if here else kind


def keep(root: Path, words: str) -> str:
    """Put words into the private file of a project, and say where they are; without a project they are dropped."""
    if not (root / ".unlearning").is_dir():
        return _UNSAID
    try:
        with opened(root) as file:
            file.write(f"{words.rstrip()}\n".encode("utf-8", "backslashreplace"))
    except OSError:  # no room, or nothing may be written there: then nobody keeps it
        return _UNSAID
    return f"what it says is in {FILE}, which `unlearn purge` empties"


def opened(root: Path) -> io.FileIO:
    """The private file of a project, for appending, with the time; its owner alone can read it. Raises OSError."""
    path = root / FILE
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = io.FileIO(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600), "ab")
    if os.fstat(file.fileno()).st_size > _MOST_BYTES:
        file.truncate(0)
    file.write(f"--- {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC\n".encode())
    return file


def _forget_causes(error: BaseException, root: Path) -> None:
    """Its own message names nobody; what it was raised from may, and a log prints both."""
    if error.__cause__ is not None or error.__context__ is not None:
        keep(root, "".join(traceback.format_exception(error)))
    error.__cause__ = error.__context__ = None
    error.__notes__ = []


def _theirs(trace: TracebackType | None, root: Path) -> tuple[str, int] | None:
    """(file, line) of the deepest frame in the project's own code."""
    frames = ((frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(trace))
    return next((one for one in reversed(list(frames)) if _is_theirs(one[0], root)), None)


def _last(trace: TracebackType | None) -> tuple[str, int] | None:
    frames: list[tuple[FrameType, int]] = list(traceback.walk_tb(trace))
    return (frames[-1][0].f_code.co_filename, frames[-1][1]) if frames else None


def _is_theirs(file: str, root: Path) -> bool:
    path = Path(file)
    if file.startswith(_OURS) or not path.is_absolute():
        return False
    return path.is_relative_to(root) and not set(path.parts) & set(_NOT_THE_PROJECTS)


def _named(file: str, line: int, root: Path) -> str:
    path = Path(file)
    name = path.relative_to(root).as_posix() if _is_theirs(file, root) else "/".join(path.parts[-2:])
    return f"{shown(name, 120)}:{line}"


# --- prints, warnings and logs -----------------------------------------------------------------------------------------


@contextlib.contextmanager
def muted(root: Path) -> Iterator[None]:
    """Within: what is printed, warned of or logged goes into the private file; for the whole process, whoever is within."""
    _Mute.begin(root)
    try:
        yield
    finally:
        _Mute.end()


class _Mute:
    """Standard output and error, and the maker of log records, as they were; replaced once, however many threads are within."""

    lock = threading.Lock()
    within = 0
    before: tuple[Any, Any, Any]
    sinks: tuple[_Sink, _Sink]

    @classmethod
    def begin(cls, root: Path) -> None:
        with cls.lock:
            cls.within += 1
            if cls.within == 1:
                cls.before = (sys.stdout, sys.stderr, logging.getLogRecordFactory())
                cls.sinks = sys.stdout, sys.stderr = _Sink(root, sys.stdout), _Sink(root, sys.stderr)
                logging.setLogRecordFactory(_told(root, cls.before[2]))

    @classmethod
    def end(cls) -> None:
        with cls.lock:
            cls.within -= 1
            if cls.within:
                return
            sys.stdout, sys.stderr, make = cls.before
            logging.setLogRecordFactory(make)
            for one in cls.sinks:
                one.flush()
        if any(one.kept for one in cls.sinks):
            _progress.info("    code of the project printed something; it is in %s", FILE)


class _Sink(io.TextIOBase):
    """Takes what is printed, a line at a time."""

    def __init__(self, root: Path, real: Any) -> None:
        self.root, self.real, self.kept, self.line = root, real, False, ""

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        self.line += text
        if "\n" in text or len(self.line) > _LONGEST_LINE:
            self.flush()
        return len(text)

    def flush(self) -> None:
        line, self.line = self.line, ""
        if line.strip():
            keep(self.root, line)
            self.kept = True

    def fileno(self) -> int:
        number: int = self.real.fileno()
        return number


def _told(root: Path, make: Any) -> Any:
    """Records of this package and of Prefect as they are; of anybody else's, who said something and where."""
    prefect = importlib.util.find_spec("prefect")
    known = (_OURS, f"{Path(prefect.origin).parent}{os.sep}") if prefect and prefect.origin else (_OURS,)

    def factory(name: str, level: int, file: str, line: int, *said: Any, **named: Any) -> logging.LogRecord:
        record: logging.LogRecord = make(name, level, file, line, *said, **named)
        if not file.startswith(known):
            keep(root, logging.Formatter("%(levelname)s %(name)s: %(message)s").format(record))
            record.msg, record.args = f"{record.levelname} at {_named(file, line, root)}; what it says is in {FILE}", None
            record.exc_info = record.exc_text = record.stack_info = None
        return record

    return factory
