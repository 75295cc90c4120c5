"""The dependency rule, one home for each service, no cycles, and a command line that answers at once."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("unlearning", "flows")

LINES = tuple(
    names.split()
    for names in (
        # nouns, roles, errors, names: the standard library only
        "errors entities protocols hashing",
        # decisions: pure; numerics and cryptography allowed
        "partition impact planning lifecycle preparation merkle plugins methods checks"
        " envelope facts verification certificate markup stylesheet chain_picture rendering graph kinship",
        # the outside, one service a file
        "settings learners recipes stores",
        # what is opened, and how a table becomes an ensemble
        "workspace jobs training testing",
        # read, decide, write
        "assessment reports registration receiving erasure validation places purging certifying summary presentation stages"
        " pipeline ancestry scaffold sources indexing suppression demo_data following adoption remaking openlineage proving"
        " candidate twins searching sweeping aftercare watching holds signing auditing atlas gaps past",
        # ways in
        "mlflow_hooks demo cli intake",
    )
)
"""A module imports from its own line or from one above it here."""

HOMES = {
    "mlflow": ("unlearning/stores", "unlearning/mlflow_hooks"),
    "dvc": ("unlearning/stores",),
    "dvc_data": ("unlearning/stores",),
    "great_expectations": ("unlearning/checks/data.py",),
    "sqlalchemy": ("unlearning/stores",),
    "prefect": ("flows",),
    "prefect_dask": ("flows",),
    "pyarrow": ("unlearning/stores", "unlearning/learners"),
    "cryptography": ("unlearning/envelope.py", "unlearning/stores/keys.py"),
    "click": ("unlearning/cli",),
    "fastapi": ("unlearning/intake.py",),
    "uvicorn": ("unlearning/intake.py", "flows/embedded.py"),
    "fsspec": ("unlearning/stores",),
    "openlineage": ("unlearning/openlineage.py",),
}
"""Service → where it may be imported; annotations may name a service's types anywhere."""


def sources() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py") if "templates" not in path.parts)


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path, *, top_only: bool = False, typing_too: bool = True) -> Iterator[str]:
    tree = ast.parse(path.read_text("utf-8"))
    skipped = set() if typing_too else {id(inner) for node in ast.walk(tree) if for_typing(node) for inner in ast.walk(node)}
    for node in tree.body if top_only else ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def for_typing(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def line_of(module: str) -> int:
    if module.startswith("flows"):
        return len(LINES)
    part = [*module.split("."), ""][1]
    return next((number for number, line in enumerate(LINES) if part in line), -1)


@pytest.mark.parametrize("path", sources(), ids=name_of)
def test_every_module_has_a_line_and_imports_only_from_it_or_above(path: Path) -> None:
    module = name_of(path)
    if module == "unlearning":
        return
    here = line_of(module)
    assert here >= 0, f"{module} stands on no line of the dependency rule"
    for name in imports(path):
        if name.startswith(PACKAGES) and name not in PACKAGES and line_of(name) >= 0:
            late_flow = here == len(LINES) - 1 and name.startswith("flows")
            assert line_of(name) <= here or late_flow, f"{module} imports {name}, which stands below it"


def test_flows_are_imported_late_by_the_command_line() -> None:
    for path in sources():
        if name_of(path).startswith("unlearning"):
            assert not any(name.startswith("flows") for name in imports(path, top_only=True)), path


@pytest.mark.parametrize("service", HOMES)
def test_each_outside_service_has_one_home(service: str) -> None:
    allowed = tuple(str(ROOT / home) for home in HOMES[service])
    users = [path for path in sources() if any(name.split(".")[0] == service for name in imports(path, typing_too=False))]
    strangers = [name_of(path) for path in users if not str(path).startswith(allowed)]
    assert users, f"nobody imports {service}"
    assert not strangers, f"{service} is imported outside its home"


def test_the_nouns_import_only_the_standard_library() -> None:
    for name in LINES[0]:
        tops = {found.split(".")[0] for found in imports(ROOT / "unlearning" / f"{name}.py")}
        assert tops - {"numpy"} <= set(sys.stdlib_module_names) | {"unlearning"}, name


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
        "import sys, unlearning.cli\n"
        "heavy = {'torch', 'mlflow', 'prefect', 'dvc', 'great_expectations', 'pandas', 'pyarrow', 'sqlalchemy', 'numpy'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_importing_the_package_imports_nothing_but_the_standard_library() -> None:
    script = "import sys; before = set(sys.modules); import unlearning; print(sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "['unlearning']"
