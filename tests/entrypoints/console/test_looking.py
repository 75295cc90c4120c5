"""What pages are made of: through connections that change nothing, and in the words that each state deserves."""

from __future__ import annotations

from datetime import timedelta
from typing import get_args

import pytest

from tests.entrypoints.console.conftest import Browser
from tests.entrypoints.intake.conftest import NOON
from tests.examples import example
from unlearning.domain import lifecycle
from unlearning.domain.entities import ErasureRequest
from unlearning.domain.environ import CONSOLE_ROLE
from unlearning.domain.errors import SettingsError, Unavailable
from unlearning.domain.events import ErasureFact, RequestFact, RequestOverdue, StartOverdue
from unlearning.entrypoints.console import looking
from unlearning.erasure.decisions import Shown
from unlearning.project import access


@pytest.mark.parametrize(
    ("due_in", "said"),
    [
        (timedelta(days=12, hours=3), "12 days left"),
        (timedelta(hours=47), "47 hours left"),
        (timedelta(hours=1), "1 hour left"),
        (-timedelta(days=9), "9 days late"),
        (-timedelta(minutes=5), "0 hours late"),
    ],
)
def test_time_left_is_said_in_what_people_count_in(due_in: timedelta, said: str) -> None:
    assert looking.time_left(NOON + due_in, NOON) == said


def test_whoever_looks_cannot_write(blank: Browser) -> None:
    looks = blank.console.workspace
    before = blank.workspace.ledger.head()
    with pytest.raises(Unavailable, match="readonly"):
        access.grant(looks, ["read"], now=NOON)
    assert blank.workspace.ledger.head() == looks.ledger.head() == before
    assert looks.of("outcome").connect is looks.connect


@pytest.mark.parametrize("said", ["", "user", ":password", "user:"])
def test_a_role_that_is_none_is_refused(blank: Browser, said: str) -> None:
    with pytest.raises(SettingsError, match=CONSOLE_ROLE):
        looking.for_looking(blank.workspace, {CONSOLE_ROLE: said})


SILENT = {RequestOverdue, StartOverdue}
KINDS = sorted({*get_args(RequestFact), *get_args(ErasureFact)} - SILENT, key=lambda kind: kind.__name__)


def in_state(state: str) -> Shown:
    request = ErasureRequest("request-0123456789abcdef", "ab" * 32, state, "gdpr", NOON, None, "request-0123456789abcdef")
    return Shown(request, overdue=False, holds=(), extension=None)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_everything_that_happens_to_a_request_has_words(kind: type) -> None:
    what, detail = looking._happened(example(kind)) or ("", "")
    assert what
    assert isinstance(detail, str)


@pytest.mark.parametrize("state", sorted(lifecycle.ACTIVE | {"on_hold", "duplicate"}))
def test_every_open_state_says_what_it_waits_for(state: str) -> None:
    assert looking._waits_for(in_state(state))


@pytest.mark.parametrize("state", sorted(lifecycle.ENDED))
def test_what_has_ended_waits_for_nothing(state: str) -> None:
    assert looking._waits_for(in_state(state)) == ""


def test_a_model_is_clean_only_until_somebody_in_it_was_erased(erased: Browser) -> None:
    [model] = looking.models(erased.console.workspace)
    assert (model.name, model.serving, model.clean, model.forgotten) == ("outcome", [("champion", 2)], True, 1)
    erased.workspace.models.move_alias("outcome", "old", expected=None, to=looking.ModelVersion("outcome", 2))
    assert looking.models(erased.console.workspace)[0].clean


def test_of_a_version_whose_data_nobody_knows_nothing_good_is_said(erased: Browser) -> None:
    looks, two, nine = erased.console.workspace, looking.ModelVersion("outcome", 2), looking.ModelVersion("outcome", 9)

    def clean(alias: int, tainted: set[looking.ModelVersion]) -> bool | None:
        return looking._model(looks, "outcome", "trained here", {"champion": alias}, tainted, frozenset({two})).clean

    assert clean(2, set()) is True
    assert clean(9, set()) is None
    assert clean(9, {nine}) is False


def test_data_names_versions_and_twins(erased: Browser) -> None:
    versions, twins = looking.data(erased.console.workspace)
    assert {one.path for one in versions} >= {"data/records.parquet", "data/train.parquet"}
    assert twins.objects > 0
