"""The result table of `docs/traces.md`: measured by the campaign, kept as a golden file, shown on the page."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.campaign.places import ROWS

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests/golden/campaign.json"
PAGE = ROOT / "docs/traces.md"
BEGIN, END = "<!-- measured: campaign -->", "<!-- end -->"


def measured(
    planted: Mapping[int, Collection[str]],
    tools: Mapping[int, Collection[str]],
    ours: Mapping[int, Collection[str]],
    told: Sequence[str],
    behaves: Mapping[int, bool],
    tools_behave: Mapping[int, bool],
) -> list[dict[str, Any]]:
    """One row a place: whether canaries were planted, are left by the tools, are left by us; under which name we say so."""
    return [
        {
            "number": row.number,
            "planted": bool(planted.get(row.number)),
            "tools": bool(tools.get(row.number)),
            "ours": bool(ours.get(row.number)),
            "tools_behave": tools_behave.get(row.number),
            "behaves": behaves.get(row.number),
            "declared": next((name for name in told if row.declared and name.startswith(row.declared)), ""),
        }
        for row in ROWS
    ]


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Markdown."""
    lines = [
        "| # | place | level | what erases it | after the tools' own deletion | after ours | checked by |",
        "|---|---|---|---|---|---|---|",
    ]
    for row, result in zip(ROWS, rows, strict=True):
        own = _outcome(result["planted"], result["tools"], result["tools_behave"])
        our = _outcome(result["planted"], result["ours"], result["behaves"])
        if result["declared"]:
            our = f"declared: {result['declared']}" if result["ours"] or not result["planted"] else f"{our}, and declared"
        cells = (str(row.number), row.what, row.level, row.erases, own, our, row.checked)
        lines.append(f"| {' | '.join(cells)} |")
    left = [sum(bool(row["planted"] and row[who]) for row in rows) for who in ("tools", "ours")]
    planted = sum(bool(row["planted"]) for row in rows)
    silent = sum(bool(row["ours"] and not row["declared"]) for row in rows)
    said = (
        f"Of {planted} places with canaries, {left[0]} still hold some after the tools' own deletion and {left[1]} after ours"
    )
    lines += ["", f"{said}, of which {silent} are declared nowhere."]
    return "\n".join(lines)


def _outcome(planted: bool, left: bool, behaves: bool | None) -> str:
    if planted and left:
        return "**left**"
    if behaves is not None:
        return "holds" if behaves else "**does not hold**"
    return "gone" if planted else "–"


def write(rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep the result, and put it on the page."""
    GOLDEN.write_text(json.dumps(list(rows), indent=1) + "\n")
    text = PAGE.read_text("utf-8")
    before, after = text.partition(BEGIN)[0], text.partition(BEGIN)[2].partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{table(rows)}\n{END}{after}", "utf-8")


def golden() -> list[dict[str, Any]]:
    """The last result that was written."""
    rows: list[dict[str, Any]] = json.loads(GOLDEN.read_text())
    return rows


def shown() -> str:
    """The table on the page."""
    return PAGE.read_text("utf-8").partition(BEGIN)[2].partition(END)[0].strip()
