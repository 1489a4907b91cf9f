/**
 * What a report looks like: on a screen of any width, and on paper.
 *
 * @module
 */

export const REPORT_STYLE = `:root {
  color-scheme: light;
  --ink: #222;
  --quiet: #595959;
  --rule: #bbb;
  --link: #00558b;
  --sans: Helvetica, Arial, "Liberation Sans", "DejaVu Sans", sans-serif;
}
* { box-sizing: border-box; }
html { background: #fff; -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  max-width: 54rem;
  margin: 0 auto;
  padding: 2.5rem 1.25rem 4rem;
  background: #fff;
  color: var(--ink);
  font: 1.0625rem/1.55 Charter, "Bitstream Charter", Georgia, "Liberation Serif", "DejaVu Serif", serif;
  overflow-wrap: break-word;
}
h1, h2, h3 { font-family: var(--sans); line-height: 1.25; text-wrap: balance; }
h1 { margin: 0 0 0.25rem; font-size: 1.9rem; }
h2 { margin: 0 0 1rem; padding-top: 0.75rem; border-top: 2px solid var(--ink); font-size: 1.4rem; }
h3 { margin: 2rem 0 0.5rem; font-size: 1.05rem; }
section { margin-top: 3.5rem; }
p { max-width: 42rem; margin: 0 0 1rem; }
a { color: var(--link); }
.lead { color: var(--quiet); font-size: 1.15rem; }
nav ul { display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; margin: 1.25rem 0 0; padding: 0; list-style: none; }
nav, dl, table, figcaption, summary, .banner, .note { font-family: var(--sans); }
nav, dl, figcaption, summary, .banner, .note { font-size: 0.9rem; line-height: 1.45; }
.banner, .note { max-width: none; margin: 0 0 1rem; padding: 0.7rem 1rem; border-left: 4px solid var(--rule); background: #f5f5f5; }
.banner { border-color: #d55e00; background: #fdf1e7; }
.note p { margin: 0; }
.note ul { margin: 0.25rem 0 0; padding-left: 1.25rem; }
dl { margin: 0 0 1rem; columns: 20rem; column-gap: 2rem; }
dl div { display: flex; gap: 0 1rem; justify-content: space-between; padding: 0.2rem 0; border-bottom: 1px solid #e4e4e4; break-inside: avoid; }
dt { color: var(--quiet); }
dd { margin: 0; min-width: 0; text-align: right; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
dl.facts { columns: auto; }
dl.facts dt { flex: none; width: 8rem; }
dl.facts dd { flex: 1; text-align: left; }
figure { margin: 1.5rem 0; }
figure svg { display: block; max-width: 100%; height: auto; margin: 0 auto; }
figcaption { margin-top: 0.35rem; color: var(--quiet); text-align: center; }
.table { margin: 0 0 1.75rem; overflow-x: auto; }
.table:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
table { min-width: 60%; border-collapse: collapse; border-bottom: 1.5px solid var(--ink); font-size: 0.875rem; line-height: 1.4; }
caption { max-width: calc(100vw - 1.5rem); padding: 0.25rem 0 0.5rem; color: var(--quiet); text-align: left; }
th, td { padding: 0.3rem 0.6rem; text-align: right; vertical-align: top; font-variant-numeric: tabular-nums; }
td { white-space: nowrap; }
thead th { border-top: 1.5px solid var(--ink); border-bottom: 1px solid var(--ink); vertical-align: bottom; }
tbody th { font-weight: normal; white-space: nowrap; }
tbody tr + tr > * { border-top: 1px solid #e4e4e4; }
tbody + tbody > tr:first-child > th { padding-top: 0.9rem; border-top: 1px solid var(--ink); color: var(--quiet); white-space: normal; }
th:first-child, th.words, td.words { text-align: left; }
td.words { white-space: normal; }
th:first-child, td:first-child { padding-left: 0; }
th:last-child, td:last-child { padding-right: 0; }
small { color: var(--quiet); font-size: 0.92em; }
td small, .line { display: block; }
.line { padding-left: 0.75em; text-indent: -0.75em; }
.word { display: inline-block; text-indent: 0; white-space: nowrap; }
#summary table { width: 100%; }
#summary tbody th { width: 36%; white-space: normal; }
summary { margin: 0.5rem 0 1rem; color: var(--link); cursor: pointer; }
code { font-family: "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: 0.85em; }
p code { white-space: nowrap; }
pre { margin: 0 0 1rem; padding: 0.7rem 1rem; background: #f5f5f5; white-space: pre-wrap; overflow-wrap: anywhere; }
@media (max-width: 40rem) {
  body { padding: 1.25rem 0.75rem 3rem; font-size: 1rem; }
  h1 { font-size: 1.5rem; }
  h2 { font-size: 1.25rem; }
  table { font-size: 0.8125rem; }
  th, td { padding: 0.3rem 0.4rem; }
  dl.facts div { display: block; }
  dl.facts dt { width: auto; }
}
@page { margin: 18mm 16mm; }
@media print {
  html { font-size: 9.5pt; }
  body { max-width: none; padding: 0; font-size: 1rem; }
  nav { display: none; }
  a { color: inherit; text-decoration: none; }
  section { margin-top: 0; break-before: page; }
  #summary { margin-top: 1.5rem; break-before: auto; }
  h2, h3, caption { break-after: avoid; }
  figure, tr, dl div, .banner, .note, pre { break-inside: avoid; }
  figure svg { max-height: 215mm; }
  .table { overflow: visible; }
  caption { max-width: none; }
  table { font-size: 8pt; }
  th, td { padding: 0.2rem 0.35rem; }
  thead { display: table-header-group; }
  .banner, .note, pre { background: none; border: 1px solid var(--rule); }
  summary { color: inherit; list-style: none; }
  summary::-webkit-details-marker { display: none; }
  details::details-content { display: block; height: auto; content-visibility: visible; }
}
@supports not selector(::details-content) {
  @media print {
    details:not([open]) > summary::after { content: " (folded: unfold it before printing)"; }
  }
}
`;
