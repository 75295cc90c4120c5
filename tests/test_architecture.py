"""The dependency rule, one home for each service, no cycles, and a command line that answers at once."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "unlearning"

ROOMS = "domain | methods checks certificate | stores testing | learners project | lineage | traces | erasure | entrypoints"
"""The dependency rule: a room imports from itself and from what stands to its left."""

FLOORS = [floor.split() for floor in ROOMS.split(" | ")]

HOMES = {
    # The last are no part of a running project: they are copied beside a model and run where MLflow loads that.
    "mlflow": (
        "stores/mlflow/",
        "entrypoints/mlflow_hooks/",
        "learners/tabular/serving.py",
        "learners/tabular/list_serving.py",
        "learners/torch/serving.py",
        "learners/torch/ranking_serving.py",
        "learners/statistics/serving.py",
        "learners/statistics/ranking_serving.py",
        "learners/boosting/serving.py",
        "learners/sklearn/serving.py",
    ),
    "dvc": ("stores/dvc/",),
    "dvc_data": ("stores/dvc/",),
    "great_expectations": ("checks/data.py", "checks/data_pages.py"),
    "sqlalchemy": ("stores/sql/", "stores/mlflow/"),
    "prefect": ("entrypoints/flows/",),
    "prefect_dask": ("entrypoints/flows/",),
    "prefect_ray": ("entrypoints/flows/",),
    "ray": ("entrypoints/flows/",),
    # The second look shares no code with what it judges, its reader of tables neither.
    "pyarrow": ("stores/tables/", "stores/second_look/", "learners/"),
    "cryptography": ("certificate/envelope.py", "stores/keys.py", "stores/sealed.py"),
    "click": ("entrypoints/cli/",),
    "fastapi": ("entrypoints/service/", "entrypoints/intake/", "entrypoints/console/"),
    "starlette": ("entrypoints/service/", "entrypoints/intake/", "entrypoints/console/"),
    "cloudevents": ("entrypoints/intake/formats/cloudevents.py",),
    "uvicorn": ("entrypoints/service/", "entrypoints/flows/embedded_server.py"),
    "fsspec": ("stores/",),
    "cronsim": ("project/settings.py", "entrypoints/flows/scheduler.py"),
    "skops": ("learners/sklearn/",),
    "threadpoolctl": ("learners/sklearn/", "testing/learners.py"),
    "openlineage": ("lineage/openlineage.py",),
    "xgboost": ("learners/boosting/",),
    "lightgbm": ("learners/boosting/",),
    "catboost": ("learners/boosting/",),
    "weasyprint": ("erasure/answer_page.py",),
    "matplotlib": ("entrypoints/mlflow_hooks/evaluation_plots.py",),
    "jinja2": ("certificate/page/templating.py", "checks/data_pages.py"),
}
"""Service → where it may be imported; annotations may name a service's types anywhere."""


@cache
def sources() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if "templates" not in path.parts)


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def importing(path: Path) -> list[tuple[ast.Import | ast.ImportFrom, bool, bool]]:
    """The import statements of a module, whether each is at its top, and whether it is for annotations alone."""
    tree = ast.parse(path.read_text("utf-8"))
    top, nodes = set(map(id, tree.body)), list(ast.walk(tree))
    typing = {id(inner) for node in nodes if for_typing(node) for inner in ast.walk(node)}
    return [(node, id(node) in top, id(node) in typing) for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]


def imports(path: Path, *, top_only: bool = False, typing_too: bool = True) -> Iterator[str]:
    for node, top, typing in importing(path):
        if (top_only and not top) or (typing and not typing_too):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def for_typing(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def floor_of(module: str) -> int:
    room = module.split(".")[1]
    return next(number for number, rooms in enumerate(FLOORS) if room in rooms)


def test_the_package_has_these_rooms_and_no_file_in_its_root_does_work() -> None:
    inside = {path.name for path in PACKAGE.iterdir() if path.name != "__pycache__"}
    assert inside == {room for rooms in FLOORS for room in rooms} | {"__init__.py", "py.typed"}
    assert all((PACKAGE / room / "__init__.py").is_file() for rooms in FLOORS for room in rooms)


def test_a_room_imports_only_from_what_stands_to_its_left() -> None:
    wrong = [
        (module, name)
        for module, path in ((name_of(path), path) for path in sources() if path.parent != PACKAGE)
        for name in imports(path)
        if name.startswith("unlearning.") and not name.startswith("unlearning.__")
        if name.split(".")[1] != module.split(".")[1] and floor_of(name) >= floor_of(module)
    ]
    assert not wrong, "each first imports the second, which does not stand to its left"


def test_every_module_has_a_test_file_of_its_name() -> None:
    inside = [path.relative_to(PACKAGE) for path in sources() if path.name != "__init__.py"]
    named = [ROOT / "tests" / one.parent / f"test_{one.name}" for one in inside]
    assert not [file for file in named if not file.is_file()], "these are missing"
    assert not [file for file in named if not any(cases_in(file))], "nothing is tested in these"


def cases_in(file: Path) -> Iterator[str]:
    """The tests that a file defines; a line that begins so within a string would not be worth the parsing."""
    yield from re.findall(r"^def (test_\w+)", file.read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("service", HOMES)
def test_each_outside_service_has_one_home(service: str) -> None:
    allowed = tuple(str(PACKAGE / home) for home in HOMES[service])
    users = [path for path in sources() if any(name.split(".")[0] == service for name in imports(path, typing_too=False))]
    strangers = [name_of(path) for path in users if not str(path).startswith(allowed)]
    assert users, f"nobody imports {service}"
    assert not strangers, f"{service} is imported outside its home"


def test_what_decides_imports_only_the_standard_library_and_numpy() -> None:
    for path in (PACKAGE / "domain").rglob("*.py"):
        tops = {found.split(".")[0] for found in imports(path)}
        assert tops - {"numpy"} <= set(sys.stdlib_module_names) | {"unlearning"}, path


def test_torch_is_imported_at_the_top_of_its_learner_only() -> None:
    """So that a project whose learner needs no torch runs where it is not installed."""
    users = {name_of(path) for path in sources() if "torch" in {one.split(".")[0] for one in imports(path, top_only=True)}}
    assert users
    assert all(user.startswith("unlearning.learners.torch.") for user in users), users


def test_no_import_cycles() -> None:
    modules = {name_of(path): path for path in sources()}
    graph = {
        module: {name for name in imports(path, top_only=True) if name in modules and name != module}
        for module, path in modules.items()
    }
    for module, needs in graph.items():
        needs -= {parent for parent in needs if module.startswith(f"{parent}.")}
    assert list(TopologicalSorter(graph).static_order())


def test_help_answers_without_importing_anything_heavy() -> None:
    script = (
        "import sys, unlearning.entrypoints.cli\n"
        "heavy = {'torch', 'mlflow', 'prefect', 'dvc', 'great_expectations', 'pandas', 'pyarrow', 'sqlalchemy', 'numpy'}\n"
        "heavy |= {'jinja2'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_importing_the_package_imports_nothing_but_the_standard_library() -> None:
    script = "import sys; before = set(sys.modules); import unlearning; print(sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "['unlearning']"


def test_whoever_verifies_a_certificate_loads_no_template_engine() -> None:
    golden = ROOT / "tests" / "golden" / "certificate.json"
    script = (
        "import sys; from unlearning.certificate import statement\n"
        f"statement.verify(statement.read(open({str(golden)!r}, 'rb').read())); print('jinja2' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "False"
