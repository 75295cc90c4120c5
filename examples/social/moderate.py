"""What the version that serves says of posts that are nobody's: `python moderate.py`, in the project's folder."""

from __future__ import annotations

import os

import mlflow
import pandas as pd
from embed import encoder

MODEL = "models:/abuse-filter@champion"
POSTS = (
    "Could somebody water the greenhouse while I am away?",
    "Terrible refereeing on Saturday. I am still angry about it.",
    "Thank you all for the soup recipes!",
    "You are an idiot and nobody wants you in this choir.",
    "Leave the club before we make you.",
)

if __name__ == "__main__":
    if "MLFLOW_TRACKING_URI" not in os.environ:
        mlflow.set_tracking_uri("sqlite:///mlflow.db")
    encode = encoder()
    asked = pd.DataFrame({"post": [encode(text).tolist() for text in POSTS]})
    answer = mlflow.pyfunc.load_model(MODEL).predict(asked)
    for text, verdict, share in zip(POSTS, answer["prediction"], answer["abuse"], strict=True):
        print(f"{text:64}  {verdict}, {share:.0%}")
