"""The order of an erasure: what is tried again, what ends it; whole erasures on a server are in `test_runners.py`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from dvc.repo import Repo

from tests import small_project
from tests.examples import example
from unlearning.domain.chain import Part, Replay, Trained
from unlearning.domain.errors import ParentMoved, Refused, ValidationRefused, WrongUse
from unlearning.domain.events import CandidateValidated
from unlearning.entrypoints.flows import erase as flow

EXACT = Trained("sisa", "exact", (Part(0, "new", "d", 1, 4, 0.1), Part(1, "kept", "e", 0, 0, 0.0)))
BEFORE = replace(EXACT, parts=(replace(EXACT.parts[0], key="old"), EXACT.parts[1]))


@pytest.fixture
def batch(monkeypatch: pytest.MonkeyPatch) -> Any:
    """An erasure that only says who it is, and how often it was begun anew."""
    started: list[str] = []
    monkeypatch.setattr(flow.batches, "start", lambda erasure, _: started.append(erasure.erasure_id))
    monkeypatch.setattr(flow, "Erasure", lambda *_: made)
    made = SimpleNamespace(
        workspace=SimpleNamespace(), erasure_id="erasure-1", clock=None, started=SimpleNamespace(requests=("r",)), begun=started
    )
    return made


@pytest.mark.parametrize("overtaken", [0, 1, 2, 3])
def test_an_erasure_that_is_overtaken_is_planned_again_and_at_the_third_time_given_up(
    batch: Any, overtaken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = iter([ParentMoved("moved")] * overtaken)

    def steps(erasure: Any, **_: bool) -> dict[str, Any]:
        if (moved := next(left, None)) is not None:
            raise moved
        return {"erasure_id": erasure.erasure_id}

    monkeypatch.setattr(flow, "_steps", steps)
    if overtaken == flow.ATTEMPTS:
        with pytest.raises(ParentMoved):
            flow._carry_out(batch.workspace, batch, None, replay=False, every_shard=False)
    else:
        done = flow._carry_out(batch.workspace, batch, None, replay=False, every_shard=False)
        assert done == {"erasure_id": "erasure-1"}
    assert len(batch.begun) == min(overtaken, flow.ATTEMPTS - 1)


@pytest.mark.parametrize(("error", "carried_out"), [(Refused("no"), ["a", "b", "c"]), (WrongUse("bug"), ["a", "b"])])
def test_the_next_batch_does_not_wait_for_one_that_was_refused_but_for_anything_else(
    monkeypatch: pytest.MonkeyPatch, error: Exception, carried_out: list[str], tmp_path: Path
) -> None:
    ran: list[str] = []

    def alone(_: object, erasure: Any, **_how: bool) -> dict[str, Any]:
        ran.append(erasure.erasure_id)
        if erasure.erasure_id == "b":
            raise error
        return {"erasure_id": erasure.erasure_id}

    monkeypatch.setattr(flow, "open_workspace", lambda _: None)
    nobody = SimpleNamespace(ended=lambda _: None, refused=lambda _: None)
    monkeypatch.setattr(flow.telling, "Told", lambda _: nobody)
    monkeypatch.setattr(flow.batches, "batches", lambda *_, **_how: [SimpleNamespace(erasure_id=one) for one in "abc"])
    monkeypatch.setattr(flow.telling, "Told", lambda _: SimpleNamespace(ended=str, refused=str))
    monkeypatch.setattr(flow, "_alone", alone)
    monkeypatch.setattr(flow.presentation, "markdown", str)
    monkeypatch.setattr(flow, "create_markdown_artifact", lambda *_said, **_named: None)
    with pytest.raises(type(error)):
        flow.erase.fn(str(tmp_path))
    assert ran == carried_out


@pytest.mark.parametrize("passes", ["sisa", "retrain", None])
def test_the_ladder_is_climbed_until_a_candidate_passes(passes: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def attempt(_: object, _sets: object, method: str, _of: str, **_how: bool) -> tuple[Trained, CandidateValidated]:
        tried.append(method)
        return replace(EXACT, method=method), example(CandidateValidated, method=method, passed=method == passes)

    monkeypatch.setattr(flow, "_attempt", attempt)
    monkeypatch.setattr(flow.validate, "refuse", lambda _, judged: ValidationRefused(f"{judged.method} failed too"))
    erasure: Any = SimpleNamespace(own=SimpleNamespace(methods=("sisa", "retrain")))
    if passes is None:
        with pytest.raises(ValidationRefused, match="retrain failed too"):
            flow._climb(erasure, None, "", replay=False, every_shard=False)  # type: ignore[arg-type]
    else:
        trained, judged = flow._climb(erasure, None, "", replay=False, every_shard=False)  # type: ignore[arg-type]
        assert (trained.method, judged.method) == (passes, passes)
    assert tried == (["sisa"] if passes == "sisa" else ["sisa", "retrain"])


def test_only_what_comes_from_a_refused_adopted_model_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def remake(_: object, _sets: object, name: str) -> None:
        tried.append(name)
        raise ValidationRefused("no", reason="no")

    monkeypatch.setattr(flow, "_remake", remake)
    monkeypatch.setattr(flow, "_unlearn", lambda view, *_, **__: tried.append(view.name))
    monkeypatch.setattr(flow.plan, "coming_from", lambda _, names: {"fed"} if set(names) == {"feeds"} else set())
    monkeypatch.setattr(flow, "step", lambda *_, **__: None)
    monkeypatch.setattr(flow.validate, "give_up", lambda _, refused: ValidationRefused(", ".join(refused)))
    plan = SimpleNamespace(adopted=("feeds",), before_own=1, retrained=("fed", "free"), turns=("feeds", "fed", "free"))
    erasure: Any = SimpleNamespace(plan=plan, of=lambda name: SimpleNamespace(name=name, said=lambda _: None))
    with pytest.raises(ValidationRefused, match=r"^feeds$"):
        flow._make_again(erasure, None, replay=False, every_shard=False)  # type: ignore[arg-type]
    assert tried == ["feeds", "free"]


def test_a_replay_is_of_the_changed_shards_or_of_every_one_and_only_of_what_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[frozenset[int]] = []
    again = Replay(equal=True, digests={}, seconds=0.1, cpu_seconds=0.1)

    def trained_again(_: object, _retain: object, _trained: Trained, *, shards: frozenset[int], map: Any) -> Replay:
        asked.append(frozenset(shards))
        return again

    monkeypatch.setattr(flow, "train_again", trained_again)
    monkeypatch.setattr(flow, "step", lambda _, do, **_say: do())
    erasure: Any = SimpleNamespace(workspace=None)
    sets: Any = SimpleNamespace(retain=None, parent=SimpleNamespace(trained=BEFORE))
    assert flow._replay(erasure, sets, EXACT, every_shard=False) is again
    assert flow._replay(erasure, sets, EXACT, every_shard=True) is again
    assert asked == [{0}, {0, 1}]
    assert flow._replay(erasure, sets, replace(EXACT, guarantee="empirical"), every_shard=True) is None
    assert flow._replay(erasure, sets, BEFORE, every_shard=False) is None


def test_an_erasure_opens_dvc_s_repository_ten_times_and_one_with_nothing_to_do_never(
    project: small_project.Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who writes, and who looks at other commits, opens one of his own; everybody else reads with one that is kept."""
    opened: list[str] = []
    init = Repo.__init__
    monkeypatch.setattr(Repo, "__init__", lambda self, *args, **named: (opened.append("once"), init(self, *args, **named))[1])
    project.request(small_project.patient(7))
    project.erase()
    assert set(project.states().values()) == {"completed"}
    assert 0 < len(opened) <= 10
    opened.clear()
    project.erase()
    assert opened == []
