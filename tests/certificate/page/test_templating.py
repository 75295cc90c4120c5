"""Templates: every text is escaped, a missing value is an error, and no template can turn either off."""

from __future__ import annotations

from pathlib import Path

import pytest

import unlearning
from unlearning.certificate.page.templating import Templates

ROOT = Path(unlearning.__file__).parent
OURS = sorted(ROOT.rglob("*.jinja"))


def filled(folder: Path, text: str, **values: object) -> str:
    (folder / "one.jinja").write_text(text)
    return Templates(folder, {"loud": str.upper}).fill("one.jinja", **values)


@pytest.mark.parametrize("text", ["{{ it }}", '<p title="{{ it }}">', "{{ it|loud }}", "{{ it ~ it }}", "{{ [it]|join }}"])
def test_every_text_is_escaped_whatever_the_file_is_called(tmp_path: Path, text: str) -> None:
    made = filled(tmp_path, text, it="<b>\"&'")
    assert "&lt;" in made
    assert "&amp;" in made
    assert "<b>" not in made.lower()
    assert "'" not in made


@pytest.mark.parametrize("text", ["{{ it }}", "{{ known.it }}", "{% if it %}{% endif %}", "{% for one in it %}{% endfor %}"])
def test_a_missing_value_is_an_error_that_names_it(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match="it"):
        filled(tmp_path, text, known={})


def test_what_nobody_knows_is_said_in_words(tmp_path: Path) -> None:
    assert filled(tmp_path, "{{ it }}", it=None) == "not recorded"


@pytest.mark.parametrize("template", OURS, ids=lambda path: path.name)
def test_no_template_of_ours_takes_a_text_for_markup(template: Path) -> None:
    text = template.read_text("utf-8")
    assert not {word for word in ("|safe", "| safe", "autoescape", "Markup", "xmlattr", "tojson") if word in text}


def test_no_code_of_ours_takes_a_text_for_markup() -> None:
    assert OURS
    assert not [path for path in ROOT.rglob("*.py") if "markupsafe" in path.read_text("utf-8").lower()]
