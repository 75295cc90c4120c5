"""Addresses as they may be printed."""

from __future__ import annotations

import pytest

from unlearning.domain.addresses import without_password


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("https://ann:s3cret@host/api", "https://host/api"),
        ("https://token@host", "https://host"),
        ("postgresql+psycopg2://u:p@db:5432/x?sslmode=require", "postgresql+psycopg2://db:5432/x?sslmode=require"),
        ("from 'ssh://git:p@h/r' to 's3://key:secret@bucket/p'", "from 'ssh://h/r' to 's3://bucket/p'"),
        ("https://host/a@b and ann@example.org", "https://host/a@b and ann@example.org"),
        ("postgresql://ann:p@ss@db/x", "postgresql://db/x"),
        ("postgresql://ann:p/w:d@db:5432/x", "postgresql://db:5432/x"),
        ("sqlite:///a@b.db", "sqlite:///a@b.db"),
        ("https://host:8080/a@b", "https://host:8080/a@b"),
        ("no address", "no address"),
    ],
)
def test_an_address_is_said_without_its_user_and_password(text: str, said: str) -> None:
    assert without_password(text) == said
