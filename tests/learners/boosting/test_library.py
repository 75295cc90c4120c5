"""Finding the library that a recipe names."""

from __future__ import annotations

import sys

import pytest

from tests.small_boosting import LIBRARIES
from unlearning.domain.errors import SettingsError
from unlearning.learners.boosting.library import opened


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_library_that_is_not_installed_is_named_with_the_command(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, f"unlearning.learners.boosting.{name}", raising=False)
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(SettingsError, match=rf"pip install 'mlflow-unlearning\[{name}\]'"):
        opened(name)
