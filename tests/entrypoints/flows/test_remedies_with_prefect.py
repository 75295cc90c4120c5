"""Remedies that name Prefect's own commands, on a started server."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.entrypoints.flows.conftest import Server
from tests.remedied.helping import asking, filled, helps, printed, run
from tests.small_project import Project, copy
from unlearning.traces.out_of_reach import OUT_OF_REACH

pytestmark = [pytest.mark.services, pytest.mark.filterwarnings("ignore")]
BEFORE = Path(__file__).parents[1] / "scaffold/prefect-of-before.yaml"


@pytest.mark.parametrize("command", ["unlearn deploy", pytest.param("prefect deploy", marks=pytest.mark.slow)])
def test_entrypoints_of_before_are_changed_and_deployed(
    server: Server, untrained: Project, tmp_path: Path, command: str
) -> None:
    root = copy(untrained, tmp_path / "project").root
    file = root / "prefect.yaml"
    file.write_text(BEFORE.read_text() + "# ours\n")
    ask = asking(root, "init")

    def by_hand() -> None:
        lines = file.read_text().splitlines()
        for number, old, new in re.findall(r"line (\d+): entrypoint: (\S+) → (\S+)", ask()):
            assert old in lines[int(number) - 1]
            lines[int(number) - 1] = lines[int(number) - 1].replace(old, new)
        file.write_text("\n".join(lines) + "\n")

    if command.startswith("prefect"):  # whoever deployed such a file before has the pool that it names; Prefect refuses without
        run(root, "prefect work-pool create unlearning --type process", codes=(0, 1))
    helps(ask, root, command, before=by_hand)
    assert {"erase", "watch", "follow"} <= server.deployments().keys()
    server.delete_deployments()


def test_runs_and_artifacts_of_other_flows_are_deleted_by_their_owners(server: Server, tmp_path: Path) -> None:
    from prefect import flow
    from prefect.artifacts import create_markdown_artifact

    @flow(name="of others")
    def theirs() -> None:
        create_markdown_artifact("who was in it", key="of-others")

    theirs()
    [one] = server.flow_runs("of others")
    artifact = next(found for found in server.ask("read_artifacts") if found.key == "of-others")
    [said] = [place.remedy for place in OUT_OF_REACH if "prefect" in place.remedy]
    for command, name in (("prefect artifact", artifact.id), ("prefect flow-run", one.id)):
        [line] = printed(said, command)
        run(tmp_path, filled(line, {"ID": str(name)}))
    assert server.flow_runs("of others") == []
    assert server.artifacts("of-others") == []
