"""A data version in an answer: its fields and what people call it, side by side."""

from __future__ import annotations

from dataclasses import asdict

from unlearning.domain.codec import write
from unlearning.domain.versions import DataVersion
from unlearning.lineage.named import NamedData


def test_an_answer_says_a_versions_fields_and_its_name_among_them() -> None:
    version = DataVersion("data/train.parquet", "d" * 64, "0123456789abcdef" * 2, "a" * 40, 90, 30)
    assert write(NamedData.of(version)) == {**asdict(version), "name": "data/train.parquet@0123456789ab"}
