"""Source table → training and holdout tables, by person. Pure; the rows themselves are moved by `stores/tables/tables.py`.

Whether a record is held out depends on its person alone, so preparing a redacted table and redacting a prepared one give
the same files.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unlearning.domain.errors import SettingsError
from unlearning.domain.partition import Places

_WORD = 2
"""The word of the token that decides; words 0 and 1 choose shard and slice (`partition.py`), so the choices are independent."""
_WORDS = 1 << 64


def split(where: Places, share: float) -> NDArray[np.bool_]:
    """(n,) True where a record is held out: about `share` of the people, each with all of their records.

    where: (n, 4) words of each record's person token. share: in (0, 1).
    """
    if not 0 < share < 1:
        raise SettingsError(f"data.holdout_share is {share}; expected a number between 0 and 1, both excluded")
    return where[:, _WORD] < np.uint64(int(share * _WORDS))
