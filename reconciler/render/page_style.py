"""The style of the HTML report: light and dark, wide and narrow, screen and paper."""

STYLE = """
:root { color-scheme: light dark;
  --page: #f6f7f9; --card: #fff; --text: #1b2027; --dim: #5a6472; --line: #dde1e7; --soft: #f0f2f5;
  --add: #116329; --add-soft: #dcf5e3; --change: #7d4e00; --change-soft: #fff1cc;
  --remove: #a40e26; --remove-soft: #ffe3e6; --accent: #0b57b0; --accent-soft: #e1eefd; }
@media (prefers-color-scheme: dark) { :root {
  --page: #0e1116; --card: #161b22; --text: #e3e8ef; --dim: #9aa5b4; --line: #2c333d; --soft: #1e252e;
  --add: #6fdc8c; --add-soft: #12301d; --change: #f0c24b; --change-soft: #352a0c;
  --remove: #ff9aa5; --remove-soft: #3d161c; --accent: #8ec1ff; --accent-soft: #14283f; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; }
main { max-width: 68rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.55rem; line-height: 1.25; margin: .15rem 0 .6rem; text-wrap: balance; }
h2 { font-size: 1.1rem; margin: 0 0 .6rem; }
h3 { font-size: .95rem; margin: 1.25rem 0 .5rem; }
p { margin: .35rem 0; }
code, .mono { font: .88em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  overflow-wrap: anywhere; }
.eyebrow, .dim { color: var(--dim); }
.eyebrow { text-transform: uppercase; letter-spacing: .06em; font-size: .78rem; font-weight: 600; }
.verdict { border-left: .35rem solid var(--accent); padding-left: 1rem; }
.verdict.good { border-color: var(--add); } .verdict.warn { border-color: var(--change); }
.verdict.bad { border-color: var(--remove); }
.counts { display: flex; flex-wrap: wrap; gap: .6rem; margin: 1.25rem 0; padding: 0; list-style: none; }
.counts li { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .5rem .9rem;
  min-width: 6.5rem; flex: 1; }
.counts b { display: block; font-size: 1.4rem; line-height: 1.2; font-variant-numeric: tabular-nums; }
.counts .create b, .counts .created b, .counts .in-sync b { color: var(--add); }
.counts .update b, .counts .updated b, .counts .skipped b,
.counts .changed b, .counts .unmanaged b { color: var(--change); }
.counts .delete b, .counts .deleted b, .counts .failed b,
.counts .unknown b, .counts .missing b { color: var(--remove); }
.counts li.zero b { color: var(--dim); }
section { background: var(--card); border: 1px solid var(--line); border-radius: .8rem; padding: 1.1rem 1.25rem;
  margin: 1.1rem 0; }
.box { border-radius: .5rem; padding: .65rem .9rem; margin: .75rem 0; background: var(--accent-soft); }
.box.bad { background: var(--remove-soft); } .box.warn { background: var(--change-soft); }
.box > b:first-child { margin-right: .35rem; }
.bad > b:first-child { color: var(--remove); } .warn > b:first-child { color: var(--change); }
.box > b:first-child { display: inline-block; }
details { border-top: 1px solid var(--line); }
summary { cursor: pointer; padding: .6rem .25rem; display: flex;
  flex-wrap: wrap; gap: .3rem .6rem; align-items: baseline; }
summary:hover { background: var(--soft); }
summary:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: .3rem; }
summary::before { content: "▸"; color: var(--dim); width: .8rem; }
details[open] > summary::before { content: "▾"; }
summary::-webkit-details-marker { display: none; }
summary .name { font-weight: 600; }
summary .place { margin-left: auto; color: var(--dim); }
.tag { font-size: .76rem; font-weight: 600; border-radius: 1rem; padding: .08rem .6rem; background: var(--soft);
  color: var(--dim); white-space: nowrap; }
.create .act, .tag.applied { background: var(--add-soft); color: var(--add); }
.update .act, .tag.skipped, .tag.warning { background: var(--change-soft); color: var(--change); }
.delete .act, .tag.traffic, .tag.security, .tag.failed, .tag.unknown, .tag.refused, .tag.error, .tag.overdue {
  background: var(--remove-soft); color: var(--remove); }
.inside { padding: 0 .25rem .8rem 1.65rem; }
table { border-collapse: collapse; width: 100%; margin: .25rem 0; }
th, td { text-align: left; vertical-align: top; padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line); }
tr:last-child td { border-bottom: 0; }
th { color: var(--dim); font-size: .78rem; font-weight: 600; }
td.before { color: var(--remove); } td.after { color: var(--add); }
table.fields { table-layout: fixed; }
td.path { color: var(--dim); }
th:first-child { width: 30%; }
.unset { opacity: .6; }
pre { background: var(--soft); border-radius: .5rem; padding: .75rem .9rem; overflow-x: auto; margin: .5rem 0; }
pre code { overflow-wrap: normal; white-space: pre; }
ul.plain { list-style: none; margin: .35rem 0; padding: 0; } ul.plain li { padding: .2rem 0; overflow-wrap: anywhere; }
a { color: var(--accent); }
footer { color: var(--dim); font-size: .85rem; overflow-wrap: anywhere; }
@media (max-width: 40rem) {
  main { padding: 1.1rem .75rem 3rem; } section { padding: .9rem .85rem; border-radius: .6rem; }
  h1 { font-size: 1.25rem; }
  .counts li { min-width: 28%; padding: .4rem .6rem; } summary .place { margin-left: 1.4rem; width: 100%; }
  .inside { padding-left: .25rem; } thead { display: none; }
  table, tbody, tr, td { display: block; width: 100%; } td { border: 0; padding: .05rem 0; }
  tr { border-bottom: 1px solid var(--line); padding: .35rem 0; } tr:last-child { border: 0; }
  td[data-is]::before { content: attr(data-is) " "; color: var(--dim); font-size: .8rem; } }
@media print {
  :root { --page: #fff; --card: #fff; } main { max-width: none; padding: 0; }
  section { break-inside: auto; border: 0; border-top: 1px solid var(--line); border-radius: 0; padding: .5rem 0; }
  details, tr { break-inside: avoid; } details::details-content { content-visibility: visible; block-size: auto; }
  summary::before { content: none; } pre { white-space: pre-wrap; } pre code { white-space: pre-wrap; } }
"""
