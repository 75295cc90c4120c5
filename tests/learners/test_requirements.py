"""What a served model needs, as pip takes it."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

import pytest

from unlearning.domain.errors import SettingsError
from unlearning.learners import requirements


def test_each_library_is_named_with_the_version_that_is_installed() -> None:
    assert requirements.pinned("numpy", "pandas") == (f"numpy=={version('numpy')}", f"pandas=={version('pandas')}")


def test_a_build_is_no_part_of_the_version_that_pip_finds_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirements, "version", lambda _: "2.6.0+cpu")
    assert requirements.pinned("torch") == ("torch==2.6.0",)


def test_what_is_not_installed_was_not_tried() -> None:
    with pytest.raises(PackageNotFoundError):
        requirements.pinned("no-such-distribution")


def test_an_extra_that_is_not_installed_is_named_with_the_command_that_installs_it() -> None:
    with (
        pytest.raises(SettingsError, match=r"'sklearn' needs nobody_has_this.*`pip install 'mlflow-unlearning\[sklearn\]'`"),
        requirements.extra("sklearn"),
    ):
        import nobody_has_this  # type: ignore[import-not-found] # noqa: F401
