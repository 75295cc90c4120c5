"""What a training ran on: the libraries and the machine that a replay needs for the same bytes."""

from __future__ import annotations

import platform
from collections.abc import Iterable

from unlearning.domain.chain import Engine
from unlearning.domain.protocols import Learner


def environment(learner: Learner) -> dict[str, str]:
    """What the bits of a training depend on besides the recipe: a replay elsewhere may give other bits, not another model."""
    # As plain text: a version that is a class of its own, as torch's is, goes into no event.
    said = {name: str(value) for name, value in learner.environment().items()}
    return {"python": platform.python_version(), "machine": platform.machine(), **said}


def engine(learner: Learner) -> Engine:
    """The same, as it is kept with what was trained."""
    return tuple(sorted(environment(learner).items()))


def otherwise(engines: Iterable[Engine], now: Engine) -> tuple[str, ...]:
    """In what the engines that made something differ from the one of now, as `torch 2.12.0 then, 2.13.0 now`.

    Of one that nobody recorded nothing is said.
    """
    here = dict(now)
    told = {
        f"{name} {then.get(name, 'none')} then, {here.get(name, 'none')} now"
        for then in map(dict, engines)
        for name in {*then, *here}
        if then and then.get(name) != here.get(name)
    }
    return tuple(sorted(told))
