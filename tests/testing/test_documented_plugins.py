"""The pages for plugin authors are true: their programs run, and what they quote is what is tested."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
METHOD, LEARNER = ((ROOT / f"docs/writing-a-{what}.md").read_text("utf-8") for what in ("method", "learner"))


def test_the_method_on_the_page_is_one_and_keeps_its_promises(monkeypatch: pytest.MonkeyPatch) -> None:
    """`check_method` on the page raises for the first promise that is broken."""
    page = ModuleType("documented_method")
    monkeypatch.setitem(sys.modules, page.__name__, page)
    for program in re.findall(r"^```python run\n(.*?)^```$", METHOD, re.DOTALL | re.MULTILINE):
        exec(compile(program, "docs/writing-a-method.md", "exec"), vars(page))
    assert page.finetune.name == "finetune"


def test_the_served_file_on_the_page_is_the_one_that_is_tested() -> None:
    (quoted,) = re.findall(r"^```python\n(.*?)^```$", LEARNER, re.DOTALL | re.MULTILINE)
    assert quoted == (ROOT / "tests/numpy_serving.py").read_text("utf-8")


def test_every_method_of_a_role_is_on_its_page() -> None:
    from unlearning.domain.protocols import Differentiable, Learner

    for role, page in ((Learner, LEARNER), (Differentiable, METHOD)):
        missing = [name for name in vars(role) if not name.startswith("_") and f"`{name}(" not in page]
        assert not missing, role.__name__
