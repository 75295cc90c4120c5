"""Great Expectations' pages, from templates that are compiled once a process: each of its views would compile them anew.

Named in the configuration of `data.py`, so that only who builds pages imports it.
"""

from __future__ import annotations

from typing import Any

from great_expectations.render.view import DefaultJinjaIndexPageView, DefaultJinjaPageView
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket


class _Compiled(BytecodeCache):
    """Templates that this process has compiled."""

    def __init__(self) -> None:
        self._code: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._code:
            bucket.bytecode_from_string(self._code[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key] = bucket.bytecode_to_string()


_COMPILED = _Compiled()


class Page(DefaultJinjaPageView):  # type: ignore[misc]
    """A page about a suite or its results."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.env.bytecode_cache = _COMPILED


class IndexPage(DefaultJinjaIndexPageView):  # type: ignore[misc]
    """The first page."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.env.bytecode_cache = _COMPILED
