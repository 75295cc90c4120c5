"""What code of others raises, prints, warns of and logs: its type and place go on, its words into a private file."""

from __future__ import annotations

import errno
import logging
import stat
import sys
import traceback
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from unlearning.domain.errors import CodeFailed, ParentMoved, Unavailable, UnlearningError
from unlearning.stores import foreign_code
from unlearning.stores.foreign_code import FILE, apart

CELL = "Zq0001-cell"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / ".unlearning").mkdir()
    return tmp_path


def run(root: Path, body: str, **names: Any) -> None:
    """A user's file of this body, run as a recipe is."""
    path = root / "recipes/churn.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text(body)
    exec(compile(body, str(path), "exec"), {"CELL": CELL, "logging": logging, "sys": sys, "warnings": warnings, **names})


def kept(root: Path) -> str:
    return (root / FILE).read_text()


def everything(error: BaseException) -> str:
    """What a log would print of an error: its chain, its notes, its arguments."""
    return "".join(traceback.format_exception(error)) + repr(error.args) + repr(vars(error))


RAISING = {
    "an error": "raise ValueError(CELL)",
    "a key that is a cell": "{}[CELL]",
    "an error from another": "try:\n    int(CELL)\nexcept ValueError as error:\n    raise RuntimeError('bad') from error",
    "an error while another is handled": "try:\n    int(CELL)\nexcept ValueError:\n    raise RuntimeError('bad')",
    "a note": "error = ValueError('bad')\nerror.add_note(CELL)\nraise error",
    "several": "raise ExceptionGroup(CELL, [ValueError(CELL)])",
    "an exit": "raise SystemExit(CELL)",
    "an error of its own": "class Mine(BaseException): pass\nraise Mine(CELL)",
    "a refusal of ours, from a cell": "try:\n    int(CELL)\nexcept ValueError as error:\n    raise Ours('refused') from error",
}


@pytest.mark.parametrize("body", RAISING.values(), ids=list(RAISING))
def test_of_what_is_raised_goes_on_the_type_and_the_place(root: Path, body: str) -> None:
    with pytest.raises(UnlearningError) as said:
        apart(lambda: run(root, body, Ours=UnlearningError), root)
    assert CELL not in everything(said.value)
    assert CELL in kept(root)
    if type(said.value) is CodeFailed:
        assert f"recipes/churn.py:{len(body.splitlines())}" in str(said.value)
        assert FILE in str(said.value)


PRINTING = {
    "a print": "print('row', CELL)",
    "a line without an end": "print(CELL, end='')",
    "standard error": "print(CELL, file=sys.stderr)",
    "bytes by the way of write": "sys.stdout.write(CELL)",
    "a warning": "warnings.warn(CELL, stacklevel=1)",
    "a log": "logging.getLogger('mine').warning('row %s', CELL)",
    "a log with its error": "try:\n    int(CELL)\nexcept ValueError:\n    logging.exception('bad')",
    "a log under Prefect's name": "logging.getLogger('prefect.flow_runs').error(CELL)",
    "a log under our name": "logging.getLogger('unlearning.progress').error(CELL)",
}


@pytest.mark.parametrize("body", PRINTING.values(), ids=list(PRINTING))
def test_what_is_printed_warned_of_or_logged_is_kept_and_not_seen(
    root: Path, body: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    # Commands that other tests ran in this process may have told Prefect to log nothing.
    caplog.set_level(logging.WARNING, "prefect.flow_runs")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = _as_python_does
        apart(lambda: run(root, body), root)
    seen = capfd.readouterr()
    assert CELL not in seen.out + seen.err + caplog.text
    assert all(CELL not in str(vars(record)) for record in caplog.records)
    assert CELL in kept(root)


def _as_python_does(message: Any, category: Any, filename: str, lineno: int, file: Any = None, line: Any = None) -> None:
    sys.stderr.write(warnings.formatwarning(message, category, filename, lineno, line))


def test_the_private_file_is_its_owners_alone_and_begins_anew_before_it_fills_the_disk(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign_code.keep(root, CELL)
    assert stat.S_IMODE((root / FILE).stat().st_mode) == 0o600
    monkeypatch.setattr(foreign_code, "_MOST_BYTES", 100)
    foreign_code.keep(root, "x" * 200)
    foreign_code.keep(root, "y")
    assert len(kept(root)) < 100


def test_where_no_project_is_nothing_is_kept_and_nothing_said(tmp_path: Path) -> None:
    with pytest.raises(CodeFailed) as said:
        apart(lambda: int(CELL), tmp_path)
    assert CELL not in everything(said.value)
    assert not (tmp_path / ".unlearning").exists()


def test_a_link_in_place_of_the_private_file_is_not_followed(root: Path) -> None:
    (root / FILE).parent.mkdir()
    (root / FILE).symlink_to(root / "elsewhere")
    assert "not repeated" in foreign_code.keep(root, CELL)
    assert not (root / "elsewhere").exists()


def raises(error: BaseException) -> Any:
    def do() -> None:
        raise error

    return do


def test_a_full_disk_stays_one_and_what_somebody_waits_for_passes(root: Path) -> None:
    with pytest.raises(Unavailable, match="make room"):
        apart(raises(OSError(errno.ENOSPC, "no room")), root)
    with pytest.raises(KeyError):
        apart(raises(KeyError("away")), root, through=(KeyError,))
    with pytest.raises(KeyboardInterrupt):
        apart(raises(KeyboardInterrupt()), root)
    moved = ParentMoved("moved")
    with pytest.raises(ParentMoved) as same:
        apart(raises(moved), root)
    assert same.value is moved


def test_a_call_inside_knows_the_project_of_the_one_around_and_alone_does_nothing(root: Path) -> None:
    with pytest.raises(ValueError, match=CELL):
        apart(lambda: int(CELL))
    with pytest.raises(CodeFailed):
        apart(lambda: apart(lambda: int(CELL)), root)


def test_threads_within_one_after_another_leave_the_outputs_as_they_were(root: Path) -> None:
    before = (sys.stdout, sys.stderr, logging.getLogRecordFactory())
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: apart(lambda: print(number), root), range(100)))
    assert (sys.stdout, sys.stderr, logging.getLogRecordFactory()) == before
    assert {str(number) for number in range(100)} <= set(kept(root).split())


def test_our_own_progress_is_seen_and_says_where_prints_went(
    root: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    logger = logging.getLogger("unlearning.progress")
    monkeypatch.setattr(logger, "propagate", True)
    with caplog.at_level(logging.INFO, logger.name):
        apart(lambda: run(root, "print(CELL)"), root)
    assert FILE in caplog.text
