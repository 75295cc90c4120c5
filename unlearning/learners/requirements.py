"""The libraries that a served model needs, as pip takes them."""

from __future__ import annotations

from importlib.metadata import version


def pinned(*names: str) -> tuple[str, ...]:
    """`name==version` of each installed distribution, builds such as `+cpu` aside: what answers later is what was tried."""
    return tuple(f"{name}=={version(name).partition('+')[0]}" for name in names)
