"""The chain of keys as a picture: a square for each checkpoint, filled where it was trained again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from unlearning.certificate.page.markup import Html, el, join

_MOST_SHARDS_DRAWN = 64
_CELL = 16
_GAP = 4


def draw(done: Mapping[str, Any]) -> Html:
    """Shards side by side, slices downwards: what kept its name, and what was trained again."""
    if done["guarantee"] != "exact":
        return el("p", f"The method {done['method']} changes the trained model; it does not train from clean checkpoints.")
    before = {shard["shard"]: shard["keys"] for shard in done["chainBefore"]["shards"]}
    again = {shard["shard"]: _fresh(before.get(shard["shard"], []), shard["keys"]) for shard in done["chainAfter"]["shards"]}
    words = [f"shard {shard} from slice {made.index(True) + 1} of {len(made)}" for shard, made in again.items() if any(made)]
    told = f"Trained again: {'; '.join(words) or 'nothing'}. Every other checkpoint kept its name."
    if len(again) > _MOST_SHARDS_DRAWN:
        return el("p", told)
    legend = el("p", el("i", "", kind="kept"), "kept ", el("i", "", kind="again"), "trained again", kind="legend")
    caption = el("figcaption", el("p", "Shards from left (0) to right, their slices from top (1) to bottom. ", told), legend)
    return el("figure", el("div", _drawing(done["chainAfter"]["shards"], again, told), kind="scroll"), caption)


def _fresh(before: Sequence[str], after: Sequence[str]) -> list[bool]:
    """For each slice, whether its checkpoint has a new name."""
    return [index >= len(before) or before[index] != key for index, key in enumerate(after)][1:]


def _drawing(shards: Sequence[Mapping[str, Any]], again: Mapping[int, list[bool]], told: str) -> Html:
    step = _CELL + _GAP
    cells = [
        _cell(column * step, row * step, again=again[shard["shard"]][row], rows=rows)
        for column, shard in enumerate(shards)
        for row, rows in enumerate(shard["rows"])
    ]
    width, height = len(shards) * step - _GAP, max(len(shard["rows"]) for shard in shards) * step - _GAP
    size = f'viewBox="-1 -1 {width + 2} {height + 2}" width="{width + 2}" height="{height + 2}"'
    return Html(f'<svg role="img" aria-label="{escape(told)}" {size}>{join(*cells)}</svg>')


def _cell(x: int, y: int, *, again: bool, rows: int) -> Html:
    kind = ("again" if again else "kept") + ("" if rows else " empty")
    return Html(f'<rect class="{kind}" x="{x}" y="{y}" width="{_CELL}" height="{_CELL}" rx="2"/>')
