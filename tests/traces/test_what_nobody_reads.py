"""Files that no reader knows, in a whole project: listed, or accounted for by their stage or by a declaration."""

from __future__ import annotations

import io
import pickle
import subprocess
import zipfile
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests import small_project, warm
from tests.entrypoints.cli.commands import unlearn
from tests.small_project import Project
from unlearning.erasure import purge_again
from unlearning.traces import sweep

pytestmark = pytest.mark.filterwarnings("ignore")  # the tools' own, at their first import

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4
PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + bytes(range(256)) * 4
STORES = ("DVC cache", "DVC remote 'store'")
DECLARED = [
    {"paths": "pictures/**", "reason": "phantoms, no patients"},
    {"paths": "*.pdf", "reason": "the manual of the device"},
]


def zipped() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(zipfile.ZipInfo("codes.csv"), "code,meaning\nA,ill\nB,well\n")
    return made.getvalue()


def with_files(project: Project) -> Project:
    """Pictures, a zip and a PDF under DVC, and a stage that pickles a model of the training table."""
    (project.root / "pictures").mkdir()
    (project.root / "pictures/one.png").write_bytes(PNG)
    (project.root / "pictures/two.png").write_bytes(PNG[::-1])
    (project.root / "codes.zip").write_bytes(zipped())
    (project.root / "manual.pdf").write_bytes(PDF)
    pipeline = YAML()
    stages = pipeline.load(project.root / "dvc.yaml")
    (project.root / "fit.py").write_text(
        "import pickle, pyarrow.parquet as pq\n"
        "ages = pq.read_table('data/train.parquet')['age'].to_pylist()\n"
        "open('mean.pkl', 'wb').write(pickle.dumps({'mean': sum(ages) / len(ages)}))\n"
    )
    command = f"{warm.python()} fit.py"
    stages["stages"]["mean"] = {"cmd": command, "deps": ["fit.py", "data/train.parquet"], "outs": ["mean.pkl"]}
    pipeline.dump(stages, project.root / "dvc.yaml")
    data = project.workspace.data
    data.add(["pictures", "codes.zip", "manual.pdf"])
    repro(project)
    data.push(["pictures", "codes.zip", "manual.pdf", "mean.pkl"])
    data.git.commit("More files", ["."])
    return project


def repro(project: Project) -> None:
    command = [warm.python(), "-m", "dvc", "repro", "--single-item", "mean"]
    subprocess.run(command, cwd=project.root, check=True, capture_output=True)


@pytest.fixture(scope="module")
def files_template(template: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    return with_files(small_project.copy(template, tmp_path_factory.mktemp("files") / "project"))


@pytest.fixture
def project(files_template: Project, tmp_path: Path) -> Project:
    return small_project.copy(files_template, tmp_path / "project")


@pytest.fixture(scope="module")
def erased_template(files_template: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """One person erased where nothing was declared."""
    project = small_project.copy(files_template, tmp_path_factory.mktemp("erased") / "project")
    project.request(project.people("data/train.parquet")[0])
    project.erase()
    return project


def left(project: Project) -> dict[str, tuple[str, ...]]:
    """Place → what is listed there."""
    workspace = project.workspace
    done = sweep.sweep(workspace, sweep.people(workspace, [], []))
    return {row.place: row.names for row in done.places if row.outcome != "verified"}


def test_a_file_that_no_reader_knows_keeps_an_erasure_from_being_complete_and_is_named(
    erased_project: Project,
) -> None:
    assert set(erased_project.states().values()) == {"completed_with_residuals"}
    found = left(erased_project)
    for store in STORES:
        assert found[store] == ("manual.pdf", "pictures")
        assert f"{store}: outputs that stages made from their data" in found


@pytest.mark.slow
def test_declared_files_and_what_a_stage_makes_again_leave_nothing_open(erased_project: Project) -> None:
    project = erased_project
    project.configure({"free_of_people": DECLARED})
    assert set(left(project)) == {
        f"{one}: outputs that stages made from their data" for one in ("DVC cache", "DVC remote 'store'")
    }

    unlearn(project.root, "purge", "--derived")
    assert left(project) == {"table mean.pkl, current version": ("mean.pkl",)}
    repro(project)
    assert left(project) == {}
    purge_again.purge(project.workspace, [])
    assert set(project.states().values()) == {"completed"}


def test_a_declaration_pardons_nothing_that_is_found(project: Project) -> None:
    person = project.people("data/train.parquet")[0]
    project.configure({"free_of_people": [{"paths": "**", "reason": "all of it"}]})
    (project.root / "model.pkl").write_bytes(pickle.dumps({"worst": person}))
    project.workspace.data.add(["model.pkl"])
    project.request(person)
    project.erase()
    assert not project.workspace.data.root.joinpath(".dvc/cache/files/md5").joinpath(*_object(project, "model.pkl")).exists()


def _object(project: Project, path: str) -> tuple[str, str]:
    name = small_project.tracked(project.root, path)
    return name[:2], name[2:]
