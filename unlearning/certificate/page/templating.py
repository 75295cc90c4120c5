"""Documents made from templates: every text put into one is escaped, whoever wrote it, and a missing value is an error.

The only place that knows the template engine, so that escaping can be turned off nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unlearning.domain.foreign import shown

if TYPE_CHECKING:
    from jinja2 import Environment

NOT_RECORDED = "not recorded"
"""What a document says in place of a value that nobody knows."""


@dataclass(frozen=True)
class Templates:
    """The templates in a folder, and the functions that they may say things with."""

    folder: Path
    filters: Mapping[str, Callable[..., str]] = field(default_factory=dict)

    def fill(self, name: str, **values: Any) -> str:
        """The named template with the values in it. Raises ValueError that names a value it needs and did not get."""
        from jinja2 import UndefinedError

        try:
            return self._environment.get_template(name).render(values)
        except UndefinedError as error:
            raise ValueError(error.message) from error

    @cached_property
    def _environment(self) -> Environment:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined

        environment = Environment(
            autoescape=True,
            finalize=_said,
            keep_trailing_newline=True,
            loader=FileSystemLoader(self.folder),
            lstrip_blocks=True,
            trim_blocks=True,
            undefined=StrictUndefined,
        )
        environment.filters.update(self.filters)
        return environment


_LONGEST = 4000
"""Characters of one text on a page; more than any that people write there."""


def _said(value: Any) -> Any:
    """A value as it may stand on a page: of a text nothing acts or hides, and what nobody knows is said to be that."""
    if value is None:
        return NOT_RECORDED
    return shown(value, _LONGEST) if type(value) is str else value
