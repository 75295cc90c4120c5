"""The look of pages for people: paper, ink, one accent; light and dark, screen and print; no outside font or image."""

from __future__ import annotations

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #fbfaf6; --ink: #1c2430; --soft: #5a6472; --line: #d9d5ca; --wash: #f1efe7;
  --good: #1e5f57; --warn: #85500b; --bad: #97242f;
  --serif: "Iowan Old Style", "Palatino Linotype", Palatino, "Book Antiqua", Georgia, serif;
  --sans: system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif;
  --mono: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14181e; --ink: #e7e5de; --soft: #a3abb6; --line: #343b45; --wash: #1c222a;
    --good: #7cc4b6; --warn: #e0ac63; --bad: #f0919a;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.55 var(--sans); }
main { max-width: 68rem; margin: 0 auto; padding: 4.5rem 2rem 3rem; }
p { margin: 0 0 .8rem; max-width: 44rem; }
h1, h2, .lead { font-family: var(--serif); font-weight: 400; }
h1 { font-size: 3rem; line-height: 1.1; letter-spacing: -.01em; margin: 0 0 1.1rem; }
h2 { font-size: 1.2rem; line-height: 1.35; margin: 0; }
h3 { font-size: .95rem; margin: 1.6rem 0 .6rem; }
section > div > h3:first-child { margin-top: 0; }
.eyebrow { color: var(--soft); letter-spacing: .12em; text-transform: uppercase; font-size: .75rem; margin: 0 0 .6rem; }
.lead { font-size: 1.35rem; line-height: 1.45; margin: 0 0 1.6rem; max-width: 46rem; }
.lead strong { font-weight: 600; }
.notice { display: flex; flex-wrap: wrap; gap: .1rem 1rem; max-width: none; margin: 0 0 2rem; padding: .8rem 1.1rem;
  border: 1px solid currentColor; border-left-width: 6px; border-radius: 3px; }
.notice span { color: var(--ink); }
.good { color: var(--good); } .warn { color: var(--warn); } .bad { color: var(--bad); } .plain { color: var(--soft); }
section { display: grid; grid-template-columns: 11rem minmax(0, 1fr); gap: 0 2.5rem; padding: 1.8rem 0;
  border-top: 1px solid var(--line); }
dl { margin: 0; }
dl > div { display: grid; grid-template-columns: 10rem minmax(0, 1fr); gap: 1rem; padding: .3rem 0; }
dt { color: var(--soft); }
dd { margin: 0; }
header dl { border-top: 1px solid var(--line); padding: 1.1rem 0 1.3rem; }
ul { margin: 0; padding-left: 1.1rem; max-width: 46rem; }
li { padding: .15rem 0; }
.figures { display: flex; flex-wrap: wrap; gap: 1rem 2.4rem; list-style: none; padding: 0; margin: 0 0 1.6rem;
  max-width: none; }
.figures b { display: block; font: 400 1.7rem/1.2 var(--serif); }
.figures span { color: var(--soft); font-size: .85rem; }
figure { margin: 0 0 1.4rem; }
figcaption { color: var(--soft); font-size: .85rem; margin-top: .7rem; }
figcaption p { margin: 0 0 .3rem; }
.legend i { display: inline-block; width: .8em; height: .8em; margin: 0 .4em 0 0; border-radius: 2px;
  border: 1px solid var(--soft); }
.legend i + i, .legend i.again { margin-left: .8em; }
.legend i.again { background: var(--good); border-color: var(--good); }
svg { max-width: 100%; height: auto; }
rect { stroke-width: 1; }
rect.kept { fill: var(--wash); stroke: var(--soft); stroke-opacity: .55; }
rect.again { fill: var(--good); stroke: var(--good); }
rect.empty { fill-opacity: 0; stroke-dasharray: 2 2; }
.scroll { overflow-x: auto; margin: 0 0 .8rem; }
.scroll:focus-visible { outline: 2px solid var(--good); outline-offset: 3px; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; }
caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
th, td { text-align: left; vertical-align: top; padding: .5rem 1.1rem .5rem 0; border-bottom: 1px solid var(--line); }
thead th { color: var(--soft); font-weight: 400; font-size: .8rem; padding-top: 0; white-space: nowrap; }
tbody th { font-weight: 600; overflow-wrap: break-word; min-width: 7rem; }
tbody th code { white-space: nowrap; }
tbody tr:last-child > * { border-bottom: 0; }
code, pre { font-family: var(--mono); font-size: .82em; }
code { overflow-wrap: anywhere; }
pre code { font-size: 1em; }
.digest { color: var(--soft); font-size: .74em; display: inline-block; min-width: 9.5rem; }
pre { background: var(--wash); padding: .8rem 1rem; border-radius: 3px; overflow-x: auto; margin: 0 0 .8rem; }
time { white-space: nowrap; }
.word { font-weight: 600; }
.word::before { content: "●\\00a0"; font-size: .7em; vertical-align: .12em; }
.word.warn::before { content: "◐\\00a0"; } .word.bad::before { content: "○\\00a0"; }
.note { color: var(--soft); font-size: .88rem; }
footer { border-top: 1px solid var(--line); padding-top: 1.8rem; font-size: .85rem; color: var(--soft); }
@media (max-width: 46rem) {
  main { padding: 2rem 1.1rem; }
  h1 { font-size: 2.2rem; }
  section { grid-template-columns: minmax(0, 1fr); gap: .8rem; }
  dl > div { grid-template-columns: minmax(0, 1fr); gap: 0; }
}
@page { size: A4; margin: 16mm 15mm; }
@media print {
  :root {
    color-scheme: light;
    --paper: #fff; --ink: #000; --soft: #444; --line: #bbb; --wash: #f3f3f3; --good: #1e5f57; --warn: #7a4708; --bad: #8a1f29;
  }
  html { font-size: 10pt; }
  body { font-size: 9.5pt; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  main { max-width: none; padding: 0; }
  section { display: block; padding: 1rem 0 .6rem; }
  section h2 { margin-bottom: .5rem; }
  .scroll, pre { overflow: visible; }
  pre { white-space: pre-wrap; }
  h2, h3, thead { break-after: avoid; }
  table, tr, figure, .notice, dl > div { break-inside: avoid; }
  thead { display: table-header-group; }
}
"""
"""One stylesheet, inlined into each page."""
