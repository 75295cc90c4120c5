"""What the version that serves recommends: `python recommend.py [--together PRODUCT PRODUCT]`, in the project's folder.

The baskets are nobody's: typical ones. With two products, how many customers behind the version bought both.
"""

from __future__ import annotations

import os
import sys

import mlflow
import pandas as pd

MODEL = "models:/recommendations@champion"
BASKETS = (
    ("coffee/beans", "coffee/grinder"),
    ("garden/spade", "garden/seeds", "baking/flour"),
    ("running/shoes", "music/strings"),
    ("toys/puzzle", "reading/comics"),
)

if __name__ == "__main__":
    if "MLFLOW_TRACKING_URI" not in os.environ:
        mlflow.set_tracking_uri("sqlite:///mlflow.db")
    model = mlflow.pyfunc.load_model(MODEL)
    if sys.argv[1:2] == ["--together"]:
        first, second = sys.argv[2:]
        print(model.unwrap_python_model().together(first, second))
    else:
        answer = model.predict(pd.DataFrame({"items": map(list, BASKETS)}), params={"k": 4})
        for basket, items in zip(BASKETS, answer["items"], strict=True):
            print(f"{', '.join(basket):45} → {', '.join(items)}")
