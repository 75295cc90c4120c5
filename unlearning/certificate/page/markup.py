"""Markup that cannot be broken by what is put into it: every text is escaped unless it was made here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any


class Html(str):
    """Text that is markup already; everything else is escaped."""

    __slots__ = ()


Content = str | None
Row = Sequence[Content]


def el(name: str, *children: Content, kind: str = "") -> Html:
    """One element around its children."""
    attribute = f' class="{escape(kind)}"' if kind else ""
    return Html(f"<{name}{attribute}>{join(*children)}</{name}>")


def join(*children: Content) -> Html:
    """Children side by side; plain text among them is escaped."""
    return Html("".join(child if isinstance(child, Html) else escape(said(child)) for child in children))


def section(title: str, *children: Html) -> Html:
    """A part of the page under its heading."""
    return el("section", el("h2", title), el("div", *children))


def table(caption: str, columns: Sequence[str], rows: Iterable[Row]) -> Html:
    """A table that scrolls where it is too wide; the first cell of a row names the row."""
    head = join(*(Html(f'<th scope="col">{escape(column)}</th>') for column in columns))
    body = join(
        *(el("tr", Html(f'<th scope="row">{join(row[0])}</th>'), *(el("td", cell) for cell in row[1:])) for row in rows)
    )
    whole = el("table", el("caption", caption), el("thead", el("tr", head)), el("tbody", body))
    return Html(f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}">{whole}</div>')


def pairs(entries: Iterable[tuple[str, Content]]) -> Html:
    """Names and what they stand for."""
    return el("dl", *(el("div", el("dt", name), el("dd", value)) for name, value in entries))


def bullets(items: Iterable[Content]) -> Html:
    """A list."""
    return el("ul", *(el("li", item) for item in items))


def notice(title: str, text: str, kind: str) -> Html:
    """What a reader must see first; kind is good, warn, bad or plain."""
    return el("p", el("strong", title), el("span", text), kind=f"notice {kind}")


def note(text: str) -> Html:
    """A remark beside the matter."""
    return el("p", text, kind="note")


def said(value: Any) -> str:
    """Any value as text."""
    return "not recorded" if value is None else str(value)


def word(verdict: str, meaning: Mapping[str, str]) -> Html:
    """A verdict, marked by more than its colour."""
    kinds = {"good": ("passed", "verified", "agrees"), "bad": ("failed", "residual", "contradicts")}
    kind = next((kind for kind, words in kinds.items() if verdict in words), "warn")
    return el("span", meaning.get(verdict, verdict).replace("_", " "), kind=f"word {kind}")


def digest(value: Any) -> Html:
    """A digest in full; or the words that stand where there is none."""
    if not str(value).isalnum():
        return join(value)
    return el("code", value, kind="digest")


def code(value: str) -> Html:
    """A path or an id."""
    return el("code", value)


def moment(text: str) -> Html:
    """A moment as people write it, in UTC; or the words that stand where there is none."""
    if not text[:1].isdigit():
        return join(text)
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    at = at.astimezone(UTC)
    return Html(f'<time datetime="{escape(text)}">{at.day} {at:%b %Y, %H:%M} UTC</time>')


def measured(value: Any) -> str:
    """A measured value with four digits."""
    return f"{value:.4g}" if isinstance(value, float) else said(value)


def number(value: Any) -> str:
    """A whole number with separators."""
    return f"{value:,}" if isinstance(value, int) else said(value)


def counted(value: Any, one: str, many: str) -> str:
    """A number with its noun."""
    return f"{number(value)} {one if value == 1 else many}"
