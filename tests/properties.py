"""Properties of drawn examples: a few in the default run, many in a campaign."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings


def drawn(*, few: int, many: int, **strategies: Any) -> Callable[[Any], Any]:
    """The test with so few examples; the same with many is a slow test `NAME_for_longer` beside it."""

    def made(check: Any) -> Any:
        def with_examples(number: int, name: str) -> Any:
            again = FunctionType(check.__code__, check.__globals__, name, check.__defaults__, check.__closure__)
            again.__kwdefaults__, again.__annotations__ = check.__kwdefaults__, dict(check.__annotations__)
            again.__module__, again.__qualname__, again.__doc__ = check.__module__, name, check.__doc__
            how = settings(max_examples=number, deadline=None, suppress_health_check=list(HealthCheck))
            return how(given(**strategies)(again))

        longer = with_examples(many, f"{check.__name__}_for_longer")
        check.__globals__[longer.__name__] = pytest.mark.slow(pytest.mark.timeout(3000)(longer))
        return with_examples(few, check.__name__)

    return made
