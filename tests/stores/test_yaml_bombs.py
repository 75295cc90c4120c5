"""YAML bombs are refused early and small; ordinary documents with aliases are not."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from unlearning.domain.errors import ProjectError, SettingsError
from unlearning.project import settings
from unlearning.stores import yaml_bombs

LAUGHS = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10)
)
MAPS = "a0: &a0 {x: lol, y: lol}\n" + "".join(f"a{n}: &a{n} {{x: *a{n - 1}, y: *a{n - 1}}}\n" for n in range(1, 40))
ITSELF = "a: &a [*a, *a]\n"
WIDE = "a: &a [" + ", ".join("x" * 1_000) + "]\nb: [" + ", ".join(["*a"] * 200) + "]\n"


@pytest.mark.parametrize("bomb", [LAUGHS, MAPS, ITSELF, WIDE], ids=["lists", "maps", "itself", "one wide value"])
@pytest.mark.parametrize("name", ["dvc.yaml", "dvc.lock", "params.yaml"])
def test_a_bomb_is_refused_at_once_and_not_quoted(tmp_path: Path, bomb: str, name: str) -> None:
    path = tmp_path / name
    path.write_text(bomb)
    began = time.monotonic()
    with pytest.raises(ProjectError, match="through its aliases") as refused:
        yaml_bombs.check(path)
    assert time.monotonic() - began < 10
    assert len(str(refused.value)) < 400


def test_settings_refuse_one_in_any_section_and_what_is_wrong_is_cut(tmp_path: Path) -> None:
    section = "unlearning:\n  model: *a9\n  recipe: null\n"
    (tmp_path / "params.yaml").write_text(LAUGHS + section)
    with pytest.raises(ProjectError, match="through its aliases"):
        settings.load(tmp_path)
    (tmp_path / "params.yaml").write_text(f"unlearning: {{model: [{'x' * 100_000}], recipe: null}}\n")
    with pytest.raises(SettingsError) as refused:
        settings.load(tmp_path)
    assert len(str(refused.value)) < 600
    (tmp_path / "params.yaml").write_text("#" * (1 << 21))
    with pytest.raises(SettingsError, match="bytes"):
        settings.load(tmp_path)


@pytest.mark.parametrize(
    "wrong",
    [
        f"issuer: {'x' * 5_000}",
        "partition: {shards: 1000000000000}",
        "partition: {seed: 99999999999999999999999}",
        "checks: {drift_maximum: .inf}",
        "checks: {utility_tolerance: .nan}",
        "backups: [{name: tape, keeps_days: 999999999}]",
        "openlineage: {url: 'ftp://ann:s3cret@host'}",
        'alias: [1, 2, "\\e[2Kverified"]',
    ],
)
def test_settings_have_sizes_and_ranges_and_quote_nothing_that_acts_or_is_secret(tmp_path: Path, wrong: str) -> None:
    (tmp_path / "params.yaml").write_text(f"unlearning:\n  model: m\n  recipe: r.py:r\n  {wrong}\n")
    with pytest.raises(SettingsError) as refused:
        settings.load(tmp_path)
    assert len(str(refused.value)) < 600
    assert "s3cret" not in str(refused.value)
    assert "\x1b" not in str(refused.value)


def test_ordinary_documents_pass(tmp_path: Path) -> None:
    (tmp_path / "dvc.yaml").write_text("base: &base {deps: [a], outs: [b]}\nstages:\n  one: *base\n  two: {cmd: cat *.csv}\n")
    for name in ("dvc.yaml", "dvc.lock"):  # the second is not there
        yaml_bombs.check(tmp_path / name)
    (tmp_path / "dvc.lock").write_text("a: [")
    yaml_bombs.check(tmp_path / "dvc.lock")
