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
    │  ├─ SubjectsReturned      people who were erased are in the data again
    │  ├─ NeedsReview           a row names several people; somebody must decide whose it is
    │  ├─ OnHold                a legal hold is on a request, or was not on it
    │  ├─ AwaitsApproval        an erasure is planned, and somebody has to let it begin
    │  ├─ WouldEmptyData        the erasure would leave nothing to train on
    │  └─ VerificationFailed    a certificate, proof or ledger does not verify
    ├─ Halted                   exit code 1: wrong use that shows after something was changed; run again, it goes on there
    ├─ Damaged                  exit code 1: stored bytes do not match their digest
    ├─ ParentMoved              exit code 1: the alias moved while a candidate was made; run again
    └─ Unavailable              exit code 1: a service did not answer; run again when it does

Messages name the thing, what came, what was expected and the next step. They never hold a data subject's identifier.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager


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


class ParentMoved(UnlearningError):
    """The alias moved while a candidate was made from the version it pointed to."""


class Unavailable(UnlearningError):
    """A service did not answer."""


@contextmanager
def begun(what: str, go_on: str) -> Iterator[None]:
    """From where something is changed: turns WrongUse, which says that nothing was, into Halted. what: has stopped."""
    try:
        yield
    except WrongUse as error:
        raise Halted(f"{what} stopped, and what it did so far stays: {error}; then {go_on}: it goes on there") from error


_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


@contextmanager
def needing_room() -> Iterator[None]:
    """Turns a disk that is full or cannot be written to into Unavailable; whatever else went wrong stays as it is."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        where = f"{error.filename}: " if error.filename else ""
        raise Unavailable(f"{where}{error.strerror}; make room or make it writable, and run again: it goes on there") from error
