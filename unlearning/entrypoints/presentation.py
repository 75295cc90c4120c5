"""A report for people: sections of a few rows each, for the terminal and as Markdown. Tokens, never identifiers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from unlearning.domain import spellings
from unlearning.domain.codec import write
from unlearning.domain.foreign import shown
from unlearning.domain.traces import count_left

if TYPE_CHECKING:
    from rich.console import RenderableType

    from unlearning.domain.entities import CheckResult, ShardImpact
    from unlearning.domain.traces import Residual
    from unlearning.erasure.report import Answered, ErasureReport, Forgot, MadeAgain
    from unlearning.project.training.stages import TrainingReport

_WIDTH_WITHOUT_TERMINAL = 120
_LONGEST = 2_000
"""Characters of a cell."""
_ACTING = re.compile(r"[|<>\[\]`\\]")
"""What Markdown or HTML in it would begin a cell, a link or an element with."""


@dataclass(frozen=True)
class Section:
    """One question and its answer."""

    title: str
    rows: Sequence[Sequence[str]]
    header: Sequence[str] = ()


def sections(report: ErasureReport, *, every: bool = True) -> list[Section]:
    """What an erasure did, in the order in which a reader asks: first what is left, and what did not pass.

    every: also the checks that passed, each; otherwise a line counts them.
    """
    made = [_places(count_left(len(report.residuals)), report.residuals)] if report.residuals else []
    made += [
        Section("Who asked", [_asked(request) for request in report.requests], ("person", "outcome", "certificate")),
        Section("What they were in", list(_touched(report))),
    ]
    for model in report.models:
        made += [Section(f"How {model.name} forgot", list(_forgot(model))), _checks(model.checks, every=every)]
    for adopted in report.adopted:
        made += [
            Section(f"How {adopted.name} was made again", list(_made_again(adopted))),
            _checks(adopted.checks, every=every),
        ]
    if report.purged:
        made.append(Section("Deleted", [(one.place, str(one.count)) for one in report.purged]))
    if report.out_of_reach:
        title = "out of reach" if report.residuals else f"{count_left(0)}; out of reach"
        made.append(_places(title, report.out_of_reach))
    made.append(Section("Seconds", [(step, f"{value:.1f}") for step, value in report.seconds.items()]))
    return made


def _places(title: str, places: Sequence[Residual]) -> Section:
    rows = [(one.place, one.outcome.replace("_", " "), one.why, one.remedy) for one in places]
    return Section(title[0].upper() + title[1:], rows, ("place", "outcome", "why", "remedy"))


def _asked(request: Answered) -> tuple[str, str, str]:
    outcome = (
        f"not found; {spellings.said(request.nearest)}" if request.state == "not_found" else request.state.replace("_", " ")
    )
    return short(request.token), outcome, PurePosixPath(request.certificate or "").name


def _touched(report: ErasureReport) -> Iterable[tuple[str, str]]:
    impact = report.impact
    yield "records", str(impact.records)
    yield "data versions", _listed(one.name for one in impact.data_versions)
    yield "model versions", _listed(str(one.model) for one in impact.model_versions)
    if impact.shards_total:
        yield "shards", shards(impact.shards, impact.shards_total)
        yield "stale checkpoints", str(report.checkpoints_stale)


def _forgot(model: Forgot) -> Iterable[tuple[str, str]]:
    before, after = model.moved
    yield "method, guarantee", f"{model.method}, {model.guarantee}"
    if model.unproven_in_a_row > 1:
        yield "versions without a proof", f"{model.unproven_in_a_row} in a row: what each left adds up, and nothing measures it"
    yield "shards retrained", f"{model.shards_retrained} of {model.shards_total}"
    if model.shards_dropped:
        yield "shards left empty", _listed(map(str, model.shards_dropped))
    yield f"alias {model.alias}", f"{before} → {after}"
    if model.shards_behind:
        yield (
            "shards that fell back",
            _listed(f"{one} to slice {at}" if at else f"{one} out of the vote" for one, at in model.shards_behind.items()),
        )
    if (healed := model.healed) is not None:
        yield "healed", f"{model.name}/{healed.version} serves since" if healed.promoted else f"no: {healed.why}"
    if model.replay_equal is not None:
        other = "gave other bytes, in another environment" if model.replay and model.replay.otherwise else "GAVE OTHER BYTES"
        yield "training again without them", "gave the same bytes" if model.replay_equal else other


def _made_again(model: MadeAgain) -> Iterable[tuple[str, str]]:
    """A model that was trained elsewhere."""
    yield "DVC stages", _listed(model.stages)
    yield "guarantee", model.guarantee
    yield "versions", f"{_listed(map(str, model.from_versions))} → {model.to_version}"
    yield "aliases moved", _listed(model.aliases)


def _checks(results: Sequence[CheckResult], *, every: bool) -> Section:
    """What did not pass comes first."""
    shown = sorted((one for one in results if every or not one.passed), key=lambda one: one.passed)
    rows = [(one.name.replace(": data.", "  "), _number(one.value), one.threshold, one.verdict) for one in shown]
    if passed := len(results) - len(shown):
        rows.append((f"{passed} of {len(results)} passed", "", "`-v` lists them", "passed"))
    return Section("Checks", rows, ("check", "value", "threshold", "verdict"))


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:g}" if float(value).is_integer() else f"{value:.3f}"


def short(token: str) -> str:
    """A token as people see it."""
    return f"tok_{token[:12]}"


def shards(touched: Sequence[ShardImpact], total: int) -> str:
    """Which shards are touched, and from which slice on."""
    where = "; ".join(f"shard {one.shard} from slice {one.first_slice} of {one.slices}" for one in touched)
    return f"{len(touched)} of {total}" + (f": {where}" if where else "")


def _listed(items: Iterable[str]) -> str:
    return ", ".join(items) or "none"


def show(report: ErasureReport, *more: Section, every: bool = False) -> None:
    """Print a report on standard output, as wide as the terminal. every: as `sections` takes it."""
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_WIDTH_WITHOUT_TERMINAL)
    for section in (*sections(report, every=every), *more):
        console.print(_table(section))
        console.print()
    if report.certificate:
        page = PurePosixPath(report.certificate).with_suffix(".html")
        console.print(f"certificate  {report.certificate}\nits page     {page}", markup=False, soft_wrap=True)


def _table(section: Section) -> RenderableType:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    width = max(map(len, section.rows), default=1)
    table = Table(
        title=escape(shown(section.title)), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False
    )
    table.show_header = bool(section.header)
    for position, name in enumerate(section.header or ("",) * width):
        table.add_column(name, style="cyan" if position == 0 else None, overflow="fold")
    for row in section.rows:
        table.add_row(*(_coloured(cell) for cell in row))
    return table


def _coloured(cell: str) -> str:
    from rich.markup import escape

    style = {"passed": "green", "failed": "red", "underpowered": "yellow"}.get(cell)
    return f"[{style}]{cell}[/]" if style else escape(shown(cell, _LONGEST))


def markdown(report: ErasureReport) -> str:
    """The same as a page of Markdown, for a Prefect artifact."""
    parts = [f"# {report.erasure_id}"]
    for section in sections(report):
        width = len(section.header) or max(map(len, section.rows), default=1)
        head = section.header or ("",) * width
        lines = [f"## {_plain(section.title)}", "", _row(head), _row(["---"] * width), *map(_row, section.rows)]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(map(_plain, cells)) + " |"


def _plain(text: str) -> str:
    """A text as Markdown shows it, in which nothing begins a cell, a link, an element or a line."""
    return _ACTING.sub(r"\\\g<0>", shown(text, _LONGEST))


def training_markdown(report: TrainingReport) -> str:
    """What a training did, for people."""
    plainly = {key: value for key, value in write(report).items() if key not in ("checks", "metrics")}
    rows = [(key, str(value)) for key, value in (*plainly.items(), *report.metrics.items())]
    return "\n".join([f"# {_plain(str(report.made))}", "", _row(("what", "")), _row(("---", "---")), *map(_row, rows)])
