"""What is the same for every served model of a table."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tests.learners.tabular.test_recipe import LISTS, POSTS, embedded, recipe, table
from unlearning.stores.mlflow.connection import silence

with silence():
    from unlearning.learners.tabular.serving import TableModel, encode


class Sums(TableModel):
    """Two constituents: the sum of the features that are there, and twice that."""

    def open(self, folder: Path) -> None:
        del folder

    def votes(self, features: Any) -> Any:
        total = np.nansum(features, axis=1, keepdims=True)
        return np.stack([total, 2 * total])


def opened(folder: Path, **facts: Any) -> Sums:
    said = {"features": ["age"], "categories": {}, "embeddings": {}, "labels": [], "one_hot": False}
    (folder / "ensemble.json").write_text(json.dumps(said | facts))
    model = Sums()
    model.load_context(SimpleNamespace(artifacts={"ensemble": str(folder)}))
    return model


def test_positions_are_encoded_as_the_recipe_encodes_them() -> None:
    raw: pa.Table = table()
    trained = recipe().encode(raw).records.features
    served = encode(raw.to_pandas(), recipe().features, recipe().categories, one_hot=False)
    np.testing.assert_array_equal(served, trained)


def test_values_are_answered_in_one_column_with_the_index_of_the_input(tmp_path: Path) -> None:
    answer = opened(tmp_path).predict(None, pd.DataFrame({"age": [1, 2]}, index=[7, 9]))
    pd.testing.assert_frame_equal(answer, pd.DataFrame({"prediction": [1.5, 3.0]}, index=[7, 9]))


@pytest.mark.parametrize("kind", LISTS)
def test_embeddings_are_encoded_as_the_recipe_encodes_them(kind: str) -> None:
    raw = table(post=pa.array(POSTS, LISTS[kind]))
    trained = embedded().encode(raw).records.features
    spelled = {"features": embedded().features, "categories": embedded().categories, "embeddings": {"post": 2}}
    np.testing.assert_array_equal(encode(raw.to_pandas(), **spelled, one_hot=False), trained)
    plain = raw.to_pandas().assign(post=POSTS)  # as they come out of JSON
    np.testing.assert_array_equal(encode(plain, **spelled, one_hot=False), trained)


def test_a_list_of_another_length_is_refused_with_its_row_and_no_number(tmp_path: Path) -> None:
    model = opened(tmp_path, features=["post"], embeddings={"post": 2})
    with pytest.raises(ValueError, match="post has a list of 3 numbers in row 1; expected 2"):
        model.predict(None, pd.DataFrame({"post": [[1, 2], [1, 2, 3]]}))
