"""What users logged about people, as a place."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.histories import History
from tests.registry import Elsewhere
from unlearning.domain import hashing
from unlearning.domain.traces import Wanted
from unlearning.stores.mlflow.garbage import MlflowGarbage
from unlearning.stores.mlflow.mentions import MlflowMentions
from unlearning.stores.mlflow.models import MlflowModels
from unlearning.stores.scans.words import Watch
from unlearning.traces.places.mlflow_mentions import MentionsPlace

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's own, where a test calls it itself

KEY, PERSON = bytes(32), "Zq-0001"
WANTED = Wanted(frozenset({hashing.token(KEY, PERSON, "text")}))


def place(uri: str, folder: Path) -> MentionsPlace:
    mentions = MlflowMentions(MlflowGarbage(MlflowModels(uri, "unlearning", folder)), runs=list, label=lambda text: text[::-1])
    return MentionsPlace(mentions, Watch(("patient",), "text", KEY), lambda: WANTED.tokens)


def test_a_row_that_names_them_is_found_without_its_words_and_goes(beginning: History, tmp_path: Path) -> None:
    history = beginning.copy(tmp_path / "project")
    uri = history.workspace.models.uri
    elsewhere = Elsewhere.at(uri, tmp_path)
    run = elsewhere.run(tags={"who": f"it is {PERSON}", "what": "nothing"})
    here = place(uri, history.root)
    found = here.find(WANTED)
    assert len(found.traces) == 1
    assert PERSON not in str(found)
    assert here.erase(found.traces) == ()
    assert here.find(WANTED).traces == ()
    tags = elsewhere.client.get_run(run).data.tags
    assert "who" not in tags
    assert tags["what"] == "nothing"


def test_where_nothing_was_found_nobody_is_asked(tmp_path: Path) -> None:
    assert place("http://127.0.0.1:9", tmp_path).erase(()) == ()  # nobody answers there
