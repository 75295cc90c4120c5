"""What people write about a request names nobody, however they spell it; ordinary sentences are let through."""

from __future__ import annotations

import base64
import html
import urllib.parse
from collections.abc import Callable

import pytest

from tests.small_project import SOURCE, TRAIN, Project, columns
from unlearning.domain.errors import WrongUse
from unlearning.erasure.unnamed import LONGEST, require_unnamed, spans
from unlearning.stores.tables import people, redaction

BESIDE = [
    *("{}", " {} ", "of {}", "{} asked", "the case of {} in court", "({})", "[{}]", "{{{}}}", "<{}>", "«{}»", "“{}”", "„{}“"),
    *('"{}"', "'{}'", "`{}`", "*{}*", "_{}_", "**{}**", "{}.", "{},", "{};", "{}:", "{}!", "{}?", "{}…", "#{}", "@{}", "/{}/"),
    *("ticket:{}", "ticket={}", "ticket#{}", "id-{}", "id_{}", "id.{}", "{}'s", "{}’s", "{}'", "{}-case", "{}_case", "{}/7"),
    *("Lee <{}>", "mailto:{}", "re:{}:", "a|{}|b", "a\t{}\tb", "a\n{}\nb", "a;{};b", "a+{}+b", "~{}~", "https://x.org/{}?a=1"),
    *(
        "{}–court",
        "{}—court",
        "court–{}",
        "${}",
        "{}%",
        "{}&c",
        "a\\{}\\b",
        "patient={}&x=1",
        "[{}](x)",
        "{}\u200b",
        "\ufeff{}",
    ),
]
"""What stands around it."""

SPELLED: dict[str, Callable[[str], str]] = {
    "in capitals": str.upper,
    "in small letters": str.lower,
    "URL-encoded": lambda one: urllib.parse.quote(one, safe=""),
    "every letter URL-encoded": lambda one: "".join(f"%{byte:02X}" for byte in one.encode()),
    "as HTML": lambda one: "".join(f"&#{ord(letter)};" for letter in one),
    "escaped for HTML": html.escape,
    "as JSON escapes": lambda one: "".join(f"\\u{ord(letter):04x}" for letter in one),
    "in base64": lambda one: base64.b64encode(one.encode()).decode(),
    "in base64 for addresses": lambda one: base64.urlsafe_b64encode(one.encode()).decode().rstrip("="),
    "in hex": lambda one: one.encode().hex(),
    "in wide letters": lambda one: "".join(chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter for letter in one),
    "with a soft hyphen in it": lambda one: f"{one[:2]}\u00ad{one[2:]}",
    "with other dashes": lambda one: one.replace("-", "\u2011"),
    "with more spaces": lambda one: one.replace(" ", "  "),
    "with a line end in it": lambda one: one.replace(" ", "\n"),
}
"""How else it is written."""

PEOPLE = {
    "Zq0001-canary-ab12cd": "text",
    "Anna Maria Schmidt": "text",
    "O'Brien, Jo": "text",
    "MRN 12/4711": "text",
    "ann.lee@example.org": "email",
    "471100": "integer",
    "+49 30 1234567": "phone",
}
KEY = bytes(32)


def tokens(found: object, kind: str) -> frozenset[str]:
    return people.tokens_of(found if isinstance(found, list) else [found], kind=kind, key=KEY)


CASED = {"in capitals", "in small letters"}
"""Letters of a name that is written in both cannot be told from one case alone."""


@pytest.mark.parametrize("kind_of", PEOPLE.items(), ids=PEOPLE)
def test_an_identifier_is_among_the_spans_whatever_stands_beside_it_and_however_it_is_written(kind_of: tuple[str, str]) -> None:
    person, kind = kind_of
    wanted = tokens(person, kind)
    assert len(BESIDE) + len(SPELLED) >= 60
    texts = {beside: beside.format(person) for beside in BESIDE}
    texts |= {how: f"the case of {spell(person)}, closed" for how, spell in SPELLED.items() if how not in CASED}
    missed = [how for how, text in texts.items() if tokens(list(spans(text)), kind).isdisjoint(wanted)]
    assert missed == []


@pytest.mark.parametrize(
    "person", ["anna schmidt", "ANNA SCHMIDT", "Anna Schmidt", "Schmidt, Anna", "Anna-Schmidt", "Anna.Schmidt"]
)
def test_a_name_is_found_in_other_cases_and_orders(person: str) -> None:
    wanted = {"Anna Schmidt", person}
    assert wanted <= set(spans("what ANNA SCHMIDT said")) | set(spans(f"as {person}: no")) | {"Anna Schmidt"}
    assert person in set(spans(f"about {person}"))
    assert "Anna Schmidt" in set(spans("about Schmidt, Anna")) & set(spans("about anna schmidt")) & set(
        spans("about ANNA SCHMIDT")
    )


def test_an_address_in_words_is_one() -> None:
    for said in ("ann.lee at example.org", "ann.lee [at] example [dot] org", "ann dot lee (at) example dot org"):
        assert "ann.lee@example.org" in set(spans(f"ask {said}")), said


ORDINARY = [
    "litigation 7/26",
    "a contract runs until 31.12.2027",
    "the court of Hamburg asked on 2026-03-01 (file 12 O 345/26)",
    "withdrawn by the person on the phone",
    "Great Analytics Ltd, processor since 2019",
    "tax law keeps invoices for 10 years (§ 147 AO)",
]


def test_the_person_and_everybody_in_a_table_are_found_and_ordinary_sentences_let_through(project: Project) -> None:
    workspace, (one, other, *_) = project.workspace, project.people(TRAIN)
    token = {project.token(one)}
    for words in ORDINARY:
        require_unnamed(workspace, words, token)
    for person, said in ((one, "name the person"), (other, "somebody in a table")):
        for beside in ("ticket:{}", "{}'s", "as <{}> says"):
            with pytest.raises(WrongUse, match=said) as refused:
                require_unnamed(workspace, beside.format(person), token)
            assert person not in str(refused.value)
    with pytest.raises(WrongUse, match=str(LONGEST)):
        require_unnamed(workspace, "x" * (LONGEST + 1), token)

    redaction.write(columns(2, who=lambda number: f"New Person {number}"), project.root / SOURCE)
    workspace.data.add([SOURCE])
    with pytest.raises(WrongUse, match="somebody in a table"):
        require_unnamed(project.workspace, "as New Person 1 says", token)
