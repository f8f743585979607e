// Draws docs/figures/step-8b.svg, the bars of docs/performance.md, from bench/results and bench/peers.json:
//   npx tsx bench/figure.ts
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

interface Bar {
  readonly name: string;
  readonly note: string;
  readonly value: number;
  readonly ours: boolean;
}

const root = join(import.meta.dirname, '..');
const folder = join(root, 'bench', 'results');
const rows = readdirSync(folder).filter((file) => file.includes('h100')).flatMap((file) =>
  readFileSync(join(folder, file), 'utf8').trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>));

function ours(recompute: string, name: string): Bar {
  const found = rows.findLast((row) => row['case'] === 'step/gpu-step' && row['shape'] === 'llama3-8b' && row['sequence'] === 4096 &&
    row['recompute'] === recompute && row['dropout'] === 0);
  if (found === undefined) throw new Error(`bench/results has no 8B step with recompute ${recompute}`);
  return { name, note: `${(Number(found['usedMiB']) / 1024).toFixed(1)} GiB`, value: Number(found['tokensPerSecond']), ours: true };
}

const peers = (JSON.parse(readFileSync(join(root, 'bench', 'peers.json'), 'utf8')) as { bars: { name: string; gib: number; tokensPerSecond: number }[] })
  .bars.map((bar): Bar => ({ name: bar.name, note: `${bar.gib} GiB`, value: bar.tokensPerSecond, ours: false }));
const bars = [ours('none', 'whetstone, nothing recomputed'), ours('cheap', 'whetstone, norms and SwiGLU recomputed'), ...peers]
  .sort((a, b) => b.value - a.value);

const left = 330, width = 860, line = 34, top = 58, scale = (width - left - 150) / bars[0]!.value;
const text = (x: number, y: number, content: string, more = ''): string => `<text x="${x}" y="${y}" ${more}>${content}</text>`;
const body = bars.map((bar, i) => {
  const y = top + i * line;
  return text(left - 10, y + 17, bar.name, `text-anchor="end"${bar.ours ? ' font-weight="600"' : ''}`) +
    `<rect x="${left}" y="${y}" width="${(bar.value * scale).toFixed(1)}" height="24" rx="3" fill="${bar.ours ? '#c2410c' : '#94a3b8'}"/>` +
    text(left + bar.value * scale + 8, y + 17, `${bar.value.toLocaleString('en-US')} · ${bar.note}`, 'fill="#475569"');
}).join('\n');
writeFileSync(join(root, 'docs', 'figures', 'step-8b.svg'),
  `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${top + bars.length * line + 12}" viewBox="0 0 ${width} ${top + bars.length * line + 12}" ` +
  'font-family="system-ui, sans-serif" font-size="14" fill="#0f172a">\n<rect width="100%" height="100%" fill="#ffffff"/>\n' +
  text(16, 26, 'LoRA step of a Llama-3.1-8B shape on one H100 80GB: trained tokens per second, memory in use', 'font-size="16" font-weight="600"') +
  `\n${text(16, 45, 'r 16 on all seven linears, bf16, 8,192 tokens a step in sequences of 4,096', 'fill="#475569"')}\n${body}\n</svg>\n`);
