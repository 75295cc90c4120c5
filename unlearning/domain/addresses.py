"""Addresses of services, as they may be printed."""

from __future__ import annotations

import re

_SECRET = re.compile(r"(?<=://)(?:[^/\s\"'<>]*|[^:/\s\"'<>]*:(?!\d{1,5}/)[^\s\"'<>]*)@")
"""A password may hold colons, at signs and slashes, though it should not; after a port comes a path, which may as well."""


def without_password(text: str) -> str:
    """A text whose addresses name no user and no password: `https://ann:secret@host` as `https://host`."""
    return _SECRET.sub("", text)
