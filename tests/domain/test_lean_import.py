"""Modules that an import leaves out, or for later."""

from __future__ import annotations

import inspect
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pytest

from unlearning.domain.lean_import import importing


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two packages of others, of which one notes that it ran."""
    (tmp_path / "heavy_pictures").mkdir()
    (tmp_path / "heavy_pictures/__init__.py").write_text(
        "__version__ = '1.0'\nimport sys\nsys.heavy_ran = True\nfrom heavy_pictures.draw import line\n"
    )
    (tmp_path / "heavy_pictures/draw.py").write_text("line = 'a line'\n")
    (tmp_path / "heavy_cloud.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    for name in [name for name in sys.modules if name.startswith("heavy_")]:
        del sys.modules[name]
    vars(sys).pop("heavy_ran", None)


@pytest.mark.usefixtures("packages")
def test_a_late_module_runs_when_something_in_it_is_asked_for() -> None:
    with importing(late=["heavy_pictures"]):
        import heavy_pictures
    inspect.getmodule(sys._getframe())  # which asks every module for its file
    assert heavy_pictures.__spec__ is not None
    assert not hasattr(heavy_pictures, "__warningregistry__")
    assert not hasattr(sys, "heavy_ran")
    assert heavy_pictures.__version__ == "1.0"
    assert heavy_pictures.line == "a line"
    assert hasattr(sys, "heavy_ran")
    assert type(heavy_pictures) is ModuleType
    import heavy_pictures.draw

    assert heavy_pictures.draw.line == "a line"


@pytest.mark.usefixtures("packages")
def test_what_is_left_out_is_not_there_meanwhile_and_is_there_afterwards() -> None:
    with importing(absent=["heavy_cloud"]), pytest.raises(ModuleNotFoundError):
        import heavy_cloud
    import heavy_cloud  # noqa: F401  it is the import that is tested


@pytest.mark.usefixtures("packages")
def test_what_was_imported_before_stays_what_it_is() -> None:
    import heavy_cloud as before

    with importing(late=["heavy_cloud"], absent=["heavy_cloud"]):
        import heavy_cloud as again
    assert again is before


@pytest.mark.usefixtures("packages")
def test_another_thread_imports_as_ever() -> None:
    found: list[object] = []

    def other() -> None:
        import heavy_cloud

        found.append(heavy_cloud)

    with importing(absent=["heavy_cloud"]):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert found


def test_a_module_that_is_not_installed_is_missing_as_ever() -> None:
    with importing(late=["heavy_nothing"]), pytest.raises(ModuleNotFoundError):
        import heavy_nothing  # noqa: F401
    assert "heavy_nothing" not in sys.modules


def test_after_an_error_python_imports_as_before() -> None:
    before = [*sys.meta_path]
    with pytest.raises(RuntimeError), importing(late=["heavy_pictures"]):
        raise RuntimeError
    assert sys.meta_path == before


def test_a_table_is_checked_without_pictures_statistics_and_clouds(tmp_path: Path) -> None:
    script = f"""
import inspect, sys, types
from pathlib import Path
import pandas as pd
from unlearning.checks.data import Absent, DataQuestion, check_data
table = pd.DataFrame({{"patient": ["a", "b"], "age": [1.0, 2.0], "outcome": ["ill", "well"]}})
nobody = Absent(frozenset(), list, None)
question = DataQuestion(table=table, person="patient", features=["age"], target=None, labels=[], redacted=nobody)
assert check_data(question, folder=Path({str(tmp_path)!r})).results
inspect.getmodule(sys._getframe())
unused = ("altair", "scipy.stats", "boto3", "botocore", "sklearn", "matplotlib", "transformers", "torch")
print([name for name in unused if type(sys.modules.get(name, None)) is types.ModuleType])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[-2] == "[]"


@pytest.mark.usefixtures("packages")
def test_two_threads_that_ask_at_once_find_a_module_that_ran() -> None:
    with importing(late=["heavy_pictures"]):
        import heavy_pictures
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: heavy_pictures.line, range(8)))
    assert found == ["a line"] * 8
