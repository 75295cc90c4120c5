"""Addresses of services, as they may be printed."""

from __future__ import annotations

import re

_SECRET = re.compile(r"(?<=://)[^/@\s\"'<>]*@")


def without_password(text: str) -> str:
    """A text whose addresses name no user and no password: `https://ann:secret@host` as `https://host`."""
    return _SECRET.sub("", text)
