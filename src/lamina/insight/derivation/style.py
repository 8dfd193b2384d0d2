"""The style sheet of the page, light and dark."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light dark; --ink: #1d2430; --soft: #5b6675; --paper: #fff;
  --panel: #f5f7fa; --line: #cfd6e0; --accent: #1657a8; --good: #16703c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ee; --soft: #9aa6b5; --paper: #14181f;
  --panel: #1d232d; --line: #39424f; --accent: #83b4f5; --good: #6fcf97; } }
* { box-sizing: border-box; }
body { margin: 0; color: var(--ink); background: var(--paper); line-height: 1.5;
  font-family: system-ui, "Noto Sans", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei",
  sans-serif; display: grid; grid-template-columns: 19rem minmax(0, 1fr);
  grid-template-areas: "languages languages" "contents main"; }
header.languages { grid-area: languages; padding: .5rem 1.5rem; display: flex; gap: 1.5rem;
  background: var(--panel); border-bottom: 1px solid var(--line); position: sticky; top: 0;
  z-index: 1; }
nav { grid-area: contents; padding: 1rem .5rem 1rem 0; font-size: .85rem; position: sticky;
  top: 2.6rem; align-self: start; max-height: calc(100vh - 2.6rem); overflow: auto; }
nav li { margin-bottom: .35rem; }
nav a { color: var(--accent); text-decoration: none; }
nav a:hover { text-decoration: underline; }
main { grid-area: main; padding: 1rem 2rem 4rem; min-width: 0; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.5rem;
  border-bottom: 1px solid var(--line); padding-bottom: .3rem; }
section { scroll-margin-top: 3rem; }
h3 { font-size: .95rem; color: var(--soft); margin: 0; font-weight: 600; }
article { background: var(--panel); border: 1px solid var(--line); border-radius: .5rem;
  padding: .8rem 1rem; margin: 1rem 0; }
.formula { overflow-x: auto; padding: .4rem 0; }
math { font-size: 1.15rem; } math[display=block] { margin: .3rem 0; text-align: left; }
mi.b { font-weight: bold; }
.given, .result { display: flex; flex-wrap: wrap; gap: 1rem 2rem; }
.result { margin-top: .7rem; padding-top: .7rem; border-top: 1px dashed var(--line); }
figure { margin: 0; max-width: 100%; }
figure > div { display: flex; flex-wrap: wrap; gap: .5rem 1rem; overflow-x: auto; }
figcaption { margin-bottom: .3rem; }
.note { color: var(--soft); font-size: .8rem; }
table { --bar: linear-gradient(var(--ink), var(--ink)); border-spacing: 0; padding: 2px 0;
  border: solid var(--ink); border-width: 0 2px; background: var(--bar) 0 0 / 6px 2px no-repeat,
  var(--bar) 100% 0 / 6px 2px no-repeat, var(--bar) 0 100% / 6px 2px no-repeat,
  var(--bar) 100% 100% / 6px 2px no-repeat; }
caption { color: var(--soft); font-size: .75rem; text-align: left; }
td { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: .78rem;
  padding: .1rem .45rem; text-align: right; white-space: nowrap; }
.verified { color: var(--good); font-size: .8rem; margin: .6rem 0 0; }
span[lang=zh] { margin-left: .5em; }
h1 span, h2 span, main > p span, nav span { display: block; margin-left: 0 !important; }
h1 span + span, h2 span + span { font-size: .85em; font-weight: 600; }
main > p span + span { margin-top: .5em; }
body:has(#show-both:checked) nav span + span { color: var(--soft); }
body:has(#show-en:checked) span[lang=zh] { display: none; }
body:has(#show-zh:checked) span[lang=en] { display: none; }
body:has(#show-zh:checked) span[lang=zh] { margin-left: 0; }
@media (max-width: 60rem) { body { display: block; } nav { position: static; max-height: none; }
  main { padding: 1rem; } }
@media print { header.languages, nav { display: none; } body { display: block; } }
"""
