"""The answer to a person on paper: HTML from a template, this package's or the house's own, and PDF of the same."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from unlearning.certificate.page.templating import Templates
from unlearning.domain import answers
from unlearning.domain.errors import SettingsError, WrongUse
from unlearning.domain.foreign import shown

if TYPE_CHECKING:
    from unlearning.domain.answers import Answer
    from unlearning.project.workspace import Workspace

OURS = Path(__file__).with_name("templates") / "answer.html.jinja"


def html(workspace: Workspace, answer: Answer) -> str:
    """One self-contained page that loads nothing. Raises SettingsError where the house's template cannot be filled."""
    own = workspace.settings.answers.template
    if own is None:
        return _filled(OURS, answer)
    try:
        return _filled(workspace.path(own), answer)
    except Exception as error:  # a template may do anything wrong
        line = getattr(error, "lineno", None)
        where = f", line {line}" if isinstance(line, int) else ""
        raise SettingsError(
            f"answers.template {own}{where} cannot be filled ({type(error).__name__}: {shown(error)}); expected a Jinja2 "
            "template that uses what docs/intake.md says of `answer`"
        ) from error


def _filled(template: Path, answer: Answer) -> str:
    return Templates(template.parent, {"day": answers.day}).fill(template.name, answer=answer)


def pdf(page: str) -> bytes:
    """The same as PDF; only what the page itself holds is in it. Raises WrongUse where the library for it is not installed."""
    try:
        from weasyprint import HTML
        from weasyprint.urls import URLFetcher
    except (ImportError, OSError) as error:  # it loads Pango, which may be missing
        raise WrongUse(
            f"no PDF can be made here ({type(error).__name__}); `pip install 'mlflow-unlearning[pdf]'`, and Pango by the "
            "system's own package, or print the HTML"
        ) from error
    inside_alone = URLFetcher(allowed_protocols=("data",))
    made: bytes = HTML(string=page, url_fetcher=inside_alone).write_pdf()
    return made
