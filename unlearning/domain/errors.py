"""Everything a user of this package can cause to go wrong.

    UnlearningError
    ├─ WrongUse                 exit code 2: the call, a setting or an input is off; nothing was changed
    │  ├─ SettingsError         params.yaml: unknown key, value out of range
    │  ├─ RecipeError           the recipe cannot be imported or does not fit the data
    │  ├─ DataError             a table, column or label is not what was declared
    │  ├─ IdentifierError       an identifier or an identifier file cannot be read
    │  ├─ ProjectError          no Git or DVC repository, or its state is dirty
    │  ├─ KeyFileError          a key is missing, malformed or readable by others
    │  └─ NotFound              a request, model, version, alias or file that does not exist
    ├─ Refused                  exit code 1: a check, a policy or a verification said no
    │  ├─ ValidationRefused     no method of the policy passed the checks; the requests stay open
    │  ├─ MethodFailed          a method of the policy gave no model that may be judged; the next one runs
    │  ├─ SubjectsReturned      people who were erased are in the data again
    │  ├─ NeedsReview           a row names several people; somebody must decide whose it is
    │  ├─ OnHold                a legal hold is on a request, or was not on it
    │  ├─ AwaitsApproval        an erasure is planned, and somebody has to let it begin
    │  ├─ WouldEmptyData        the erasure would leave nothing to train on
    │  └─ VerificationFailed    a certificate, proof or ledger does not verify
    ├─ Halted                   exit code 1: wrong use that shows after something was changed; run again, it goes on there
    ├─ Damaged                  exit code 1: stored bytes do not match their digest
    ├─ CodeFailed               exit code 1: code that is not this package's, or a bug of it, raised; its words are kept apart
    ├─ ParentMoved              exit code 1: the alias moved while a candidate was made; run again
    ├─ Unavailable              exit code 1: a service did not answer; run again when it does
    └─ Unforeseen               exit code 70: nobody thought of it, so it is a bug of this package

What the parsers and stores underneath raise becomes one of these in one way: `reading`, around whatever takes a file or an
answer apart. What gets past it ends at the edge, where `foreseen` is asked: trouble of this machine, or a bug.

Messages name the thing, what came, what was expected and the next step. They never hold a data subject's identifier.
"""

from __future__ import annotations

import errno
import os
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class UnlearningError(Exception):
    """Base of all errors that this package raises on purpose."""

    exit_code = 1


class WrongUse(UnlearningError):
    """The call, a setting or an input is off; nothing was changed."""

    exit_code = 2


class SettingsError(WrongUse):
    """`params.yaml` has an unknown key or a value out of its range."""


class RecipeError(WrongUse):
    """The recipe cannot be imported, or does not fit the data."""


class DataError(WrongUse):
    """A table, a column or a label is not what was declared."""


class IdentifierError(WrongUse):
    """An identifier, or a file of them, cannot be read."""


class ProjectError(WrongUse):
    """The folder is no Git and DVC repository, or its state is dirty."""


class KeyFileError(WrongUse):
    """A key is missing, malformed, or readable by others."""


class NotFound(WrongUse):
    """A request, model, version, alias or file does not exist."""


class Refused(UnlearningError):
    """A check, a policy or a verification said no."""


class ValidationRefused(Refused):
    """No method of the policy passed the checks; the requests stay open."""

    def __init__(self, message: str, *, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        """The same for the ledger, without the next step."""


class MethodFailed(Refused):
    """A method of the policy gave no model that may be judged: not finite, not changed, a spent budget. The next one runs."""


class SubjectsReturned(Refused):
    """People who were erased are in the data again, and the policy is to refuse the load."""


class NeedsReview(Refused):
    """A row names several people; somebody must decide whose record it is."""


class OnHold(Refused):
    """A legal hold forbids the step."""


class AwaitsApproval(Refused):
    """An erasure is planned, and somebody has to let it begin."""


class WouldEmptyData(Refused):
    """The erasure would leave nothing to train on."""


class VerificationFailed(Refused):
    """A certificate, a proof or the ledger does not verify."""


class Halted(UnlearningError):
    """Wrong use that shows after something was changed: where it stopped, what to put right, how to go on."""


class Damaged(UnlearningError):
    """Stored bytes do not match their digest."""


class CodeFailed(UnlearningError):
    """Code that others wrote, or a bug of this package, raised something; of that only type and place are said."""


class ParentMoved(UnlearningError):
    """The alias moved while a candidate was made from the version it pointed to."""


class Unavailable(UnlearningError):
    """A service did not answer."""


class Unforeseen(UnlearningError):
    """Nobody thought of it; the exit code is that of `sysexits.h` for an error in the software itself."""

    exit_code = 70


@contextmanager
def begun(what: str, go_on: str) -> Iterator[None]:
    """From where something is changed: turns WrongUse, which says that nothing was, into Halted. what: has stopped."""
    try:
        yield
    except WrongUse as error:
        raise Halted(f"{what} stopped, and what it did so far stays: {error}; then {go_on}: it goes on there") from error


_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})
_PACKAGE = Path(__file__).parents[1]
_VALUE = re.compile("=[^/]+")
"""In a path: the part of a partitioned table's folder that may be a person."""


@contextmanager
def needing_room() -> Iterator[None]:
    """Turns a disk that is full or cannot be written to into Unavailable; whatever else went wrong stays as it is."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise _no_room(error) from error


@contextmanager
def reading(what: str, step: str, *, otherwise: type[UnlearningError]) -> Iterator[None]:
    """Turns whatever a parser or the system raises about a content into one error of ours, which quotes none of it.

    Parsers raise anything: RecursionError for what is nested deeply, ValueError for long numbers, KeyError, zlib.error. A file
    that vanished stays FileNotFoundError, a full disk what it is. what: that is read; step: the next one; otherwise: the error.
    """
    try:
        yield
    except (UnlearningError, FileNotFoundError):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            raise
        raise otherwise(f"{what} cannot be read ({_why(error)}); {step}") from None


def _why(error: Exception) -> str:
    """The kind of error, and where in the content; none of its words."""
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    if isinstance(error, UnicodeDecodeError):
        return f"no UTF-8 at byte {error.start + 1}"
    line = getattr(error, "lineno", None)  # of JSON; YAML counts from 0
    mark = getattr(error, "problem_mark", None)
    line = mark.line + 1 if mark is not None else line
    return f"{type(error).__name__} in line {line}" if isinstance(line, int) else type(error).__name__


def raised_here(error: BaseException) -> bool:
    """This package's own code raised it, and not what it calls: then it is a bug and no trouble with a file."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and Path(frames[-1].filename).is_relative_to(_PACKAGE)


def foreseen(error: Exception) -> UnlearningError:
    """What an error that nobody turned into one of ours is for the user, without its words: they may hold a cell."""
    if isinstance(error, UnlearningError):
        return error
    if isinstance(error, OSError) and error.errno is not None:
        if error.errno in _NO_ROOM:
            return _no_room(error)
        return Unavailable(f"{_named(error)}{error.strerror}; mend that, and run again: it goes on where it stopped")
    if isinstance(error, MemoryError):
        return Unavailable("this machine has no memory left; run again with fewer workers (run.workers), or on a larger one")
    return Unforeseen(f"{type(error).__name__} at {_place(error)}: nobody foresaw it, which is a bug of this package")


def _no_room(error: OSError) -> Unavailable:
    return Unavailable(f"{_named(error)}{error.strerror}; make room or make it writable, and run again: it goes on there")


def _named(error: OSError) -> str:
    return f"{_VALUE.sub('=…', str(error.filename))}: " if error.filename else ""


def _place(error: Exception) -> str:
    """The line of this package that is nearest to where it was raised; its own code stands in no message."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(_PACKAGE)]
    return f"{Path(ours[-1].filename).relative_to(_PACKAGE)}:{ours[-1].lineno}" if ours else "no line of its own"
