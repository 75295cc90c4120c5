"""Made-up visits of made-up patients: `python records.py data/records.parquet`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

WARDS = ("cardiology", "general medicine", "oncology", "surgery")
ADMISSIONS = ("emergency", "planned", "transfer")
HOMES = ("home", "home with care", "care home")


def visits(patients: int = 600, seed: int = 1) -> pa.Table:
    """One to six visits a patient, some twenty in a hundred followed by another within a month.

    Gaps are where a hospital has them: creatinine is not measured at every visit, HbA1c at few, and where somebody went was
    sometimes not noted.
    """
    random = np.random.default_rng(seed)
    count = np.minimum(1 + random.poisson(1.2, patients), 6)
    frailty = random.normal(0, 1, patients)
    old = np.clip(np.round(62 + 12 * frailty + random.normal(0, 12, patients)), 18, 97)
    who = np.repeat(np.arange(patients), count)
    ill, age, n = frailty[who], old[who], len(who)
    earlier = np.concatenate([np.arange(each) for each in count])
    ward = random.choice(len(WARDS), n, p=(0.25, 0.4, 0.12, 0.23))
    admission = random.choice(len(ADMISSIONS), n, p=(0.55, 0.35, 0.1))
    days = np.maximum(1, np.round(random.lognormal(1.3 + 0.25 * ill, 0.6))).astype(int)
    rate = np.round(80 + 5 * ill + 5 * (admission == 0) + random.normal(0, 11, n))
    pressure = np.round(132 - 4 * ill + random.normal(0, 17, n))
    creatinine = np.round(np.exp(random.normal(0.05 + 0.18 * ill, 0.3)), 2)
    hba1c = np.round(random.normal(6.1 + 0.35 * ill, 0.9), 1)
    home = np.clip(np.round(0.5 + 0.6 * ill + random.normal(0, 0.6, n)), 0, 2).astype(int)
    odds = -2.9 + 1.1 * ill + 0.35 * earlier + 0.7 * (admission == 0) + 0.5 * (ward == 0) + 0.9 * (creatinine > 1.5)
    odds += 0.8 * (rate > 95) + 0.06 * np.minimum(days, 14) - 0.9 * ((ward == 3) & (admission == 1))
    again = random.random(n) < 1 / (1 + np.exp(-odds))
    return pa.table(
        {
            "patient": random.permutation(np.arange(100_000, 100_000 + patients))[who],
            "age": age.astype(int),
            "ward": np.take(WARDS, ward),
            "admission": np.take(ADMISSIONS, admission),
            "days": days,
            "earlier_visits": earlier,
            "heart_rate": rate,
            "systolic": pressure,
            "creatinine": pa.array(creatinine, mask=random.random(n) < 0.15),
            "hba1c": pa.array(hba1c, mask=random.random(n) < 0.6),
            "discharged_to": pa.array(np.take(HOMES, home), mask=random.random(n) < 0.07),
            "readmitted": np.where(again, "yes", "no"),
        }
    )


if __name__ == "__main__":
    out = Path(sys.argv[1])
    out.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(visits(), out)
