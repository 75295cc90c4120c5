"""What all tests share: quiet tools, a project to copy, Prefect's database for one session, MLflow left as it was found."""

from __future__ import annotations

import atexit
import fcntl
import gc
import logging
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from _pytest.unraisableexception import gc_collect_iterations_key
from hypothesis import settings

from tests import clones, ran, untouched, warm
from tests.campaign import parts
from tests.histories import History
from tests.servers import mlflow_server
from tests.small_project import PARAMS, MadeProject, Make, Project, copy, create, erased_person

QUIET = {
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_SERVER_LEVEL": "CRITICAL",
    "DVC_NO_ANALYTICS": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}
FOREIGN = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_NAME", "PREFECT_API_URL")
"""Addresses of the machine that a test must never talk to."""
AS_USERS = ("PYTHONDONTWRITEBYTECODE",)
"""What the machine of a test may have and a user's has not: each process would compile everything again, and nobody would see
what compiled files do to a project."""

LONGEST = (
    "tests/test_docs.py",  # with the session of the README, a minute of processes one after the other
    "tests/entrypoints/flows/test_elsewhere.py",
    "tests/lineage/test_adoption.py",
    "tests/faults/test_killed.py",
    "tests/erasure/test_adopted_only.py",
    "tests/faults/test_at_once.py",
    "tests/erasure/test_derived_models.py",
    "tests/test_remedies.py",
    "tests/traces/",
)
"""What is begun first, in this order: a long file that is begun last leaves the other workers idle, and so do two files side by
side that need the same project, while one makes it."""

# How long an example takes says how busy the machine is. Fewer than usual, other ones in each run; `drawn` has its own number.
settings.register_profile("laws", deadline=None, max_examples=25)
settings.load_profile("laws")

_HOME = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    """Before anything is imported: some tools read the environment only then. Nothing is kept in the user's home."""
    home = config.stash[_HOME] = tempfile.mkdtemp(prefix="homes-of-tests-")
    homes = {
        "PREFECT_HOME": f"{home}/prefect",
        "DVC_SITE_CACHE_DIR": f"{home}/dvc",
        "DVC_GLOBAL_CONFIG_DIR": f"{home}/dvc-user",
    }
    # As in an activated environment: tests run `dvc` and `mlflow` as users do.
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    os.environ.update(QUIET | homes | {"PATH": path})
    os.environ.setdefault(warm.FOLDER, f"{home}/warm")  # of the session, which the workers of xdist are told
    for name in (*FOREIGN, *AS_USERS):
        os.environ.pop(name, None)
    sys.dont_write_bytecode = False
    # With torch, MLflow and GX in memory, a fifth of the run would be looking for garbage at the threshold Python begins with.
    gc.set_threshold(50_000)
    config.stash[gc_collect_iterations_key] = 0  # nor at the very end, where it takes as long as a dozen erasures
    atexit.register(gc.freeze)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Take the homes away again."""
    shutil.rmtree(config.stash[_HOME], ignore_errors=True)


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores, since tests wait for servers and processes; four at most, of a gigabyte each."""
    return min(4, (os.cpu_count() or 1) + 1)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--part 3/10`: one part of the tests that are selected."""
    parser.addoption("--part", type=parts.parsed, default=None, help="one part of the tests, such as 3/10")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is in another part, and begin with what takes longest: it would be the last one at work alone."""
    items.sort(key=lambda item: next((place for place, one in enumerate(LONGEST) if item.nodeid.startswith(one)), len(LONGEST)))
    if part := config.getoption("--part"):
        config.hook.pytest_deselected(items=[item for item in items if not parts.holds(part, item.nodeid)])
        items[:] = [item for item in items if parts.holds(part, item.nodeid)]


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A part of the campaigns that ran whole is written down; one that was cut short or narrowed is not."""
    config = session.config
    whole = parts.whole(config.invocation_params.args, os.environ)
    if whole and exitstatus in (0, 1) and not hasattr(config, "workerinput"):
        reporter = config.pluginmanager.get_plugin("terminalreporter")
        counts = {name: len(found) for name, found in reporter.stats.items()}
        parts.record(config.getoption("--part"), counts, datetime.now(UTC))


@pytest.fixture(autouse=True)
def _tools_as_they_were() -> Iterator[None]:
    """No test inherits a run, an address or a listener of the one before, nor of what fixtures wider than a test began."""
    _nowhere_else()
    _nobody_listens()
    yield
    _nowhere_else()
    _nobody_listens()
    if "mlflow" not in sys.modules:
        return
    import mlflow

    while mlflow.active_run() is not None:
        mlflow.end_run()
    mlflow.set_tracking_uri(None)  # type: ignore[arg-type]
    mlflow.set_registry_uri(None)  # type: ignore[arg-type]
    fluent: Any = mlflow.tracking.fluent
    fluent._active_experiment_id = None
    os.environ.pop("MLFLOW_EXPERIMENT_ID", None)


def _nowhere_else() -> None:
    for name in FOREIGN:
        os.environ.pop(name, None)


def _nobody_listens() -> None:
    """As before any command ran: one that a test runs in this process sends all progress after it to its own standard error."""
    progress = logging.getLogger("unlearning.progress")
    progress.handlers.clear()
    progress.setLevel(logging.NOTSET)
    progress.propagate = True


@pytest.fixture(scope="session", autouse=True)
def _nothing_changed_by_wrong_use() -> Iterator[None]:
    """Of every command that a test runs and that ends with exit code 2."""
    with untouched.every_command():
        yield


@pytest.fixture(scope="session", autouse=True)
def _commands_are_noted() -> Iterator[None]:
    """For what `docs/remedies.md` says of the tests."""
    with ran.every_command():
        yield


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, Any, Any]:
    """A test that `docs/remedies.md` names for a command runs it, or fails."""
    from tests import remedies

    with ran.noting():
        result = yield
    missed = ran.missed(remedies.named_for(pyfuncitem.nodeid))
    assert not missed, f"tests/remedies.py says that this test runs {missed}; it does not"
    return result


@pytest.fixture(scope="session")
def tools() -> None:
    """Great Expectations, imported: what it warns of meanwhile is about Python's own modules and not ours to mend."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "module 'sre_.*' is deprecated", DeprecationWarning)
        import great_expectations.expectations  # noqa: F401


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Make], Path]:
    """(name, make) → a folder that one process of the session makes, for all of them: to be copied, never to be changed."""
    ours = tmp_path_factory.getbasetemp()
    common = (ours.parent if "PYTEST_XDIST_WORKER" in os.environ else ours) / "made-once"
    common.mkdir(exist_ok=True)

    def made(name: str, make: Make) -> Path:
        folder, done = common / name / "project", common / f"{name}.done"
        with (common / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                shutil.rmtree(folder.parent, ignore_errors=True)
                folder.parent.mkdir()
                make(folder)
                done.touch()
        return folder

    return made


@pytest.fixture(scope="session", autouse=True)
def _mlflow_makes_its_tables_once(made_once: Callable[[str, Make], Path]) -> Iterator[None]:
    """A new SQLite file of MLflow's is a copy of one: making it goes through every version of its tables that there ever was.

    Processes that tests start make theirs as users' do.
    """
    if "mlflow" not in sys.modules:
        yield
        return
    from mlflow.store.db import utils

    tools: Any = utils  # untyped in MLflow
    truth = tools._initialize_tables

    def make(folder: Path) -> None:
        folder.mkdir()
        engine = tools.create_sqlalchemy_engine(f"sqlite:///{folder}/mlflow.db")
        truth(engine)
        engine.dispose()

    def copied(engine: Any) -> None:
        file = Path(engine.url.database or "")
        if engine.dialect.name != "sqlite" or (file.exists() and file.stat().st_size):
            truth(engine)
            return
        engine.dispose()
        shutil.copyfile(made_once("mlflow-tables", make) / "mlflow.db", file)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tools, "_initialize_tables", copied)
        yield


@pytest.fixture(scope="session")
def made_project(tools: None, made_once: Callable[[str, Make], Path], tmp_path_factory: pytest.TempPathFactory) -> MadeProject:
    """(name, make) → a copy of what `made_once` makes, of this process's own: none changes what another one copies."""

    def made(name: str, make: Make) -> Project:
        return copy(Project(made_once(name, make)), tmp_path_factory.mktemp(name) / "project")

    return made


@pytest.fixture(scope="session")
def template(made_project: MadeProject) -> Project:
    """The small project with version 1 behind the alias; to be copied, never to be changed."""
    return made_project("template", create)


@pytest.fixture
def project(template: Project, tmp_path: Path) -> Project:
    """A trained project of the test's own."""
    return copy(template, tmp_path / "project")


@pytest.fixture(scope="session")
def erased_template(made_project: MadeProject, template: Project) -> Project:
    """The same after the erasure of `erased_person(template)`, with a replay; to be copied, never to be changed."""

    def erase(folder: Path) -> None:
        project = copy(template, folder)
        project.request(erased_person(project))
        project.erase(replay=True)

    return made_project("erased", erase)


@pytest.fixture
def erased_project(erased_template: Project, tmp_path: Path) -> Project:
    """A project of the test's own from which one person was erased; version 2 is behind the alias."""
    return copy(erased_template, tmp_path / "project")


@pytest.fixture(scope="session")
def beginning(tmp_path_factory: pytest.TempPathFactory) -> History:
    """A project whose registry is empty; to be copied, never to be changed."""
    history = History.create(tmp_path_factory.mktemp("beginning") / "project")
    history.workspace.models.names()
    return history


@pytest.fixture(scope="session")
def whole_template(made_project: MadeProject) -> Project:
    """The same data and a model without shards or slices: one that a whole-model method can change."""
    params = {**PARAMS, "partition": {"shards": 1, "slices": 1, "seed": 1}}
    return made_project("whole", lambda folder: create(folder, params=params))


@pytest.fixture
def whole_project(whole_template: Project, tmp_path: Path) -> Project:
    """A project of the test's own whose model is one network."""
    return copy(whole_template, tmp_path / "project")


@pytest.fixture(scope="session")
def blank_registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's database with nothing in it, made once; to be copied, never to be changed."""
    from unlearning.stores.mlflow.models import MlflowModels

    root = tmp_path_factory.mktemp("blank")
    MlflowModels(None, "unlearning", root).names()
    return root / "mlflow.db"


@pytest.fixture(scope="session")
def registry_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address of an MLflow server that lives as long as the session, and of its database."""
    folder = tmp_path_factory.mktemp("server")
    with mlflow_server(folder) as address:
        yield address, f"sqlite:///{folder / 'server.db'}"


@pytest.fixture(scope="session")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Somebody's repository with two versions of a table and a stage; to be cloned, never to be changed."""
    return clones.create(tmp_path_factory.mktemp("origin"), remote=tmp_path_factory.mktemp("remote"))


@pytest.fixture
def clone(origin: Path, tmp_path: Path) -> Path:
    """A fresh clone: no data in the working folder, none in the cache."""
    clones.run(tmp_path, "git", "clone", "-q", str(origin), "clone")
    return tmp_path / "clone"
