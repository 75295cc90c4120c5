"""Git and DVC as nobody configured them; a project made with DVC itself, of which each test gets a copy."""

from __future__ import annotations

import shutil
import warnings

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dvc.repo import Repo

from tests.stores.dvc.copied import PIPELINE, SOURCE, git, settle


@pytest.fixture(autouse=True)
def _own_home(tmp_path, monkeypatch):
    settle(tmp_path, monkeypatch)


@pytest.fixture(scope="session")
def original(tmp_path_factory):
    """A project and its remote, made with DVC itself; each test gets a copy."""
    home = tmp_path_factory.mktemp("original")
    root = home / "project"
    (root / "data").mkdir(parents=True)
    pq.write_table(pa.table({"who": ["ann", "bob", "bob", "cid"], "x": [1, 2, 3, 4]}), root / SOURCE)
    (root / "dvc.yaml").write_text(PIPELINE)
    with pytest.MonkeyPatch.context() as monkeypatch, warnings.catch_warnings():
        # DVC's own use of pygtrie; DvcData silences it, and here DVC is called directly.
        warnings.filterwarnings("ignore", "_NoneStep.value", DeprecationWarning)
        settle(home, monkeypatch)
        monkeypatch.chdir(root)
        git(root, "init", "--quiet")
        with Repo.init() as repo:
            with repo.config.edit() as config:
                config["core"]["remote"] = "store"
                config["remote"] = {"store": {"url": "../remote"}}
            repo.add(SOURCE)
            repo.reproduce()
            repo.push()
        git(root, "add", "--all")
        git(root, "commit", "--quiet", "--message", "one")
    return home


@pytest.fixture
def project(original, tmp_path, monkeypatch):
    for name in ("project", "remote"):
        shutil.copytree(original / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "project"
