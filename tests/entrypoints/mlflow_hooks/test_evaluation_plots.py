"""Pictures: each is one, whatever the numbers, and pyplot of the user's session is left alone."""

from __future__ import annotations

import io
import sys

import numpy as np
from hypothesis import strategies as st
from PIL import Image

from tests.properties import drawn
from unlearning.entrypoints.mlflow_hooks import evaluation_plots as plots


@drawn(few=2, many=40, seed=st.integers(0, 9999), equal=st.booleans())
def test_every_picture_is_one(seed: int, equal: bool) -> None:
    generator = np.random.default_rng(seed)
    one, other = (np.zeros(30) if equal else generator.exponential(size=30) for _ in range(2))
    rows = [{"column": "region", "group": name, "accuracy": 0.9, "accuracy_before": None} for name in "ab"]
    made = (
        plots.losses(one, other),
        plots.roc({"this": (-one, -other)}),
        plots.by_group(rows, "accuracy"),
        plots.moved(one, "probability"),
    )
    for png in made:
        image = Image.open(io.BytesIO(png))
        assert min(image.size) > 300
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()
