"""The libraries that a served model needs, as pip takes them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version

from unlearning.domain.errors import SettingsError


def pinned(*names: str) -> tuple[str, ...]:
    """`name==version` of each installed distribution, builds such as `+cpu` aside: what answers later is what was tried."""
    return tuple(f"{name}=={version(name).partition('+')[0]}" for name in names)


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Within, a learner imports the libraries of its extra; raises SettingsError with the command that installs it."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"the learner {name!r} needs {error.name}, which is not installed; run `pip install 'mlflow-unlearning[{name}]'`"
        ) from error
