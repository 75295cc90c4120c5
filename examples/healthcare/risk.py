"""What both models that serve say of visits that are nobody's: `python risk.py`, in the project's folder."""

from __future__ import annotations

import os

import mlflow
import pandas as pd

MODELS = ("readmission", "readmission-score")
VISITS = (
    {"age": 78, "ward": "cardiology", "admission": "emergency", "days": 11, "earlier_visits": 3, "heart_rate": 104,
     "systolic": 118, "creatinine": 1.9, "hba1c": None, "discharged_to": "care home"},
    {"age": 61, "ward": "general medicine", "admission": "emergency", "days": 4, "earlier_visits": 1, "heart_rate": 88,
     "systolic": 134, "creatinine": None, "hba1c": 7.4, "discharged_to": "home with care"},
    {"age": 44, "ward": "surgery", "admission": "planned", "days": 2, "earlier_visits": 0, "heart_rate": 72,
     "systolic": 127, "creatinine": 0.9, "hba1c": None, "discharged_to": None},
)  # fmt: skip

if __name__ == "__main__":
    if "MLFLOW_TRACKING_URI" not in os.environ:
        mlflow.set_tracking_uri("sqlite:///mlflow.db")
    asked = pd.DataFrame(VISITS)
    said = [mlflow.pyfunc.load_model(f"models:/{name}@champion").predict(asked)["yes"] for name in MODELS]
    for visit, risk, score in zip(VISITS, *said, strict=True):
        case = f"{visit['age']} years, {visit['ward']}, {visit['admission']}, {visit['days']} days"
        print(f"{case:52}  risk {risk:.0%}, score {score:.0%}")
