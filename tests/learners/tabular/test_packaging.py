"""One program out of two files, which needs nothing of this package."""

from __future__ import annotations

import ast
import json
from pathlib import Path

from tests.learners.tabular.test_recipe import recipe
from unlearning.learners.tabular import packaged
from unlearning.stores.mlflow.connection import silence

with silence():  # MLflow warns about its own type hints while it is imported
    from unlearning.learners.tabular import serving as frame
    from unlearning.learners.torch import serving as network


def test_the_frame_stands_where_it_was_imported_and_nothing_of_this_package_is_left() -> None:
    code = packaged(recipe(), "a kind", Path(network.__file__), {}, needs=("torch",)).code
    assert "unlearning" not in {
        name.partition(".")[0]
        for node in ast.walk(ast.parse(code))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert code.startswith(Path(frame.__file__).read_text("utf-8").rstrip())
    compile(code, "serving.py", "exec")


def test_what_the_recipe_declares_and_what_it_takes_travels_along() -> None:
    served = packaged(recipe(), "a kind", Path(network.__file__), {"weights": b"1"}, needs=("torch",))
    assert served.files["weights"] == b"1"
    assert json.loads(served.files["ensemble.json"]) == {
        "features": ["age", "ward"],
        "categories": {"ward": ["A", "B"]},
        "embeddings": {},
        "labels": [],
        "one_hot": False,
    }
    assert [one.partition("==")[0] for one in served.requirements] == ["numpy", "pandas", "torch"]
