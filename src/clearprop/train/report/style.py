"""The style sheet of a run's report, in the colours of the pictures."""

from __future__ import annotations

from clearprop.look import sheet

_BASE = """
body{margin:0 auto;max-width:64rem;padding:1.5rem;overflow-wrap:anywhere}
h1{font-size:1.7rem;line-height:1.25;margin:0 0 .5rem}
h2{font-size:1.25rem;margin:2.5rem 0 .5rem;padding-top:.75rem;border-top:1px solid var(--edge)}
h3{font-size:1rem;margin:1.25rem 0 .25rem}
p{margin:.25rem 0 .6rem;max-width:46rem}
.soft,figcaption,footer{color:var(--muted)}
.lead{font-size:1.15rem}
.stopped{border-left:4px solid var(--backward);padding:.4rem .8rem;background:var(--leaf)}
.chart{display:block;width:100%;max-width:46rem;height:auto;margin:.5rem 0 1rem}
.scroll{overflow-x:auto;padding:2px}
.scroll svg{display:block}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:.2rem .6rem;text-align:right;border-bottom:1px solid var(--edge)}
th{font-weight:600}
.facts th,.facts td{text-align:left;vertical-align:top}
.confusion td{min-width:2.6rem;padding:.2rem .5rem;border:1px solid var(--paper)}
.confusion td.right{background:var(--node);font-weight:600}
.confusion td.none{color:var(--muted)}
.confusion th[scope=row]{white-space:nowrap}
.confusion td.share{white-space:nowrap;color:var(--muted);padding-left:1rem}
.best td{font-weight:600;background:var(--leaf)}
.narrow{display:none}
caption{text-align:left;color:var(--muted);padding-bottom:.25rem}
.images{display:grid;grid-template-columns:repeat(auto-fill,minmax(5.2rem,1fr));gap:.75rem;
list-style:none;padding:0;margin:.5rem 0}
.images img{width:84px;height:84px;max-width:100%;image-rendering:pixelated;display:block;
border:1px solid var(--edge)}
.images li{font-size:.8rem;line-height:1.3}
pre{background:var(--leaf);padding:.6rem;border-radius:6px;overflow:auto;font-size:.85rem}
summary{cursor:pointer;color:var(--forward)}
@media(max-width:30rem){body{padding:.75rem}th,td{padding:.15rem .35rem}.narrow{display:block}
.confusion{font-size:.72rem}.confusion th,.confusion td{min-width:1.15rem;padding:.15rem .18rem}
.confusion td.share{padding-left:.3rem}.confusion tr:last-child th{white-space:normal;width:2.6rem}
.confusion td.share span{writing-mode:vertical-rl}}
@media print{body{max-width:none;padding:0;font-size:11pt}.chart,figure,li{break-inside:avoid}
h2,h3{break-after:avoid}.scroll{overflow:visible}.scroll svg{max-width:100%;height:auto}
details::details-content{content-visibility:visible;block-size:auto}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
"""

STYLE = sheet() + _BASE
