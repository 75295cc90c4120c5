"""What a training ran on: the libraries and the machine that a replay needs for the same bytes."""

from __future__ import annotations

import platform


def environment() -> dict[str, str]:
    """What the bits of a training depend on besides the recipe: a replay elsewhere may give other bits, not another model."""
    import torch

    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "machine": platform.machine(),
        "instructions": str(torch.backends.cpu.get_cpu_capability()),
    }
