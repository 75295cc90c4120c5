"""Where DVC keeps content on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from unlearning.stores.dvc import folders
from unlearning.stores.dvc.repository import DvcData, create


def test_the_cache_and_remotes_that_are_folders_are_named_and_others_are_not(tmp_path: Path) -> None:
    data = create(tmp_path / "project", remote="stores/first")
    elsewhere = tmp_path / "elsewhere"
    with data.opened() as repo, repo.config.edit() as config:
        config["remote"] |= {"bucket": {"url": "s3://bucket/here"}, "disk": {"url": str(elsewhere)}}
    root = data.root
    assert folders.local(data) == {
        "DVC cache": root / ".dvc/cache",
        "DVC remote 'disk'": elsewhere,
        "DVC remote 'store'": root / "stores/first",
    }
    assert folders.inside(data) == ["stores/first"]


@pytest.mark.parametrize("cache", ["kept", "../shared"])
def test_a_cache_of_another_name_is_found(tmp_path: Path, cache: str) -> None:
    data: DvcData = create(tmp_path / "project", remote="/nowhere")
    with data.opened() as repo, repo.config.edit() as config:
        config["cache"] = {"dir": str(data.root / cache)}
    assert folders.inside(data) == (["kept"] if cache == "kept" else [])
