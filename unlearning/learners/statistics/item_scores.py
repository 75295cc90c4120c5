"""From how many people bought two items together to a score for each item: the mathematics of three recommenders.

With X the people's lists (n, d) of zeros and ones, G = Xᵀ X, and a person's list x,

    ease           P = (G + λ I)⁻¹,   B = I - P · diagMat(1 / diag P),   scores = x B
    cooccurrence   scores = x (G - diag G) / n
    popularity     scores = diag G / n,   whatever x is

EASE: Steck 2019, "Embarrassingly shallow autoencoders for sparse data", equation 8, arXiv:1905.03375. This file is served
beside a model too, so it imports nothing of this package.
"""

from __future__ import annotations

from typing import Any

import numpy as np

MODELS = ("ease", "cooccurrence", "popularity")


def square(triangle: Any, width: int) -> Any:
    """(d, d) float64 from the upper triangle, row by row."""
    full = np.zeros((width, width))
    end = 0
    for row in range(width):
        start, end = end, end + width - row
        full[row, row:] = full[row:, row] = triangle[start:end]
    return full


def weights(model: str, counts: Any, people: int, penalty: float) -> Any:
    """(d, d) what an item says of another, or (1, d) of popularity; counts: as a model of this kind sums them."""
    if model == "popularity":
        return counts[None].astype(np.float64) / max(1, people)
    width = (int(np.sqrt(8 * len(counts) + 1)) - 1) // 2
    found = square(counts, width)
    if model == "ease":
        found[np.diag_indices(width)] += penalty
        found = np.linalg.inv(found)
        found /= -np.diag(found).copy()
    else:
        found /= max(1, people)
    found[np.diag_indices(width)] = 0.0
    return found


def scores(weights: Any, lists: Any) -> Any:
    """(n, d) float64 for (n, d) zeros and ones."""
    if len(weights) == 1 < weights.shape[1]:
        return np.repeat(weights, len(lists), axis=0)
    return lists.astype(np.float64) @ weights
