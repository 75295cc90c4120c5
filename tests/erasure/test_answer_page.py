"""The answer as a page and as PDF: it loads nothing, escapes what people wrote, and a house may lay it out itself."""

from __future__ import annotations

import builtins
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.histories import History
from unlearning.domain.answers import Answer
from unlearning.domain.errors import SettingsError, WrongUse
from unlearning.erasure import answer_page, decisions
from unlearning.erasure.answer import answer
from unlearning.erasure.steps.receive import receive
from unlearning.project.workspace import Workspace

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def exempted(tmp_path: Path) -> tuple[Workspace, Answer]:
    """Of somebody whose data the law exempts, with signs in the words that act in HTML."""
    workspace = History.create(tmp_path / "project").workspace
    [request] = receive(workspace, ["ann-1"], regulation="gdpr", now=NOON)
    decisions.exempt(workspace, request.request_id, reason="a <b>law</b> & more", now=NOON)
    return workspace, answer(workspace, request.request_id, now=NOON)


def with_template(workspace: Workspace, text: str) -> Workspace:
    """The same project with a template of the house's own."""
    (workspace.root / "letter.html").write_text(text)
    settings = workspace.settings
    own = settings.answers.model_copy(update={"template": "letter.html"})
    return Workspace(workspace.root, settings.model_copy(update={"answers": own}))


def test_a_page_says_everything_loads_nothing_and_escapes(exempted: tuple[Workspace, Answer]) -> None:
    workspace, found = exempted
    page = answer_page.html(workspace, found)
    for words in (found.title, found.request.request_id, *(one.what for one in found.done), found.stays[-1].what):
        assert words in page
    assert "a &lt;b&gt;law&lt;/b&gt; &amp; more" in page
    assert "default-src 'none'" in page
    assert not [word for word in ("http:", "https:", "<script", "<img", "url(") if word in page]


def test_the_house_lays_it_out_itself_and_is_told_what_is_wrong_with_its_template(exempted: tuple[Workspace, Answer]) -> None:
    workspace, found = exempted
    own = with_template(workspace, "<p>{{ answer.title }}, {{ answer.answered_at|day }}: {{ answer.summary[1] }}")
    assert answer_page.html(own, found).startswith("<p>Your data was not erased, 1 March 2026: We decided")
    assert "<b>" not in answer_page.html(own, found)
    for text in ("{{ answer.nothing }}", "{% if %}", "{{ answer.title|nosuch }}"):
        with pytest.raises(SettingsError, match=r"answers\.template letter\.html"):
            answer_page.html(with_template(workspace, text), found)
    (workspace.root / "letter.html").unlink()
    with pytest.raises(SettingsError, match="TemplateNotFound"):
        answer_page.html(own, found)


def test_a_pdf_is_the_page_and_fetches_nothing(exempted: tuple[Workspace, Answer]) -> None:
    workspace, found = exempted
    assert answer_page.pdf(answer_page.html(workspace, found)).startswith(b"%PDF-")
    (workspace.root / "secret.txt").write_text("secret")
    outside = f'<img src="{(workspace.root / "secret.txt").as_uri()}"><link rel=attachment href="file:///etc/hostname">'
    assert len(answer_page.pdf(f"<p>x</p>{outside}")) == pytest.approx(len(answer_page.pdf("<p>x</p>")), abs=20)


def test_without_the_library_a_pdf_is_wrong_use(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = builtins.__import__

    def without(name: str, *more: Any) -> Any:
        if name == "weasyprint":
            raise OSError("cannot load library 'libpango-1.0-0'")
        return usual(name, *more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(WrongUse, match=r"mlflow-unlearning\[pdf\]"):
        answer_page.pdf("<p>x</p>")
