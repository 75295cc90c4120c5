"""Members of the families by name; built-ins and plugins take the same road."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from unlearning.domain.errors import SettingsError
from unlearning.learners.torch import TorchLearner
from unlearning.project import plugins


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that Python takes for installed packages."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def install(site: Path, distribution: str, entry_points: str, **modules: str) -> None:
    folder = site / f"{distribution}-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(entry_points)
    for name, text in modules.items():
        (site / f"{name}.py").write_text(text)


def test_the_torch_learner_is_found_like_any_plugin() -> None:
    assert plugins.learner("torch") is TorchLearner
    assert "torch" in plugins.names("learners")


def test_importing_the_plugin_road_imports_no_plugin() -> None:
    code = "import sys, unlearning.project.plugins; assert not {'torch', 'mlflow', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_plugin_is_found_once_it_is_installed(site: Path) -> None:
    install(
        site,
        "forgetful",
        "[unlearning.methods]\namnesia = amnesia:Amnesia\nready = amnesia:ready\n"
        "[unlearning.checks]\nsniff = amnesia:sniff\n[unlearning.learners]\nslow = amnesia:Amnesia\n",
        amnesia="class Amnesia:\n    name = 'amnesia'\nready = Amnesia()\ndef sniff(evidence, thresholds): return 'sniffed'\n",
    )
    assert plugins.method("amnesia").name == "amnesia"
    assert not isinstance(plugins.method("amnesia"), type)
    assert plugins.method("ready").name == "amnesia"
    assert plugins.check("sniff")(None, {}) == "sniffed"  # type: ignore[arg-type,comparison-overlap]
    assert isinstance(plugins.learner("slow"), type)
    assert "amnesia" in plugins.names("methods")
    assert list(plugins.names("methods")) == sorted(plugins.names("methods"))


def test_packages_are_read_once_and_again_when_one_comes_or_goes(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read, truth = list[str](), plugins.entry_points
    monkeypatch.setattr(plugins, "entry_points", lambda group: read.append(group) or truth(group=group))
    before = plugins.names("methods")
    assert plugins.names("methods") == before
    assert read == ["unlearning.methods"]
    install(site, "late", "[unlearning.methods]\nlate = late:Late\n")
    assert set(plugins.names("methods")) == {*before, "late"}
    shutil.rmtree(site / "late-1.0.dist-info")
    assert plugins.names("methods") == before


@pytest.mark.parametrize("family", ["method", "learner", "check"])
def test_an_unknown_name_lists_the_known_ones(site: Path, family: str) -> None:
    install(site, "forgetful", f"[unlearning.{family}s]\nzebra = zebra:Zebra\n")
    with pytest.raises(SettingsError, match=rf"'nothing' is none of the installed {family}s; known: .*zebra"):
        getattr(plugins, family)("nothing")


def test_a_plugin_that_cannot_be_imported_is_named_with_its_cause(site: Path) -> None:
    install(site, "broken", "[unlearning.methods]\nbroken = nowhere_to_be_found:X\n")
    with pytest.raises(SettingsError, match=r"'broken' of methods .* cannot be loaded .ModuleNotFoundError"):
        plugins.method("broken")


def test_a_name_offered_twice_is_refused(site: Path) -> None:
    install(site, "one", "[unlearning.methods]\ntwin = one_twin:A\n")
    install(site, "two", "[unlearning.methods]\ntwin = two_twin:A\n")
    with pytest.raises(SettingsError, match="'twin' of methods is offered by one_twin:A and two_twin:A"):
        plugins.method("twin")


def test_every_installed_reader_is_there_with_its_name(site: Path) -> None:
    points = "[unlearning.readers]\nzed = reads:ours\nours = reads:ours\n"
    install(site, "readings", points, reads="def ours(stream, name): return None\n")
    assert [name for name, _ in plugins.readers()] == ["ours", "zed"]


def test_a_reader_that_cannot_be_loaded_is_named(site: Path) -> None:
    install(site, "broken", "[unlearning.readers]\nbroken = nowhere_at_all:ours\n")
    with pytest.raises(SettingsError, match="'broken' of readers"):
        plugins.readers()
