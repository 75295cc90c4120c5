"""Pictures of a lineage: nothing overlaps, every edge runs from left to right, and no text breaks out."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unlearning.lineage import drawing
from unlearning.lineage.drawing import HEIGHT, WIDTH, Edge, Node, Picture

SVG = "{http://www.w3.org/2000/svg}"

CHAIN = Picture(
    [
        Node("p", "person", "tok_0123456789ab"),
        Node("raw", "data", "data/raw.csv", "44ed3a39"),
        Node("clean", "data", "data/clean.csv", "a46e1532"),
        Node("r", "run", "4f5e73cd6385"),
        Node("m", "model", "fraud/1"),
        Node("child", "model", "fraud-mobile/1", "deleted", gone=True),
        Node("a", "alias", "@champion"),
    ],
    [
        Edge("p", "raw"),
        Edge("p", "clean"),
        Edge("raw", "clean", "clean"),
        Edge("clean", "r"),
        Edge("r", "m"),
        Edge("m", "child", "quantised"),
        Edge("m", "a"),
    ],
)


def cards(picture: Picture) -> dict[str, tuple[float, float]]:
    """Node → left upper corner, as drawn."""
    root = ET.fromstring(drawing.svg(picture, "title"))
    found = [rect for rect in root.iter(f"{SVG}rect") if rect.get("width") == str(WIDTH)]
    return {
        node.id: (float(rect.get("x", 0)), float(rect.get("y", 0))) for node, rect in zip(picture.nodes, found, strict=True)
    }


def test_kinds_stand_from_left_to_right_and_derived_things_further_right() -> None:
    assert CHAIN.layers == {"p": 0, "raw": 1, "clean": 2, "r": 3, "m": 4, "child": 5, "a": 6}


def test_a_long_edge_bends_in_every_column_between() -> None:
    assert CHAIN.paths[1] == ["p", "p|clean|1", "clean"]
    assert CHAIN.paths[0] == ["p", "raw"]


def test_the_svg_says_every_label_and_heading_and_the_note() -> None:
    texts = [element.text for element in ET.fromstring(drawing.svg(CHAIN, "title", "1 gap")).iter(f"{SVG}text")]
    assert {"PEOPLE", "DATA VERSIONS", "RUNS", "MODEL VERSIONS", "ALIASES", "fraud/1", "quantised", "1 gap"} <= set(texts)


def test_markup_in_a_label_stays_text() -> None:
    picture = Picture([Node("n", "data", '<b>&"x', "</svg><script>")], [])
    root = ET.fromstring(drawing.svg(picture, "<title>"))
    assert not list(root.iter(f"{SVG}script"))
    assert '<b>&"x' in [element.text for element in root.iter(f"{SVG}text")]
    assert "<script>" not in drawing.mermaid(picture)


def test_a_long_path_is_shortened_from_the_front_and_kept_whole_in_its_title() -> None:
    name = "data/a/very/long/way/down/to/train.parquet"
    drawn = drawing.svg(Picture([Node("n", "data", name)], []), "t")
    assert "…" in drawn
    assert "train.parquet</text>" in drawn
    assert f"<title>{name}</title>" in drawn


def test_mermaid_names_every_node_once_and_quotes_what_would_end_it() -> None:
    text = drawing.mermaid(Picture([Node("n", "model", 'a"b', gone=True), Node("m", "run", "r")], [Edge("m", "n", "x|y")]))
    assert text.splitlines()[:3] == ["flowchart LR", '  n0[["a#34;b"]]:::gone', '  n1["r"]:::run']
    assert '  n1 -->|"x#124;y"| n0' in text


@pytest.mark.parametrize(("suffix", "begin"), [(".svg", "<svg"), (".mmd", "flowchart"), (".md", "# title")])
def test_the_suffix_chooses_the_form(suffix: str, begin: str) -> None:
    document = drawing.document(CHAIN, suffix, "title")
    assert document is not None
    assert document.startswith(begin)
    assert drawing.document(CHAIN, ".png", "title") is None


def test_an_empty_lineage_and_a_circle_of_models_can_be_drawn() -> None:
    ET.fromstring(drawing.svg(Picture([], []), "nothing"))
    circle = Picture([Node(n, "model", n) for n in "abc"], [Edge("a", "b"), Edge("b", "c"), Edge("c", "a")])
    ET.fromstring(drawing.svg(circle, "circle"))


KINDS = list(drawing.HEADINGS)


@st.composite
def pictures(draw: st.DrawFn) -> Picture:
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=14))
    nodes = [Node(f"n{number}", kind, f"n{number}") for number, kind in enumerate(sorted(kinds, key=KINDS.index))]
    pairs = [(one.id, other.id) for one, other in combinations(nodes, 2) if one.kind != "alias"]
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=25)) if pairs else []
    return Picture(nodes, [Edge(*pair) for pair in chosen])


@given(pictures())
@settings(max_examples=150, deadline=None)
def test_no_two_cards_overlap_and_edges_never_run_backwards(picture: Picture) -> None:
    places = cards(picture)
    for (x0, y0), (x1, y1) in combinations(places.values(), 2):
        assert abs(x0 - x1) >= WIDTH or abs(y0 - y1) >= HEIGHT
    for edge in picture.edges:
        assert places[edge.source][0] < places[edge.target][0]
    root = ET.fromstring(drawing.svg(picture, "t"))
    height, width = float(root.get("height", 0)), float(root.get("width", 0))
    assert all(0 <= x <= width - WIDTH and 0 <= y <= height - HEIGHT for x, y in places.values())


def test_the_same_lineage_is_the_same_document() -> None:
    again = Picture(list(CHAIN.nodes), list(CHAIN.edges))
    assert drawing.svg(CHAIN, "t") == drawing.svg(again, "t")
    assert not re.search(r"https?://(?!www\.w3\.org)", drawing.svg(CHAIN, "t"))
