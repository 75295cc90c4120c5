"""The pages for plugin authors are true: their programs run, and what they quote is what is tested."""

from __future__ import annotations

import io
import os
import re
import struct
import sys
from dataclasses import replace
from pathlib import Path
from subprocess import run
from types import ModuleType

import pytest

from unlearning.domain import hashing
from unlearning.stores.scans.looking import look
from unlearning.stores.scans.words import Watch

KEY = bytes(32)

ROOT = Path(__file__).parents[2]
METHOD, LEARNER, READER = ((ROOT / f"docs/writing-a-{what}.md").read_text("utf-8") for what in ("method", "learner", "reader"))


def test_the_method_on_the_page_is_one_and_keeps_its_promises(monkeypatch: pytest.MonkeyPatch) -> None:
    """`check_method` on the page raises for the first promise that is broken."""
    page = ModuleType("documented_method")
    monkeypatch.setitem(sys.modules, page.__name__, page)
    for program in re.findall(r"^```python run\n(.*?)^```$", METHOD, re.DOTALL | re.MULTILINE):
        exec(compile(program, "docs/writing-a-method.md", "exec"), vars(page))
    assert page.fade.name == "fade"


def test_the_package_on_the_page_is_built_installed_and_found(tmp_path: Path) -> None:
    """By pip, without an index, in a folder of its own; a new process finds the method by its name and tries it."""
    (project,) = re.findall(r"^```toml\n(.*?)^```$", METHOD, re.DOTALL | re.MULTILINE)
    program = re.search(r"^```python run\n(.*?)^```$", METHOD, re.DOTALL | re.MULTILINE)
    assert program
    source, site = tmp_path / "source", tmp_path / "site"
    (source / "your_package").mkdir(parents=True)
    (source / "pyproject.toml").write_text(project)
    (source / "your_package/__init__.py").touch()
    (source / "your_package/fade.py").write_text(program[1])
    assert len(program[1].splitlines()) <= 40
    alone = ("--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--target", str(site))
    run([sys.executable, "-m", "pip", "install", *alone, str(source)], cwd=tmp_path, check=True, capture_output=True)
    tried = (
        "from tests.fakes import FakeLearner; from unlearning.project import plugins\n"
        "from unlearning.testing import check_method\n"
        "check_method(plugins.method('fade'), FakeLearner); print(plugins.method('fade').promised())"
    )
    paths = os.pathsep.join((str(site), str(ROOT)))
    told = run(
        [sys.executable, "-c", tried],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.stdout.strip() == "empirical", told.stderr


def test_the_served_file_on_the_page_is_the_one_that_is_tested() -> None:
    (quoted,) = re.findall(r"^```python\n(.*?)^```$", LEARNER, re.DOTALL | re.MULTILINE)
    assert quoted == (ROOT / "tests/numpy_serving.py").read_text("utf-8")


def test_every_method_of_a_role_is_on_its_page() -> None:
    from unlearning.domain.protocols import Differentiable, Learner

    for role, page in ((Learner, LEARNER), (Differentiable, METHOD)):
        missing = [name for name in vars(role) if not name.startswith("_") and f"`{name}(" not in page]
        assert not missing, role.__name__


def test_the_reader_on_the_page_makes_a_form_readable() -> None:
    page = ModuleType("documented_reader")
    (program,) = re.findall(r"^```python run\n(.*?)^```$", READER, re.DOTALL | re.MULTILINE)
    exec(compile(program, "docs/writing-a-reader.md", "exec"), vars(page))
    values = ((0x00100020, b"zq-4711 "), (0x00080080, b"North clinic"))
    content = bytes(128) + b"DICM" + b"".join(struct.pack("<IH", tag, len(value)) + value for tag, value in values)
    token = hashing.token(KEY, "zq-4711", "text")
    watch = Watch(("patient",), "text", KEY, frozenset({token}))

    blind = look(watch, io.BytesIO(content))
    assert (blind.form, blind.compared, blind.read) == ("DICOM image", "nothing", False)
    seen = look(replace(watch, readers=(("records", page.read),)), io.BytesIO(content))
    assert (seen.form, seen.compared, seen.found, seen.read) == ("records", "words", {token}, True)
    assert look(replace(watch, readers=(("records", page.read),)), io.BytesIO(b"\0\1")).compared == "nothing"
