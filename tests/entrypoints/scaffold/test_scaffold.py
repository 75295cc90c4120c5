import importlib.util
import json
import py_compile
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from dvc.repo import Repo
from pydantic import BaseModel
from ruamel.yaml import YAML

from unlearning.domain.errors import ProjectError
from unlearning.entrypoints.cli import main
from unlearning.entrypoints.demo import data
from unlearning.entrypoints.scaffold import former, scaffold
from unlearning.project import settings
from unlearning.project.settings import Settings

REPOSITORY = Path(__file__).parents[3]
STAGES = ["prepare", "check", "train", "evaluate"]
FILES = ["params.yaml", "dvc.yaml", "recipes/diagnosis.py", "prefect.yaml", ".gitignore"]


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site-cache"))
    root = tmp_path / "project"
    root.mkdir()
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    Repo.init(str(root)).close()
    return root


def actions(done):
    return {one.path: one.action for one in done}


def stages(root):
    with Repo(str(root)) as repo:
        repo.index.check_graph()
        return {getattr(stage, "name", "data"): stage for stage in repo.index.stages}


def snapshot(root):
    return {name: (root / name).read_bytes() for name in FILES}


def plain(path):
    return YAML(typ="safe").load(path.read_text("utf-8"))


def test_a_bare_project_gets_everything_and_it_loads(project):
    assert actions(scaffold.init(project, model="churn")) == dict.fromkeys(FILES, "written")
    loaded = settings.load(project)
    assert loaded == Settings(model="churn", recipe="recipes/diagnosis.py:recipe")
    assert list(stages(project)) == STAGES
    assert subprocess.run(["git", "check-ignore", "--quiet", ".unlearning/x"], cwd=project, check=False).returncode == 0


def test_running_it_again_changes_nothing(project):
    scaffold.init(project, model="churn")
    before = snapshot(project)
    again = scaffold.init(project, model="churn")
    assert {one.action for one in again} == {"kept"}
    assert snapshot(project) == before


def test_a_model_name_that_it_wrote_is_mended_and_one_that_somebody_wrote_stays(project):
    scaffold.init(project, model="churn")
    before = (project / "params.yaml").read_text()
    assert actions(scaffold.init(project, model="leaving"))["params.yaml: model"] == "mended"
    assert (project / "params.yaml").read_text() == before.replace("  model: churn", "  model: leaving")
    (project / "params.yaml").write_text(before.replace("  model: churn", "  model: mine"))
    kept = scaffold.init(project, model="leaving")
    assert "says 'mine'" in next(one.note for one in kept if one.path == "params.yaml: model")
    assert settings.load(project).model == "mine"


@pytest.mark.parametrize("model", ["ab: cd", "true", "12", "größe", 'with "quotes"', "# no comment"])
def test_a_model_name_that_yaml_would_take_for_something_else_survives(project, model):
    scaffold.init(project, model=model)
    assert settings.load(project).model == model


def test_an_existing_params_file_keeps_every_byte_and_gets_the_section_at_its_end(project):
    mine = "# learning\nlr:   0.1 # tuned\nnested: {a: [1, 2]}"
    (project / "params.yaml").write_text(mine)
    assert actions(scaffold.init(project, model="churn"))["params.yaml"] == "extended"
    text = (project / "params.yaml").read_text()
    assert text.startswith(mine + "\n\nunlearning:\n")
    assert plain(project / "params.yaml")["nested"] == {"a": [1, 2]}
    assert settings.load(project).model == "churn"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("params.yaml", "{lr: 0.1}\n"),
        ("params.yaml", "- a list\n"),
        ("params.yaml", "a: [\n"),
        ("dvc.yaml", "stages: ["),
        ("dvc.yaml", "just text\n"),
        (".gitignore", b"\xff\xfe"),
    ],
)
def test_a_file_that_cannot_be_extended_stops_it_before_anything_is_written(project, name, content):
    (project / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    before = sorted(path.name for path in project.iterdir())
    with pytest.raises(ProjectError, match=name.replace(".", r"\.")):
        scaffold.init(project, model="churn")
    assert sorted(path.name for path in project.iterdir()) == before


def test_the_user_s_stages_comments_and_order_stay(project):
    (project / "dvc.yaml").write_text(
        "# pipeline of the ward\nstages:\n  fetch:  # from the registry\n    cmd: curl https://example.org > raw.csv\n"
        "    outs: [raw.csv]\n"
        "metrics: [scores.json]\n"
    )
    done = actions(scaffold.init(project, model="churn"))
    assert done["dvc.yaml"] == "extended"
    assert [done[f"dvc.yaml: {name}"] for name in STAGES] == ["written"] * 4
    text = (project / "dvc.yaml").read_text()
    assert "# pipeline of the ward" in text
    assert "# from the registry" in text
    assert "outs: [raw.csv]" in text
    assert list(stages(project)) == ["fetch", *STAGES]


def test_a_stage_whose_output_is_made_elsewhere_is_left_out(project):
    (project / "dvc.yaml").write_text("stages:\n  divide:\n    cmd: ./divide.sh\n    outs: [data/train.parquet]\n")
    assert actions(scaffold.init(project, model="churn"))["dvc.yaml: prepare"] == "kept"
    assert list(stages(project)) == ["divide", "check", "train", "evaluate"]


def test_a_table_that_dvc_tracks_already_is_not_made_by_a_stage(project):
    (project / "data").mkdir()
    (project / "data/holdout.parquet.dvc").write_text(
        "outs:\n- md5: 0cc175b9c0f1b6a831c399e269772661\n  path: holdout.parquet\n"
    )
    (project / "dvc.yaml").write_text("stages:\n")
    assert actions(scaffold.init(project, model="churn"))["dvc.yaml: prepare"] == "kept"
    assert "prepare" not in stages(project)


def test_an_existing_gitignore_and_recipe_are_kept(project):
    (project / ".gitignore").write_text("*.log\nmlruns/")
    (project / "recipes").mkdir()
    (project / "recipes/diagnosis.py").write_text("recipe = 'mine'\n")
    done = actions(scaffold.init(project, model="churn"))
    assert done[".gitignore"] == "extended"
    assert done["recipes/diagnosis.py"] == "kept"
    ignored = (project / ".gitignore").read_text()
    assert ignored.startswith("*.log\nmlruns/\n.unlearning/\nmlflow.db\nmlartifacts/\n")
    assert (project / "recipes/diagnosis.py").read_text() == "recipe = 'mine'\n"


def test_a_recipe_of_the_user_s_own_is_what_the_pipeline_depends_on(project):
    (project / "params.yaml").write_text("unlearning:\n  model: churn\n  recipe: models/churn.py:recipe\n")
    done = actions(scaffold.init(project, model="ignored"))
    assert done["params.yaml"] == "kept"
    assert "recipes/diagnosis.py" not in done
    assert not (project / "recipes").exists()
    assert "models/churn.py" in [dep.def_path for dep in stages(project)["train"].deps]


# --- nothing lies open to `git add .` ---------------------------------------------------------------------------------


def add_everything(root):
    subprocess.run(["git", "add", "."], cwd=root, check=True)
    listed = subprocess.run(["git", "ls-files"], cwd=root, check=True, capture_output=True, text=True).stdout.split()
    return {name for name in listed if not name.startswith(".dvc")}


THEIRS = """stages:
  fetch:
    cmd: "true"
    outs: [raw/people.csv, "odd [1].csv", model]
    metrics: [{scores.json: {cache: false}}]
  each:
    foreach: [north, south]
    do:
      cmd: "true"
      outs: ["parts/${item}.parquet"]
      plots: ["${item}.csv"]
"""


@pytest.mark.parametrize("model", ["churn", None], ids=["own model", "adopt only"])
def test_no_output_lies_open_to_git_add_before_its_stage_ran(project, model):
    (project / "dvc.yaml").write_text(THEIRS)
    (project / "sub").mkdir()
    (project / "sub/dvc.yaml").write_text("stages:\n  far:\n    cmd: x\n    wdir: ..\n    outs: [far/out.bin]\n")
    (project / "sub/one.csv.dvc").write_text("outs:\n- md5: 0cc175b9c0f1b6a831c399e269772661\n  path: one.csv\n")
    scaffold.init(project, model=model)
    outputs = ["raw/people.csv", "odd [1].csv", "model/a", "parts/north.parquet", "south.csv", "far/out.bin", "sub/one.csv"]
    outputs += ["data/train.parquet", "data/holdout.parquet", "data/records.parquet"] if model else []
    for name in outputs:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text("a table of people")
    (project / "scores.json").write_text("{}")
    assert not add_everything(project) & set(outputs)
    assert "scores.json" in add_everything(project)


def test_what_python_compiles_of_a_recipe_lies_open_to_nobody(project):
    """In Git's history it would be a file of unknown form: no erasure could say any more who is in it."""
    scaffold.init(project, model="churn")
    py_compile.compile(str(project / "recipes/diagnosis.py"), doraise=True)
    assert [*project.rglob("*.pyc")]
    assert "recipes/diagnosis.py" in add_everything(project)
    assert not [name for name in add_everything(project) if name.endswith(".pyc")]


def test_a_stage_that_fails_leaves_nothing_to_git_and_one_that_succeeds_says_nothing_twice(project):
    (project / "dvc.yaml").write_text(
        "stages:\n"
        "  split:\n    cmd: mkdir -p out && echo patient > out/train.csv && exit $(cat fail)\n    outs: [out/train.csv]\n"
    )
    scaffold.init(project, model=None)
    for code in ("1", "0"):
        (project / "fail").write_text(code)
        subprocess.run(["dvc", "repro", "split"], cwd=project, check=False, capture_output=True)
        assert (project / "out/train.csv").exists()
        assert "out/train.csv" not in add_everything(project)
    lines = [line for file in project.rglob(".gitignore") if ".dvc" not in str(file) for line in file.read_text().splitlines()]
    assert sorted(lines) == sorted(set(lines))
    assert not (project / "out/.gitignore").exists()


def test_a_second_run_mends_what_is_missing_also_of_stages_that_came_since(project):
    scaffold.init(project, model="churn")
    (project / "data").mkdir()
    ignored = (project / ".gitignore").read_text()
    (project / ".gitignore").write_text(ignored.replace("/data/train.parquet\n", ""))
    stages_now = (project / "dvc.yaml").read_text()
    (project / "dvc.yaml").write_text(stages_now + "  more:\n    cmd: x\n    outs: [data/more.csv]\n")
    assert actions(scaffold.init(project, model="churn"))["data/.gitignore"] == "written"
    assert (project / "data/.gitignore").read_text() == "/more.csv\n/train.parquet\n"
    assert {one.action for one in scaffold.init(project, model="churn")} == {"kept"}


def test_aliases_keys_and_a_remote_inside_the_project_are_kept_out_too(project):
    with Repo(str(project)) as repo, repo.config.edit() as config:
        config["remote"] = {"store": {"url": str(project / "storage")}}
    (project / "params.yaml").write_text(
        "unlearning:\n  model: null\n  recipe: null\n  subject: {aliases: ids/aliases.csv}\n  stores: {keys: secret}\n"
    )
    scaffold.init(project, model=None)
    for name in ("ids/aliases.csv", "secret/index.key", "storage/files/md5/ab/cd"):
        (project / name).parent.mkdir(parents=True)
        (project / name).write_text("x")
    assert not {name for name in add_everything(project) if name.startswith(("ids", "secret", "storage"))}


def test_windows_line_ends_of_the_user_s_part_stay(project):
    (project / ".gitignore").write_bytes(b"*.log\r\n")
    scaffold.init(project, model="churn")
    assert (project / ".gitignore").read_bytes().startswith(b"*.log\r\n.unlearning/\n")


def test_a_folder_without_git_or_dvc_is_refused_and_stays_as_it_is(tmp_path):
    with pytest.raises(ProjectError, match="git init"):
        scaffold.init(tmp_path, model="churn")
    assert list(tmp_path.iterdir()) == []


def test_every_knob_stands_in_the_template_with_its_default_and_a_comment():
    lines = {line.split(":")[0].strip(): line for line in scaffold._template("params.yaml").splitlines()}
    template = plain(scaffold.TEMPLATES / "params.yaml")["unlearning"]
    assert Settings.model_validate(template) == Settings(model="diagnosis", recipe="recipes/diagnosis.py:recipe")
    for name, field in Settings.model_fields.items():
        assert name in template
        kind = field.annotation
        knobs = kind.model_fields if isinstance(kind, type) and issubclass(kind, BaseModel) else []
        assert not knobs or set(template[name]) == set(knobs)
        assert all("#" in lines[knob] for knob in (knobs or [name]))


def test_this_repository_is_such_a_project():
    for name in ("params.yaml", "recipes/diagnosis.py"):
        assert (REPOSITORY / name).read_text() == scaffold._template(name)
    ours, template = plain(REPOSITORY / "dvc.yaml")["stages"], plain(scaffold.TEMPLATES / "dvc.yaml")["stages"]
    source = ours.pop("source")
    assert ours == template
    assert source["outs"] == [settings.load(REPOSITORY).data.source]


def test_dvc_finds_the_stages_of_this_repository_and_not_those_of_the_templates(tmp_path, monkeypatch):
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path))
    for name in (".dvc/config", ".dvcignore", "dvc.yaml", "params.yaml", "unlearning/entrypoints/scaffold/templates/dvc.yaml"):
        (tmp_path / "copy" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, tmp_path / "copy" / name)
    subprocess.run(["git", "init", "--quiet", str(tmp_path / "copy")], check=True)
    assert list(stages(tmp_path / "copy")) == ["source", *STAGES]


def test_the_recipe_fits_the_demo_s_data():
    pytest.importorskip("torch")
    spec = importlib.util.spec_from_file_location("diagnosis", scaffold.TEMPLATES / "recipes/diagnosis.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    columns = data.columns()
    assert [module.recipe.person, *module.recipe.features, module.recipe.target] == list(columns)
    assert set(columns["diagnosis"]) == set(module.recipe.labels)


def test_the_templates_are_shipped_with_the_package(tmp_path):
    shutil.copytree(scaffold.TEMPLATES, tmp_path / "t", ignore=shutil.ignore_patterns("__pycache__"))
    shipped = sorted(path.relative_to(tmp_path / "t").as_posix() for path in (tmp_path / "t").rglob("*") if path.is_file())
    assert shipped == ["dvc.yaml", "gitignore", "params.adopt-only.yaml", "params.yaml", "prefect.yaml", "recipes/diagnosis.py"]


def test_deployments_of_ones_own_stay_as_they_are(project):
    (project / "prefect.yaml").write_text("name: theirs\n")

    assert actions(scaffold.init(project, model="churn"))["prefect.yaml"] == "kept"

    assert (project / "prefect.yaml").read_text() == "name: theirs\n"


def test_this_repository_uses_the_deployments_that_users_get_through_its_own_entry_files():
    ours, template = (REPOSITORY / "prefect.yaml").read_text(), scaffold._template("prefect.yaml")
    named = plain(scaffold.TEMPLATES / "prefect.yaml")["deployments"]
    for one in named:
        template = template.replace(f"entrypoint: {one['entrypoint']}\n", f"entrypoint: flows/{one['name']}.py:{one['name']}\n")
    assert ours == template


# --- a prefect.yaml of an earlier version ---------------------------------------------------------------------------


def formerly(*, trains=True):
    """What `unlearn init` wrote when the flows were an import name of their own."""
    text = (Path(__file__).parent / "prefect-of-before.yaml").read_text()
    return text if trains else text.replace(text[text.index("- name: train") : text.index("- name: erase")], "")


@pytest.mark.parametrize("model", ["churn", None])
def test_deployments_that_init_wrote_for_flows_that_are_gone_are_renewed(project, model):
    (project / "prefect.yaml").write_text(formerly(trains=model is not None))

    assert actions(scaffold.init(project, model=model))["prefect.yaml"] == "renewed"

    named = {one["name"]: one["entrypoint"] for one in plain(project / "prefect.yaml")["deployments"]}
    assert set(named) == {"erase", "watch", "follow", "retire"} | ({"train"} if model else set())
    assert all(entrypoint.startswith("unlearning.") for entrypoint in named.values())
    assert actions(scaffold.init(project, model=model))["prefect.yaml"] == "kept"
    assert not scaffold.to_change(project)


def test_what_somebody_changed_is_theirs_and_the_lines_to_change_are_named(project):
    mine = formerly().replace("  work_pool:\n    name: unlearning\n", "  work_pool:\n    name: mine\n")
    (project / "prefect.yaml").write_text(mine)

    assert actions(scaffold.init(project, model="churn"))["prefect.yaml"] == "kept"

    assert (project / "prefect.yaml").read_text() == mine
    named = {line.number: (line.entrypoint, line.should_be) for line in scaffold.to_change(project)}
    assert list(named.values()) == list(former.ENTRYPOINTS.items())
    assert all(mine.splitlines()[number - 1].strip() == f"entrypoint: {old}" for number, (old, _) in named.items())


def test_the_command_says_what_to_change_and_what_comes_then(project):
    (project / "prefect.yaml").write_text("deployments:\n- name: night\n  entrypoint: flows.deployed.erase\n")

    said = CliRunner().invoke(main, ["init", "--root", str(project)])
    document = json.loads(CliRunner().invoke(main, ["init", "--root", str(project), "--json"]).stdout)

    line = "  prefect.yaml, line 3: entrypoint: flows.deployed.erase → unlearning.entrypoints.flows.deployed.erase"
    lines = said.stdout.splitlines()
    assert "`unlearn deploy`" in lines[lines.index(line) - 1]
    [change] = document["to_change"]
    assert (change["line"], change["is"]) == (3, "flows.deployed.erase")


def test_flows_of_the_user_s_own_that_are_called_the_same_are_left_alone(project):
    (project / "prefect.yaml").write_text(
        "deployments:\n- entrypoint: flows.deployed.train\n- entrypoint: 'flows.watch.watch'\n"
    )
    (project / "flows").mkdir()
    (project / "flows/deployed.py").write_text("train = None\n")

    assert [line.entrypoint for line in scaffold.to_change(project)] == ["flows.watch.watch"]
