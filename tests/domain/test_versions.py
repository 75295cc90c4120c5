"""Names of versions, and addresses that mean them."""

from __future__ import annotations

from urllib.parse import parse_qs, unquote, urlsplit

from hypothesis import given, settings
from hypothesis import strategies as st

from unlearning.domain.versions import ModelVersion, Pin, address

names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)
paths = st.lists(names.filter(lambda name: "/" not in name), min_size=1, max_size=3).map("/".join)


def test_a_model_version_is_written_with_a_stroke() -> None:
    assert str(ModelVersion("children's ward", 3)) == "children's ward/3"


def test_an_address_says_only_what_is_known() -> None:
    pin = Pin("data/train.csv", None, "0" * 32, "d" * 64)
    assert pin.uri == "dvc://data/train.csv?"
    assert (
        Pin("data/train.csv", "a" * 40, "0" * 32, "d" * 64, "store").uri == f"dvc://data/train.csv?rev={'a' * 40}&remote=store"
    )


@settings(max_examples=40)
@given(path=paths, rev=st.none() | names, repo=st.none() | names, remote=st.none() | names)
def test_whatever_signs_are_in_them_path_and_query_come_back_from_an_address(
    path: str, rev: str | None, repo: str | None, remote: str | None
) -> None:
    parts = urlsplit(address(path, rev=rev, repo=repo, remote=remote))
    asked = {name: value for name, value in (("rev", rev), ("repo", repo), ("remote", remote)) if value}
    assert unquote(parts.netloc + parts.path) == path
    assert {name: value for name, [value] in parse_qs(parts.query, keep_blank_values=True).items()} == asked
    assert parts.fragment == ""
