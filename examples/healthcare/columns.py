"""What both models read of a visit."""

from __future__ import annotations

NUMBERS = ("age", "days", "earlier_visits", "heart_rate", "systolic", "creatinine", "hba1c")
WORDS = {
    "ward": ("cardiology", "general medicine", "oncology", "surgery"),
    "admission": ("emergency", "planned", "transfer"),
    "discharged_to": ("home", "home with care", "care home"),
}
"""Categories and what they may say: declared, never read off the visits."""
TABLE = {
    "features": [*NUMBERS, *WORDS],
    "categories": WORDS,
    "target": "readmitted",
    "person": "patient",
    "labels": ("no", "yes"),
    "sources": ["columns.py"],
}
