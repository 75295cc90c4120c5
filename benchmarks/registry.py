"""A registry of thousands of versions: how long following takes, first and again, and impact over what it found.

    python -m benchmarks registry versions

One version is registered through MLflow's client; its rows are then repeated in the database under new names, since
registering five thousand takes MLflow minutes and is not what is measured. An MLflow server answers for the same database.
"""

from __future__ import annotations

import tempfile
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks import growth
from benchmarks.report import Section, say
from tests import small_project
from tests.histories import History
from tests.registry import Elsewhere
from tests.servers import mlflow_server
from unlearning.domain import hashing
from unlearning.domain.versions import Tracked
from unlearning.lineage import follow, graph
from unlearning.project.workspace import Workspace

FOLLOWED, ASKED = 5_000, 1_000
VERSIONS = (10, 1_000)
PEOPLE = 200
FILE, SERVER, OPENED = "SQLite file", "server", "server, database named"


def section() -> Section:
    rows = [("impact of one person, warm", f"{ASKED:,}", "SQLite file", f"{impact(ASKED):.3f}", "≤ 1")]
    for kind, told in (("every version says its data", True), ("no version says its data", False)):
        for where in (FILE, SERVER, OPENED):
            first, second = rounds(FOLLOWED, told=told, where=where)
            rows += [
                (f"follow, first round: {kind}", f"{FOLLOWED:,}", where, f"{first:.1f}", "≤ 15"),
                (f"follow, next round: {kind}", f"{FOLLOWED:,}", where, f"{second:.1f}", ""),
            ]
    return Section(
        "A large registry",
        f"{PEOPLE} people in one table that fed every version. The next round reads again only what is new or has a gap. The "
        "server has one worker; which models a run started from it says of each run alone, unless `MLFLOW_BACKEND_STORE_URI` "
        "names its database.",
        ("seconds", "versions", "registry", "measured", "aim"),
        rows,
    )


def section_of_commands(sizes: Sequence[int] = VERSIONS) -> Section:
    """Every command in a project beside so many versions that others trained on its table."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        template = small_project.create(Path(folder) / "template")
        found = {size: _commands(template, Path(folder) / str(size), size) for size in sizes}
    return Section(
        "Growth with the versions of a registry",
        f"A project of {small_project.PEOPLE} people, and versions of another model that says the project's table as its data, "
        "trained elsewhere and not adopted: an erasure lists each. Every command a process of its own: CPU seconds.",
        ("command", *(f"{size:,} versions" for size in sizes), "×"),
        [
            (f"`unlearn {name}`", *(f"{one[name].cpu:.1f}" for one in found.values()), f"{_times(found, name):.1f}")
            for name in growth.COMMANDS
        ],
        growth.panels(found, "versions of others")[:1],
    )


def _times(found: Mapping[int, Mapping[str, growth.Cost]], name: str) -> float:
    return found[max(found)][name].cpu / found[min(found)][name].cpu


def _commands(template: small_project.Project, folder: Path, versions: int) -> Mapping[str, growth.Cost]:
    """Command → its cost."""
    project = small_project.copy(template, folder)
    workspace = project.workspace
    [record] = workspace.lineage.models()
    elsewhere = Elsewhere.at(workspace.models.uri, folder.parent)
    run = elsewhere.run(data=[Tracked(record.data.path, record.data.object)])
    model = elsewhere.logged(run)
    elsewhere.register("theirs", model, run)
    repeat(workspace.models.uri, {run, model}, versions)
    say(f"a project beside {versions:,} versions")
    person = project.cells()[0, 1][0]
    return {
        name: growth.run(folder, words, asked=person if name == "request" else "") for name, words in growth.COMMANDS.items()
    }


def impact(versions: int) -> float:
    """Seconds to say which of so many versions one person shaped; the best of five, the lineage having been read before."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        workspace = _filled(Path(folder), versions, told=True)
        follow.follow(workspace)
        token = bytes.fromhex(hashing.token(workspace.keys.index, "person-7", "text"))

        def ask() -> None:
            held = workspace.lineage.versions_holding([token])[token]
            found = graph.shaped_elsewhere(workspace, [one.digest for one in held], [])
            if len(found) != versions:
                raise RuntimeError(f"{len(found)} versions were found; expected {versions}")

        return min(_timed(ask) for _ in range(6))


def rounds(versions: int, *, told: bool, where: str) -> tuple[float, float]:
    """Seconds of the first round and of the next one."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        workspace = _filled(Path(folder), versions, told=told)
        say(f"a registry of {versions:,} versions is there")
        if where == FILE:
            return _timed(lambda: follow.follow(workspace)), _timed(lambda: follow.follow(workspace))
        with mlflow_server(Path(folder), database=workspace.models.uri) as address:
            asking = History(workspace.root)
            asking.use(address)

            def opened() -> Workspace:
                found = asking.workspace
                found.models.database = workspace.models.uri if where == OPENED else None
                return found

            return _timed(lambda: follow.follow(opened())), _timed(lambda: follow.follow(opened()))


def _timed(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _filled(folder: Path, versions: int, *, told: bool) -> Workspace:
    history = History.create(folder / "project")
    history.workspace.models.names()
    elsewhere = Elsewhere.at(history.workspace.models.uri, folder)
    content = history.table("data/train.csv", [f"person-{number}" for number in range(PEOPLE)])
    history.commit()
    run = elsewhere.run(data=[content] if told else ())
    model = elsewhere.logged(run)
    elsewhere.register("model", model, run)
    repeat(history.workspace.models.uri, {run, model}, versions)
    return history.workspace


def repeat(uri: str, names: set[str], versions: int) -> None:
    """Repeat everything that a run, its logged model and its version are in MLflow's tables, until there are so many."""
    engine, tables = sa.create_engine(uri), sa.MetaData()
    tables.reflect(engine)
    with engine.begin() as connection:
        for table in tables.sorted_tables:
            rows = [row for row in connection.execute(sa.select(table)).mappings() if names & set(map(str, row.values()))]
            rows += [row for row in connection.execute(sa.select(table)).mappings() if _names_one(row, names)]
            made = [_renamed(row, names, number) for number in range(2, versions + 1) for row in rows]
            if made:
                connection.execute(table.insert(), made)
    engine.dispose()


def _names_one(row: Any, names: set[str]) -> bool:
    """In the middle of a value, as in `models:/m-…`."""
    values = [str(value) for value in row.values()]
    return not names & set(values) and any(name in value for name in names for value in values)


def _renamed(row: Any, names: set[str], number: int) -> dict[str, Any]:
    made = dict(row)
    for column, value in row.items():
        for name in names:
            if isinstance(value, str) and name in value:
                new = uuid.uuid5(uuid.NAMESPACE_OID, f"{name} {number}").hex
                made[column] = made[column].replace(name, f"m-{new}" if name.startswith("m-") else new)
    if "input_uuid" in made:
        made["input_uuid"] = uuid.uuid5(uuid.NAMESPACE_OID, f"{row['input_uuid']} {number}").hex
    if "version" in made:
        made["version"] = number
    return made
