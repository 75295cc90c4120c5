"""A project and its remote as DVC itself makes them, and what a test does with its copy."""

from __future__ import annotations

import os
import subprocess

import numpy as np
import pyarrow.parquet as pq

from tests import warm
from unlearning.stores.tables import redaction, tables

SOURCE = "data/records.parquet"


TRAIN = "data/train.parquet"


PIPELINE = f"""\
# the user's own comment
stages:
  prepare:
    cmd: cp {SOURCE} {TRAIN}
    deps: [{SOURCE}]
    outs: [{TRAIN}]
  train:
    cmd: mkdir -p reports && echo {{}} > reports/train.json
    deps: [{TRAIN}]
    outs:
    - reports/train.json:
        cache: false
"""


def git(root, *arguments):
    return subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True).stdout.strip()


def dvc(root, *arguments):
    command = [warm.python(), "-m", "dvc", *arguments]
    return subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout.strip()


def settle(home, monkeypatch):
    config = home / "gitconfig"
    config.write_text("[user]\n  name = Ada\n  email = ada@example.org\n[init]\n  defaultBranch = main\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(home / "site-cache"))
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")


def measured(file):
    who = tables.people(tables.read(file, person="who"), "who")
    return tables.digest(file), len(who.codes), len(who.values)


def current(data, path=TRAIN):
    return data.current(path, measured=measured)


def forget(root, *people, paths=(SOURCE, TRAIN)):
    for path in paths:
        file = root / path
        redaction.redact(file, file, ~np.isin(pq.read_table(file)["who"].to_numpy(), people))
