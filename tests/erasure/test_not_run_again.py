"""Which stages of the user's an erasure redacts both sides of, and runs none of."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from tests.small_project import HOLDOUT, SOURCE, TRAIN, Project
from unlearning.erasure import not_run_again


def test_a_stage_between_two_redacted_tables_is_named_and_ours_is_not(project: Project) -> None:
    assert not_run_again.between_tables(project.workspace) == {}
    (project.root / f"{SOURCE}.dvc").unlink()
    pipeline, notes = project.root / "dvc.yaml", "data/notes.parquet"
    made = f"stages:\n  clean:\n    cmd: a\n    deps: [{notes}]\n    outs: [data/clean.parquet]\n  embed:\n    cmd: b\n"
    made += f"    deps: [data/clean.parquet]\n    outs: [{SOURCE}]\n"
    pipeline.write_text(pipeline.read_text().replace("stages:\n", made, 1))
    assert not_run_again.between_tables(project.workspace) == {}, "what embed reads is no table of people that anybody declared"
    project.configure({"further_tables": {notes: "author"}})
    made_of = [SOURCE, TRAIN, HOLDOUT]
    assert not_run_again.between_tables(project.workspace) == {"clean": made_of, "embed": made_of}

    def erasure(*ran: str) -> Any:
        return SimpleNamespace(workspace=project.workspace, every=lambda _: [SimpleNamespace(stages=ran)])

    assert [one.partition(" was")[0] for one in not_run_again.gaps(erasure())] == ["stage clean", "stage embed"]
    assert not_run_again.gaps(erasure("clean", "embed")) == ()
