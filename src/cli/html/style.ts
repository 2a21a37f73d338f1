/** The style sheet of the report. Colours are variables, so that dark mode and print only redefine those. */
import type { Markup } from './markup.ts';

export const STYLE: Markup = {
  html: `
:root { --ink: #1c2430; --soft: #5c6776; --background: #fff; --card: #f5f7fa; --rule: #d9dfe7;
  --good: #2f7d5b; --other: #d9a441; --bad: #b8433c; --none: #9aa5b3; --line: #2b6cb0; --high: #a05fb4; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6ebf2; --soft: #9dabbd; --background: #12171e; --card: #1b222c;
  --rule: #333d4a; --good: #4cae86; --other: #d8ab5a; --bad: #e27a73; --none: #6c7888; --line: #6fb0ee; --high: #c793d8; } }
@media print { :root { --ink: #000; --soft: #444; --background: #fff; --card: #fff; --rule: #bbb; --good: #2f7d5b;
  --other: #d9a441; --bad: #b8433c; --none: #999; --line: #2b6cb0; --high: #a05fb4; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--background); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1.25rem 3rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0; }
h2 { font-size: 1.1rem; margin: 2.25rem 0 .5rem; }
p { margin: .3rem 0; }
.id { font-family: ui-monospace, monospace; font-size: .85rem; color: var(--soft); overflow-wrap: anywhere; }
.badge { display: inline-block; vertical-align: .2em; padding: .1rem .6rem; border-radius: 1rem; border: 1.5px solid currentcolor;
  font-size: .85rem; font-weight: 600; color: var(--soft); }
.badge.completed { color: var(--good); } .badge.failed { color: var(--bad); }
.badge.cancelled, .badge.rejected { color: var(--other); } .badge.running { color: var(--line); }
.note { border-left: 3px solid var(--line); padding-left: .75rem; } .note.failed { border-color: var(--bad); }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(12rem, 1fr)); gap: .75rem; margin: 1.5rem 0 0; }
.figures div { background: var(--card); border: 1px solid var(--rule); border-radius: .5rem; padding: .6rem .9rem; display: flex; flex-direction: column-reverse; justify-content: flex-end; }
.figures dd { margin: 0; font-size: 1.35rem; font-weight: 600; font-variant-numeric: tabular-nums; order: 1; }
.figures dt { color: var(--soft); font-size: .85rem; order: 0; }
.scroll { overflow-x: auto; } .scroll + .scroll { margin-top: 1.25rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); font-size: .85rem; padding-bottom: .35rem; }
th { text-align: left; font-weight: 600; font-size: .85rem; color: var(--soft); }
th, td { padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--rule); vertical-align: top; }
th:last-child, td:last-child { padding-right: 0; }
.n { text-align: right; white-space: nowrap; }
.key { white-space: nowrap; } .text { overflow-wrap: anywhere; }
.key::before { content: ""; display: inline-block; width: .7em; height: .7em; border-radius: 2px; margin-right: .5em; background: var(--soft); }
.key.good::before, .bar .good { background: var(--good); } .key.other::before, .bar .other { background: var(--other); }
.key.bad::before, .bar .bad { background: var(--bad); } .key.none::before, .bar .none { background: var(--none); }
.key.outage::before { background: var(--bad); opacity: .35; } .key.line::before { background: var(--line); } .key.high::before { background: var(--high); }
.bar { display: block; min-width: 8rem; height: .8rem; margin-top: .35rem; background: var(--card); border-radius: 2px; }
.bar span { display: block; height: 100%; min-width: 1px; border-radius: 2px; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.nowrap { white-space: nowrap; } .bar.latency { position: relative; }
.bar.latency span { position: absolute; } .bar .p95 { background: var(--line); opacity: .35; } .bar .p50 { background: var(--line); }
.key::before { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
figure { margin: 1rem 0 0; break-inside: avoid; }
figcaption { font-weight: 600; font-size: .9rem; }
.legend { font-weight: 400; color: var(--soft); font-size: .85rem; margin-left: .75rem; } .legend .key { margin-right: 1rem; }
svg { width: 100%; height: auto; display: block; }
svg text { font: 11px system-ui, sans-serif; fill: var(--soft); }
.end { text-anchor: end; } .mid { text-anchor: middle; }
.grid { stroke: var(--rule); }
rect.outage { fill: var(--bad); opacity: .18; }
.area.good { fill: var(--good); } .area.other { fill: var(--other); }
.line { fill: none; stroke-width: 1.75; stroke-linejoin: round; } .line.line { stroke: var(--line); } .line.high { stroke: var(--high); }
.dot.line { fill: var(--line); } .dot.high { fill: var(--high); }
line.mark { stroke: var(--ink); stroke-dasharray: 4 3; } text.mark { fill: var(--ink); font-weight: 700; }
.marks { list-style: none; padding: 0; margin: .5rem 0; font-size: .9rem; } .marks b { display: inline-block; min-width: 1.5em; }
details { margin-top: .75rem; } summary { cursor: pointer; color: var(--line); }
code { font-family: ui-monospace, monospace; font-size: .87em; overflow-wrap: anywhere; }
a { color: var(--line); }
footer { margin-top: 2.5rem; color: var(--soft); font-size: .85rem; } footer ul { padding-left: 1.1rem; }
@page { margin: 14mm; }
@media print { main { max-width: none; padding: 0; } section { break-inside: auto; } tr { break-inside: avoid; } h2 { break-after: avoid; }
  .figures { grid-template-columns: repeat(4, 1fr); } }
`,
};
