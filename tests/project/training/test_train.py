"""What a replay compares, what counts as another constituent, what is in a changed model's name, what workers are believed."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.small_project import RECIPE, TRAIN, Project
from unlearning.domain.chain import Chain, MadeWith, Part, ShardChain, Trained
from unlearning.domain.errors import VerificationFailed, WrongUse
from unlearning.project.training import stages, train
from unlearning.project.training.registration import parent_of, record_of
from unlearning.project.training.training_set import training_set
from unlearning.stores.checkpoints import CheckpointStore
from unlearning.stores.tables import tables


def part(shard: int, key: str, *, slices_trained: int = 0) -> Part:
    return Part(shard=shard, key=key, digest=f"digest of {key}", slices_trained=slices_trained, rows_trained=0, cpu_seconds=0.0)


def trained(*parts: Part) -> Trained:
    return Trained(method="sisa", guarantee="exact", parts=tuple(parts))


def test_a_constituent_that_a_killed_run_trained_counts_as_changed() -> None:
    before = trained(part(0, "a"), part(1, "b"))
    resumed = trained(part(0, "a"), part(1, "c", slices_trained=0))
    assert resumed.changed_from(before) == {1}
    assert before.changed_from(before) == frozenset()


def test_a_replay_of_no_shard_is_refused_for_it_would_show_nothing() -> None:
    with pytest.raises(WrongUse, match="shows nothing"):
        train.replay(None, None, trained(part(0, "a")), shards=())  # type: ignore[arg-type]


_SHARDS = tuple(ShardChain(shard, ("start", "older", head), (1, 1)) for shard, head in enumerate("aba"))
RETAIN: Any = SimpleNamespace(chain=Chain("recipe", 1, _SHARDS))


def test_a_constituent_that_fell_back_is_replayed_as_far_as_it_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = dict[str, Any]()

    def again(*_: Any, **how: Any) -> Trained:
        asked.update(how)
        return trained(part(0, "older"), part(1, "b"))

    monkeypatch.setattr(train, "make", again)
    assert train.replay(None, RETAIN, trained(part(0, "older"), part(1, "b")), shards={0, 1}).equal  # type: ignore[arg-type]
    assert asked["stops"] == {0: 1}


@pytest.mark.parametrize(("digest", "equal"), [("digest of a", True), ("something else", False)])
def test_a_replay_compares_every_shard_it_was_asked_for(monkeypatch: pytest.MonkeyPatch, digest: str, equal: bool) -> None:
    def again(*_: Any, only: Iterable[int], **__: Any) -> Trained:
        return trained(*(Part(s, "a", digest, 1, 1, 0.0) for s in only))

    monkeypatch.setattr(train, "make", again)
    found = train.replay(None, RETAIN, trained(part(0, "a"), part(1, "b")), shards={0})  # type: ignore[arg-type]
    assert found.equal is equal
    assert found.digests == {0: digest}


HERE, THERE, UNKNOWN = ((("machine", "m"),), (("machine", "n"),), ())


@pytest.mark.parametrize(
    ("made_with", "digest", "explained"),
    [
        ([((HERE,), (0, 1))], "other", False),
        ([((THERE,), (0, 1))], "other", True),
        ([((HERE, THERE), (0, 1))], "other", True),
        ([((THERE,), (0,)), ((HERE,), (1,))], "other", False),
        ([((THERE,), (0,)), ((UNKNOWN,), (1,))], "other", False),
        ([((THERE,), (0,))], "other", False),
        ([((THERE,), (0, 1)), ((HERE,), (2,))], "other", True),
        ([((THERE,), (0,)), ((HERE,), (1,))], "digest of a", True),
        ([((HERE,), (0, 1))], "digest of a", False),
        ([], "other", False),
    ],
)
def test_other_bytes_are_explained_only_where_each_of_them_is_known_to_be_made_elsewhere(
    monkeypatch: pytest.MonkeyPatch, made_with: list[Any], digest: str, explained: bool
) -> None:
    made = tuple(MadeWith(*one) for one in made_with)
    was = replace(trained(part(0, "a"), part(1, "a"), part(2, "a")), made_with=made)
    monkeypatch.setattr(train, "make", lambda *_, only, **__: trained(*(Part(s, "a", digest, 1, 1, 0.0) for s in only)))
    monkeypatch.setattr(train, "engine", lambda _: HERE)
    found = train.replay(SimpleNamespace(learner=None), RETAIN, was, shards={0, 1})  # type: ignore[arg-type]
    assert found.otherwise == (("machine n then, m now",) if explained else ())


def test_another_loss_in_the_recipe_is_another_name_and_another_model(whole_project: Project) -> None:
    """The recipe's file and attribute, the parent and the records stay what they were."""
    first = changed(whole_project)
    assert changed(whole_project).parts[0].slices_trained == 0
    recipe = whole_project.root / "recipes/outcome.py"
    recipe.write_text(RECIPE.replace("    epochs=12,", "    loss=lambda *each: 3 * cross_entropy(*each),\n    epochs=12,"))
    recipe.write_text(recipe.read_text().replace("import TorchRecipe,", "import TorchRecipe, cross_entropy,"))
    second = changed(whole_project)
    assert second.parts[0].slices_trained == 1
    assert second.parts[0].key != first.parts[0].key
    assert second.parts[0].digest != first.parts[0].digest


def changed(project: Project) -> Trained:
    """Two people forgotten by negative_gradient, as step 5 does it."""
    workspace = project.workspace
    table = tables.read(project.root / TRAIN, person="patient")
    leaving = [project.token(one) for one in project.people(TRAIN)[:2]]
    retain, everyone = training_set(workspace, table, exclude=leaving), training_set(workspace, table)
    parent = record_of(workspace, parent_of(workspace)).trained
    return train.make(
        workspace, retain, method="negative_gradient", forget=everyone.records[:4], parent=[part.key for part in parent.parts]
    )


def test_a_model_that_is_changed_from_sealed_records_is_the_same(whole_project: Project, tmp_path: Path) -> None:
    whole_project.configure({"run": {"spool": str(tmp_path / "shared")}})
    sealed = changed(whole_project)
    whole_project.workspace.checkpoints.delete(sealed.parts[0].key)
    whole_project.configure({"run": {"spool": None}})
    mapped = changed(whole_project)
    assert mapped.parts[0].slices_trained == 1
    assert (sealed.parts[0].key, sealed.parts[0].digest) == (mapped.parts[0].key, mapped.parts[0].digest)


def says_another_digest(part: Part, _: CheckpointStore) -> Part:
    return replace(part, digest="0" * 64)


def stores_other_bytes(part: Part, store: CheckpointStore) -> Part:
    store.put(part.key, (store.get(part.key) or b"") + b" ")
    return part


def stores_it_elsewhere(part: Part, store: CheckpointStore) -> Part:
    store.delete(part.key)
    return part


def does_another_shard(part: Part, _: CheckpointStore) -> Part:
    return replace(part, shard=(part.shard + 1) % 4)


@pytest.mark.parametrize("lie", [says_another_digest, stores_other_bytes, stores_it_elsewhere, does_another_shard])
def test_what_a_worker_elsewhere_says_is_registered_only_if_the_store_holds_it(
    lie: Callable[[Part, CheckpointStore], Part], project: Project, tmp_path: Path
) -> None:
    workspace, before = project.workspace, project.workspace.lineage.models()
    for key in [*workspace.checkpoints.keys()]:
        workspace.checkpoints.delete(key)  # what is stored already, no worker is asked for
    project.configure({"run": {"spool": str(tmp_path / "shared")}})

    def lying(run: Any, jobs: Iterable[Any]) -> list[Part]:
        parts = [run(job) for job in jobs]
        return [lie(parts[0], workspace.checkpoints), *parts[1:]]

    with pytest.raises(VerificationFailed, match=r"run (the jobs )?again"):
        stages.fit(stages.load(project.workspace), map=lying)
    assert project.workspace.lineage.models() == before
    assert [*(tmp_path / "shared").glob("*/*/*")] == []
