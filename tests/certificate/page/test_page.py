"""The page for people: it shows everything, hides nothing, loads nothing, and believes no text from the certificate."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from html import escape
from html.parser import HTMLParser
from itertools import cycle, pairwise
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.certificate.examples import keys
from unlearning.certificate.envelope import Envelope, public_key_id
from unlearning.certificate.page import page as module
from unlearning.certificate.page.page import render
from unlearning.certificate.statement import add_signature, encode, read
from unlearning.domain.errors import VerificationFailed

NAMES = ("certificate", "certificate_with_residuals", "certificate_data_only", "certificate_not_found")
VOID = {"meta", "br", "rect"}
STYLE = Path(module.__file__).with_name("templates").joinpath("style.css").read_text("utf-8")


def golden(name: str) -> Envelope:
    return read((Path(__file__).parents[2] / "golden" / f"{name}.json").read_bytes())


def predicate(name: str = "certificate") -> dict[str, Any]:
    return json.loads(golden(name).payload)["predicate"]


def page_with(change: Callable[[dict[str, Any]], Any], name: str = "certificate") -> str:
    """The page of a certificate that somebody else wrote."""
    envelope = golden(name)
    document = json.loads(envelope.payload)
    change(document["predicate"])
    return render(replace(envelope, payload=encode(document)))


class Outline(HTMLParser):
    """What a browser or a screen reader meets."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert tag in VOID or self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return "".join(self.words)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.mark.parametrize("name", NAMES)
def test_the_page_is_well_formed_and_can_be_read_without_eyes(name: str) -> None:
    page = Outline(render(golden(name)))
    assert page.open == []
    assert page.all("html") == [{"lang": "en"}]
    assert len(page.all("h1")) == len(page.all("main")) == len(page.all("title")) == 1
    assert len(page.all("table")) == len(page.all("caption")) > 0
    assert all(cell.get("scope") in ("col", "row") for cell in page.all("th"))
    assert all(drawing["role"] == "img" and drawing["aria-label"] for drawing in page.all("svg"))
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert all(below - above <= 1 for above, below in pairwise(levels))


@pytest.mark.parametrize("name", NAMES)
def test_the_page_loads_nothing_and_runs_nothing(name: str) -> None:
    page = render(golden(name))
    assert not {"script", "link", "img", "iframe", "object", "form"} & {tag for tag, _ in Outline(page).tags}
    assert not re.search(r"\b(src|href|on\w+|style)=|url\(|@import|https?:", page)
    assert "default-src 'none'" in page


@pytest.mark.parametrize("name", NAMES)
def test_everything_the_certificate_says_is_on_the_page(name: str) -> None:
    said, page = predicate(name), Outline(render(golden(name))).text
    told = [
        said["certificateId"],
        said["issuer"]["name"],
        said["chain"]["head"],
        *said["doesNotProve"],
        *said["scope"]["systems"],
    ]
    told += said["scope"]["gaps"]
    told += [request[field] for request in said["requests"] for field in ("reference", "token")]
    told += [item[field] for item in said["scope"]["outOfReach"] for field in ("place", "why", "remedy")]
    told += [item[field] for item in said.get("residuals", []) for field in ("place", "why", "remedy")]
    told += [item[field] for item in said.get("validation", []) for field in ("name", "threshold", "verdict", "how")]
    told += [item[field] for item in said.get("actions", []) for field in ("target", "operation", "result")]
    told += [item["name"] for field in ("recipients", "backups") for item in said.get(field, [])]
    if isinstance(said.get("unlearning"), dict):
        told += [said["unlearning"][field] for field in ("method", "recipe", "codeDigest", "environmentDigest")]
        told += [said["promotion"][field] for field in ("registry", "alias", "from", "to", "modelDigest")]
    assert [text for text in told if text not in page] == []


def test_a_key_decides_what_the_page_says_of_the_signature() -> None:
    public = Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32).public_key()
    other = Ed25519PrivateKey.from_private_bytes(bytes([2]) * 32).public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    wrong = other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    envelope = golden("certificate")
    assert "valid, by the key" in Outline(render(envelope, pem)).text
    assert "not checked when this page was made" in Outline(render(envelope)).text
    with pytest.raises(VerificationFailed, match="signature is invalid"):
        render(envelope, wrong)


@pytest.mark.parametrize("name", NAMES)
def test_only_the_page_of_an_erasure_is_called_a_certificate_of_one(name: str) -> None:
    page = render(golden(name))
    assert ("Certificate of erasure" in page) == (predicate(name)["decision"] == "erased")
    assert ("no record found" in page) == (predicate(name)["decision"] == "not_found")


def test_who_did_not_sign_under_a_given_key_only_claims_to_have_signed() -> None:
    envelope, pem = golden("certificate"), keys(1).public
    signed, other = add_signature(envelope, keys(2).private), public_key_id(keys(2).public)
    page = Outline(render(signed, pem)).text
    assert page.count("Claims to be signed by (not checked)") == 1
    assert page.index("Signed by") < page.index("Claims to be signed by") < page.index(other)
    assert "Claims" not in Outline(render(signed, pem, keys(2).public)).text


def test_no_text_acts_or_hides_on_the_page() -> None:
    page = page_with(lambda said: said["issuer"].update(name="Hospital\u202e\u200b\x1b[2K" + "x" * 10_000))
    assert r"Hospital\u202e\u200b\x1b[2Kxxx" in page
    assert "x" * 5000 not in page


def test_residuals_are_said_first_and_never_shown_as_success() -> None:
    page = render(golden("certificate_with_residuals"))
    assert "1 place is left or unverified: MLflow run artifacts (residual)" in page
    assert "Completed with residuals" in page
    assert 'class="notice good"' not in page
    assert "were not searched again yet" in page
    assert 'class="notice good"' in render(golden("certificate"))


def test_places_that_were_not_shown_clean_are_counted_with_the_residuals() -> None:
    def unreachable(said: dict[str, Any]) -> None:
        said["verification"][1].update(outcome="unverified")
        said.update(state="completed_with_residuals")

    page = page_with(unreachable)
    assert "1 place is left or unverified: " in page
    assert 'class="word warn">unverified' in page


def test_a_contradiction_stands_at_the_top_of_the_page() -> None:
    page = page_with(lambda said: said["promotion"].update(servedDigest="0" * 64))
    assert 'class="notice bad"><strong>Contradictory' in page
    assert "what serves is not the certified model" in page


def test_a_heuristic_is_not_said_to_have_trained_without_the_people() -> None:
    page = page_with(lambda said: said["unlearning"].update(guarantee="empirical", method="negative_gradient"))
    assert "was changed to forget them" in page
    assert "trained without" not in page
    assert "<svg" not in page
    assert "no proof" in page
    assert "in a row" not in page
    row = page_with(lambda said: said["unlearning"].update(guarantee="empirical", method="scrub", unprovenInARow=2))
    assert "2 in a row: what each left adds up" in row


@pytest.mark.parametrize("name", NAMES)
def test_the_page_never_claims_compliance(name: str) -> None:
    assert "complian" not in render(golden(name)).lower()


def test_the_drawing_shows_each_checkpoint_that_was_made_again() -> None:
    done = predicate()["unlearning"]
    chains = zip(done["chainBefore"]["shards"], done["chainAfter"]["shards"], strict=True)
    again = sum(was != now for old, new in chains for was, now in zip(old["keys"], new["keys"], strict=True))
    cells = Outline(render(golden("certificate"))).all("rect")
    assert len(cells) == 12
    assert sum("again" in str(cell["class"]) for cell in cells) == again == 4


def test_an_erasure_that_touched_no_model_says_so() -> None:
    page = Outline(render(golden("certificate_data_only"))).text
    assert "The model that serves was not shaped by them and stays." in page
    assert page.count("not needed: none of the people shaped the model that serves") == 2


def test_a_great_many_shards_are_told_and_not_drawn() -> None:
    def many(said: dict[str, Any]) -> None:
        for name in ("chainBefore", "chainAfter"):
            shards = said["unlearning"][name]["shards"]
            shards += [
                {"shard": 4 + extra, "keys": [f"{key:064x}" for key in range(4)], "rows": [0, 0, 0]} for extra in range(100)
            ]

    page = page_with(many)
    assert "<svg" not in page
    assert "shard 1 from slice 3 of 3; shard 3 from slice 1 of 3" in page


TEXTS: list[tuple[str, Callable[[dict[str, Any], str], Any]]] = [
    ("certificate id", lambda said, text: said.update(certificateId=text)),
    ("issuer", lambda said, text: said["issuer"].update(name=text)),
    ("reference", lambda said, text: said["requests"][0].update(reference=text)),
    ("limits", lambda said, text: said["doesNotProve"].append(text)),
    ("gap", lambda said, text: said["scope"]["gaps"].append(text)),
    ("out of reach", lambda said, text: said["scope"]["outOfReach"][0].update(place=text)),
    ("method", lambda said, text: said["unlearning"].update(method=text)),
    ("check", lambda said, text: said["validation"][0].update(how=text)),
    ("alias", lambda said, text: said["promotion"].update(alias=text)),
    ("action", lambda said, text: said["actions"][0].update(target=text)),
    ("finding", lambda said, text: said["verification"][0].update(how=text)),
    ("table", lambda said, text: said["tables"][0]["after"].update(path=text)),
]


@pytest.mark.parametrize(("name", "put"), TEXTS, ids=[name for name, _ in TEXTS])
@settings(max_examples=10)
@given(st.text(alphabet="<>&\"'/= abscript!-\u202e😀", min_size=1, max_size=30))
def test_no_text_of_the_certificate_becomes_markup(name: str, put: Callable[[dict[str, Any], str], Any], text: str) -> None:
    hostile, harmless = page_with(lambda said: put(said, f"x{text}<script>")), page_with(lambda said: put(said, "x"))
    assert [tag for tag, _ in Outline(hostile).tags] == [tag for tag, _ in Outline(harmless).tags]
    assert escape("<script>") in hostile


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each value in a document."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in inside:
        yield (*path, key)
        yield from places(inner, (*path, key))


def put_at(document: Any, path: tuple[Any, ...], value: Any) -> None:
    for key in path[:-1]:
        document = document[key]
    document[path[-1]] = value


@pytest.mark.parametrize("name", NAMES)
def test_no_value_anywhere_in_a_certificate_becomes_markup_and_none_breaks_the_page(name: str) -> None:
    """Whatever stands in a place, of whatever type: a page whose only elements are the template's, or no page."""
    attack = "\"'><script>alert(1)</script>{{ 7 * 7 }}"
    others = cycle(([attack], {attack: attack}, None))
    for path in places(predicate(name)):
        if "proof" in path:  # shown nowhere
            continue
        for value in (attack, next(others)):
            try:
                page = page_with(lambda said, path=path, value=value: put_at(said, path, value), name)
            except VerificationFailed:
                continue
            assert "<script" not in page, path
            assert "\"'>" not in page, path
            assert "gt;49" not in page, path
            assert Outline(page).open == [], path


@pytest.mark.parametrize("name", NAMES)
def test_what_is_missing_is_never_left_out_in_silence(name: str) -> None:
    """Without a value that the page shows there is no page; without one that it does not show, the same page."""
    whole = Outline(render(golden(name))).text
    # Of an answer that nobody was found, certificates of earlier versions say neither of the latter two.
    optional = {"recipients", "backups"} | ({"nearest", "residuals"} if name == "certificate_not_found" else set())
    for path in places(predicate(name)):
        if path[-1] in optional or not isinstance(path[-1], str):
            continue
        try:
            page = page_with(lambda said, path=path: remove(said, path), name)
        except VerificationFailed:
            continue
        assert Outline(page).text == whole, path


def remove(document: Any, path: tuple[Any, ...]) -> None:
    for key in path[:-1]:
        document = document[key]
    del document[path[-1]]


def test_a_moment_from_elsewhere_is_shown_in_utc() -> None:
    page = page_with(lambda said: said["recipients"][0].update(notifiedAt="2026-11-02T23:30:00-02:00"))
    assert "3 Nov 2026, 01:30 UTC" in page


@pytest.mark.parametrize(
    "change",
    [
        lambda said: said["recipients"][0].update(notifiedAt="2026-11-02T23:30:00"),
        lambda said: said["issuer"].pop("role"),
        lambda said: said.update(residuals=[7]),
        lambda said: said["scope"].update(lineage="none"),
        lambda said: said["validation"].append({"verdict": "passed"}),
    ],
)
def test_a_malformed_certificate_gets_no_page(change: Callable[[dict[str, Any]], Any]) -> None:
    with pytest.raises(VerificationFailed, match="malformed"):
        page_with(change)


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_ink_is_readable_on_the_paper_in_light_dark_and_print() -> None:
    """WCAG 2.2, 1.4.3: a contrast of at least 4.5."""
    palettes = [dict(re.findall(r"--(\w+): (#\w+)", block)) for block in re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)]
    assert len(palettes) == 3
    for palette in palettes:
        full = {
            name: value if len(value) == 7 else "#" + "".join(2 * digit for digit in value[1:])
            for name, value in palette.items()
        }
        for name in ("ink", "soft", "good", "warn", "bad"):
            dark, light = sorted([luminance(full[name]), luminance(full["paper"])])
            assert (light + 0.05) / (dark + 0.05) >= 4.5, name
