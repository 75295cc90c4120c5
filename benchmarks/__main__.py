"""All benchmarks: `python -m benchmarks` writes docs/benchmarks.md after each; `python -m benchmarks loop overhead` runs two.

Those that are not named stay on the page as they were measured before.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks import (
    adult,
    at_once,
    growth,
    history,
    index,
    intake,
    learners,
    ledger,
    loop,
    methods,
    overhead,
    prices,
    registry,
    sums,
    training,
    workers,
    year,
)
from benchmarks.picture import draw
from benchmarks.report import PAGE, PICTURE, Section, add, measure, page, say


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benchmarks", nargs="*", choices=[*SECTIONS, []], help="default: all")
    for name in parser.parse_args().benchmarks or SECTIONS:
        if name in ON_ADULT and not adult.present():
            say(f"{name}: Adult was not found beside the repository (`../shared/data`), so this is not measured")
            continue
        say(f"{name}:")
        found = add(name, measure(SECTIONS[name]), tuple(SECTIONS))
        draw([panel for one in found.values() for section in one.sections for panel in section.panels], PICTURE)
        PAGE.write_text(page(found), encoding="utf-8")
        print("\n\n".join(section.markdown for section in found[name].sections), flush=True)


def membership_index() -> Section:
    """The index at a fifth of the size that the aims are for: about two minutes; `benchmarks/index.py` takes any size."""
    people, versions = 2_000_000, 20
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        lines = index.measure("sqlite:///index.db", Path(folder), people, versions, 0.01, 0, linear=True)
    aims = ["" if line.aim is None else f"{'≥' if line.at_least else '≤'} {line.aim:,g}" for line in lines]
    return Section(
        "The membership index",
        f"{people:,} people, {versions} versions that each lose and gain 1 %, SQLite; the aims are those for ten million, which"
        " `python benchmarks/index.py --people 10000000 --versions 20` measures with 4 GB of memory.",
        ("", "measured", "unit", "aim"),
        [(line.what, f"{line.value:,.3f}", line.unit, aim) for line, aim in zip(lines, aims, strict=True)],
    )


def growing() -> list[Section]:
    """What a table's rows and parts cost, and what a year of requests would cost by that."""
    found = growth.everything()
    return [
        growth.section(found),
        growth.section_of_parts(growth.everything(growth.ROWS_IN_PARTS, parts=True)),
        year.section(found),
    ]


SECTIONS: Mapping[str, Callable[[], list[Section]]] = {
    "training": lambda: [training.section()],
    "prices": lambda: [prices.section()],
    "learners": learners.sections,
    "methods": methods.sections,
    "loop": lambda: [loop.section()],
    "at_once": lambda: [at_once.section()],
    "sums": lambda: [sums.section()],
    "overhead": overhead.sections,
    "index": lambda: [membership_index()],
    "history": lambda: [history.section()],
    "growth": growing,
    "workers": lambda: [workers.section()],
    "registry": lambda: [registry.section()],
    "versions": lambda: [registry.section_of_commands()],
    "ledger": lambda: [ledger.section()],
    "intake": lambda: [intake.section()],
    "flows": lambda: [intake.to_the_flow()],
}
ON_ADULT = ("training", "prices", "learners", "methods")
"""Those that need a data set that is not part of the repository."""

if __name__ == "__main__":
    main()
