"""What is installed, not the checkout: a wheel in a fresh environment, in a repository with a package `flows` of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.entrypoints.flows.conftest import ROOT, Server, apart, beside, until
from tests.small_project import Project, copy

SOURCES = ("pyproject.toml", "README.md", "LICENSE", "unlearning", "flows")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout; built from a copy, since setuptools leaves its work beside the sources."""
    folder = tmp_path_factory.mktemp("wheel")
    sources = folder / "sources"
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, sources / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            sources.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, sources / name)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--wheel-dir", str(folder), str(sources)], check=True, timeout=280)
    [built] = folder.glob("*.whl")
    return built


def test_the_wheel_owns_no_import_name_but_its_own(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"unlearning"}
    [top_level] = [name for name in names if name.endswith("top_level.txt")]
    assert zipfile.ZipFile(wheel).read(top_level).decode().split() == ["unlearning"]


def test_every_file_of_the_package_is_in_the_wheel(wheel: Path) -> None:
    package = {path.relative_to(ROOT).as_posix() for path in (ROOT / "unlearning").rglob("*") if path.is_file()}
    ours = {name for name in package if "__pycache__" not in name}
    assert {"unlearning/py.typed", "unlearning/entrypoints/scaffold/templates/gitignore"} <= ours
    assert {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name} == ours


@dataclass(frozen=True)
class Installed:
    """An environment that has the wheel, and everything it needs from where this one has it."""

    folder: Path

    @property
    def unlearn(self) -> str:
        """The command as it was installed."""
        return str(self.folder / "bin/unlearn")

    def environment(self, more: Mapping[str, str]) -> dict[str, str]:
        """Of a process that finds this installation and no checkout."""
        path = os.pathsep.join((str(self.folder / "bin"), os.environ.get("PATH", os.defpath)))
        return {**{name: value for name, value in apart({}).items() if name != "PYTHONPATH"}, "PATH": path, **more}

    def run(self, root: Path, *words: str, given: str = "", **more: str) -> Any:
        """What `unlearn … --json` answers."""
        done = subprocess.run(
            [self.unlearn, *words, "--json"],
            cwd=root,
            input=given,
            capture_output=True,
            text=True,
            env=self.environment(more),
            check=False,
            timeout=600,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("installed") / "environment"
    venv.create(folder, symlinks=True)
    [site] = folder.glob("lib/python*/site-packages")
    # Path files of these folders are not read from here, so an editable installation among them does not count.
    (site / "others.pth").write_text("".join(f"{entry}\n" for entry in sys.path if entry.endswith("site-packages")))
    command = [sys.executable, "-m", "pip", "--python", str(folder / "bin/python"), "install", "--quiet", "--no-deps"]
    subprocess.run([*command, "--no-index", "--force-reinstall", str(wheel)], check=True, timeout=280)
    found = subprocess.run(
        [str(folder / "bin/python"), "-c", "import unlearning; print(unlearning.__file__)"],
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
        env=Installed(folder).environment({}),
    )
    assert found.stdout.strip().startswith(str(site))
    return Installed(folder)


@pytest.mark.slow
@pytest.mark.services
@pytest.mark.timeout(1800)
def test_in_a_repository_with_flows_of_its_own_everything_goes_its_way(
    installed: Installed, untrained: Project, server: Server, tmp_path: Path
) -> None:
    project, log = copy(untrained, tmp_path / "project"), tmp_path / "serve.log"
    (project.root / "flows").mkdir()
    (project.root / "flows/__init__.py").write_text("raise ImportError('flows of the user')\n")
    first, second = project.cells()[0, 1][0], project.cells()[3, 0][0]
    (project.root / "prefect.yaml").unlink()

    wrote = {one["path"]: one["result"] for one in installed.run(project.root, "init")["files"]}
    assert wrote["prefect.yaml"] == "written"
    assert installed.run(project.root, "train")["version"] == 1
    installed.run(project.root, "request", "--file", "-", given=first)
    assert installed.run(project.root, "erase")["models"][0]["to_version"] == 2
    assert first not in project.people("data/train.parquet")
    assert (project.root / ".unlearning/prefect/server.log").exists()

    server.delete_deployments()
    results = [
        {one["result"] for one in installed.run(project.root, "deploy", **server.environment)["deployments"]} for _ in range(2)
    ]
    assert results == [{"created"}, {"kept"}]

    quick = {**server.environment, "PREFECT_RUNNER_POLL_FREQUENCY": "1"}
    with beside([installed.unlearn, "serve-flows"], log, {}, cwd=project.root, environ=installed.environment(quick)):
        until(lambda: "end with Ctrl-C" in log.read_text(), log=[log])
        [request] = installed.run(project.root, "request", "--file", "-", given=second, **server.environment)
        until(lambda: project.states()[request["request_id"]] == "completed", within_s=600, log=[log])
    assert second not in project.people("data/train.parquet")
    assert project.champion == 3
    server.delete_deployments()
