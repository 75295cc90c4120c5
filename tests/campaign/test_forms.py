"""One person in some forms in every place; the whole campaign, and what the page shows of it, are slow."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaign import forms
from tests.forms import FORMS

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(600)]

SOME = ("CSV CR", "JSON columns", "pickle")


def test_nobody_is_missed_in_forms_that_are_read_and_in_one_that_is_not(tmp_path: Path) -> None:
    found = forms.measure(tmp_path, {name: FORMS[name] for name in SOME}, ("integer",))
    assert forms.missed(found) == []
    assert found["pickle"]["integer"]["DVC history"] == "listed"


def test_what_is_left_and_named_by_nobody_is_missed() -> None:
    found = {"CSV": {"text": {"DVC history": "deleted", "MLflow": "missed"}}}
    assert forms.missed(found) == [("CSV", "text", "MLflow")]
    places = dict.fromkeys(forms.PLACES, "missed") | {"MLflow": "deleted"}
    assert forms.table({"CSV": {"text": places}}).endswith("1 deleted, 0 listed, 3 missed.")


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_the_whole_campaign_measures_what_the_page_shows(tmp_path: Path) -> None:
    found = forms.measure(tmp_path)
    assert found == forms.golden()
    assert forms.shown() == forms.table(found)
