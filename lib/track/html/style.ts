// The look of every HTML report: one style sheet, light and dark (by the system, or by the switch in the header, which
// needs no script), readable on paper and on a telephone. Series have colours that differ for colour-blind readers too.

const LIGHT = {
  paper: '#fbfaf7', card: '#ffffff', ink: '#1c2430', quiet: '#5b6675', line: '#e3e1da', grid: '#ebe9e3', accent: '#0b6b57',
  good: '#1c7a3e', warn: '#95600a', bad: '#b3261e', wash: '#f2f0ea',
  s1: '#2463b4', s2: '#c2510c', s3: '#0f7f6a', s4: '#8a3ea8', s5: '#8a6a00', s6: '#b02a5b', s7: '#4a6172', s8: '#5a7d12',
} as const;
const DARK: Readonly<Record<keyof typeof LIGHT, string>> = {
  paper: '#12161c', card: '#1a2028', ink: '#e8ebef', quiet: '#a3adba', line: '#2c3541', grid: '#262e38', accent: '#5fd0b4',
  good: '#6fce8d', warn: '#e5b65a', bad: '#ff8f84', wash: '#222a34',
  s1: '#74aef5', s2: '#f59a5c', s3: '#55cdb4', s4: '#cf9ae6', s5: '#dcb94c', s6: '#f28bb0', s7: '#a9bccb', s8: '#b3d35f',
};

/** How many colours there are for series: var(--s1) to var(--s8). */
export const SERIES_COLORS = 8;

/** The colour of series `index`, as CSS. */
export function seriesColor(index: number): string {
  return `var(--s${(index % SERIES_COLORS) + 1})`;
}

function variables(colors: Readonly<Record<string, string>>): string {
  return Object.entries(colors).map(([name, value]) => `--${name}:${value}`).join(';');
}

export const STYLE = `
:root{color-scheme:light;${variables(LIGHT)}}
@media (prefers-color-scheme:dark){:root{color-scheme:dark;${variables(DARK)}}}
:root:has(#theme-light:checked){color-scheme:light;${variables(LIGHT)}}
:root:has(#theme-dark:checked){color-scheme:dark;${variables(DARK)}}
*{box-sizing:border-box}
html{scroll-behavior:smooth;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.6 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif}
.skip{position:absolute;left:-999px}.skip:focus{left:1rem;top:1rem;background:var(--card);padding:.5rem 1rem;z-index:2}
header.top,main,footer{max-width:70rem;margin:0 auto;padding:0 1.5rem}
header.top{padding-top:2.75rem;padding-bottom:1rem}
header.top .kind{color:var(--accent);font-size:.8rem;font-weight:650;letter-spacing:.09em;text-transform:uppercase}
h1{font-size:2.1rem;line-height:1.2;margin:.25rem 0 .4rem;letter-spacing:-.015em;overflow-wrap:anywhere}
h2{font-size:1.3rem;margin:0 0 .3rem;letter-spacing:-.01em}h3{font-size:1rem;margin:1.4rem 0 .4rem}
p{margin:.4rem 0;max-width:48rem}.lead{color:var(--quiet);font-size:1.05rem}
a{color:var(--accent)}a:focus-visible,summary:focus-visible,input:focus-visible+label{outline:2px solid var(--accent);outline-offset:2px;border-radius:4px}
nav.contents{display:flex;flex-wrap:wrap;gap:.3rem 1.1rem;margin-top:1rem;font-size:.92rem}
nav.contents a{text-decoration:none}nav.contents a:hover{text-decoration:underline}
.theme{float:right;border:1px solid var(--line);border-radius:999px;padding:.1rem .25rem;margin:0;font-size:.8rem;display:flex}
.theme legend,.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.theme input{position:absolute;opacity:0}.theme label{padding:.15rem .6rem;border-radius:999px;cursor:pointer;color:var(--quiet)}
.theme input:checked+label{background:var(--wash);color:var(--ink)}
section{background:var(--card);border:1px solid var(--line);border-radius:14px;padding:1.5rem 1.6rem;margin:1.25rem 0}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(10.5rem,1fr));gap:.8rem;margin:1rem 0;padding:0;list-style:none}
.tiles li{background:var(--wash);border-radius:10px;padding:.8rem 1rem}
.tiles .label{color:var(--quiet);font-size:.82rem;display:block}.tiles .value{font-size:1.55rem;font-weight:640;letter-spacing:-.02em;display:block;line-height:1.3;font-variant-numeric:tabular-nums}
.tiles .small{color:var(--quiet);font-size:.82rem;display:block}
.good{color:var(--good)}.warn{color:var(--warn)}.bad{color:var(--bad)}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(21rem,1fr));gap:0 2rem}
figure{margin:1.1rem 0;min-width:0}figure .scroll{overflow-x:auto}
figcaption{font-size:.92rem;margin-bottom:.35rem}figcaption b{font-weight:640}figcaption span{color:var(--quiet);display:block}
svg.chart{display:block;width:100%;min-width:20rem;height:auto;font:12px system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif}
svg .tick,svg .axis{fill:var(--quiet)}svg .mark{fill:var(--ink)}svg .grid{stroke:var(--grid)}svg .base{stroke:var(--quiet)}svg .whisker{stroke:var(--ink);stroke-opacity:.75}
.legend{display:flex;flex-wrap:wrap;gap:.1rem 1.2rem;margin:.3rem 0 0;padding:0;list-style:none;font-size:.85rem;color:var(--quiet)}.legend svg{vertical-align:middle;margin-right:.4rem}
details{font-size:.88rem;margin:.4rem 0}summary{cursor:pointer;color:var(--quiet)}
.table{overflow-x:auto;margin:.7rem 0}table{border-collapse:collapse;width:100%;font-size:.92rem}
caption{text-align:left;color:var(--quiet);font-size:.88rem;padding-bottom:.3rem}
th,td{text-align:left;padding:.36rem .9rem .36rem 0;border-bottom:1px solid var(--line);vertical-align:top}
th{font-weight:600;color:var(--quiet);font-size:.85rem}tbody th{color:var(--ink);font-size:inherit;font-weight:500}
.num{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}td{overflow-wrap:anywhere}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:.88em}
code{background:var(--wash);border-radius:4px;padding:.08em .32em;overflow-wrap:anywhere}
pre{background:var(--wash);border-radius:10px;padding:.9rem 1rem;overflow-x:auto;white-space:pre-wrap;overflow-wrap:anywhere}
.note{border-left:3px solid var(--accent);padding:.1rem 0 .1rem .9rem;color:var(--quiet);margin:.8rem 0}.note.warn{border-color:var(--warn)}.note.bad{border-color:var(--bad)}
footer{color:var(--quiet);font-size:.85rem;padding-top:.5rem;padding-bottom:3rem}
@media (max-width:40rem){header.top,main,footer{padding-left:1rem;padding-right:1rem}section{padding:1.1rem 1rem}h1{font-size:1.6rem}.pair{grid-template-columns:1fr}}
@media print{body{background:#fff}section{break-inside:avoid;border-color:#ccc}.theme,nav.contents{display:none}details:not([open])>*:not(summary){display:block}}
`;
