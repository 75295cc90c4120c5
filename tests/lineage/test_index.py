"""Which contents answer for which: laws over every small graph, and opening what can be opened."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.histories import History
from unlearning.domain.versions import DataVersion, Tracked
from unlearning.lineage import index
from unlearning.lineage.index import Opening
from unlearning.stores.sql.followed import EVERY_PATH, Opened, State

names = [Tracked(f"data/{letter}.csv", letter * 32) for letter in "abcde"]
contents = st.sampled_from(names)
states: st.SearchStrategy[State] = st.sampled_from(["indexed", "no table", "gone", "no person column"])
opened = st.dictionaries(contents, states).map(lambda found: {one: Opened(one, None, state) for one, state in found.items()})
edges = st.lists(st.tuples(contents, contents, st.just("stage")), max_size=8)


@settings(max_examples=50)
@given(contents, opened, edges)
def test_only_indexed_contents_answer_and_an_indexed_one_for_itself_alone(
    content: Tracked, known: dict[Tracked, Opened], derivations: list[index.Derivation]
) -> None:
    parents = index.parents_of(derivations)
    ends = index.resolved(content, known, parents)
    assert all(known[end].state == "indexed" for end in ends)
    assert ends <= index.upwards([content], parents)
    if content in known and known[content].state == "indexed":
        assert ends == {content}
        assert index.loose_ends(content, known, parents) == frozenset()


@settings(max_examples=50)
@given(contents, opened, edges)
def test_what_nobody_answers_for_has_a_loose_end(
    content: Tracked, known: dict[Tracked, Opened], derivations: list[index.Derivation]
) -> None:
    parents = index.parents_of(derivations)
    loose = index.loose_ends(content, known, parents)
    assert loose <= index.upwards([content], parents)
    assert not any(known[end].state == "indexed" for end in loose & known.keys())
    circle = all(parents.get(one) for one in index.upwards([content], parents))
    assert loose or index.resolved(content, known, parents) or circle


def test_what_the_index_knows_counts_beside_what_was_opened_which_keeps_its_words() -> None:
    one, two = names[:2]
    version = DataVersion(one.path, "d" * 64, one.object, None, 1, 1)
    lost = {one: Opened(one, None, "gone"), two: Opened(two, None, "no table")}
    assert {content: found.state for content, found in index.merged(lost, [version]).items()} == {
        one: "indexed",
        two: "no table",
    }
    told = {one: Opened(one, None, "indexed", "who; 1 people are spelled in several ways")}
    assert index.merged(told, [version]) == told


def test_each_content_is_opened_once_and_one_that_cannot_say_leads_on_to_what_it_was_made_from(
    beginning: History, tmp_path: Path
) -> None:
    history = beginning.copy(tmp_path / "project")
    raw = history.table("data/raw.csv", ["ann-1", "bob-2"])
    (history.root / "data/notes.txt").write_text("a note")
    history.repository.add(["data/notes.txt"])
    notes, nameless = history.tracked("data/notes.txt"), history.table("data/nameless.csv", ["x"], column="y")
    lost = Tracked("data/lost.csv", "f" * 32)
    opening = Opening(history.workspace, {}, {notes: {raw}}, {}, {EVERY_PATH: ("patient",)})
    opening.open([notes, nameless, lost])
    assert {one.path: found.state for one, found in opening.known.items()} == {
        "data/notes.txt": "no table",
        "data/raw.csv": "indexed",
        "data/nameless.csv": "no person column",
        "data/lost.csv": "gone",
    }
    assert "looked for patient" in opening.known[nameless].detail
    [version] = history.workspace.lineage.data_versions()
    assert (version.path, version.people) == ("data/raw.csv", 2)
    opening.fresh.clear()
    opening.open([notes, nameless])
    assert opening.fresh == []
    opening.columns = {EVERY_PATH: ("patient",), "data/nameless.csv": ("y",)}
    opening.open([nameless])
    assert [one.state for one in opening.fresh] == ["indexed"]


def test_a_tracked_folder_is_no_table_and_leads_on_to_its_files(beginning: History, tmp_path: Path) -> None:
    history = beginning.copy(tmp_path / "project")
    (history.root / "parts").mkdir()
    (history.root / "parts/a.csv").write_text("patient,x\nann-1,1\n")
    history.repository.add(["parts"])
    folder = history.tracked("parts")
    opening = Opening(history.workspace, {}, {}, {}, {EVERY_PATH: ("patient",)})
    opening.open([folder])
    assert {one.path: found.state for one, found in opening.known.items()} == {"parts": "no table", "parts/a.csv": "indexed"}
    assert index.resolved(folder, opening.known, opening.parents) == {Tracked("parts/a.csv", opening.folders[0][0].object)}
