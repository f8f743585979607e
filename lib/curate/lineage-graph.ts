// A lineage drawn: files as boxes, steps between them, oldest on the left. Layers by the longest way from an origin.
import path from 'node:path';
import { figure } from '../track/html/figure.js';
import { html } from '../track/html/html.js';
import type { Html } from '../track/html/html.js';
import type { Lineage } from './lineage.js';

interface Node {
  readonly key: string;
  readonly label: string;
  readonly note: string;
  readonly step: boolean;
  layer: number;
}

const BOX = { width: 150, height: 44, gapX: 46, gapY: 18 } as const;

export function lineageGraph(lineage: Lineage): Html {
  const nodes = new Map<string, Node>();
  const edges: [string, string][] = [];
  const file = (name: string, sha256: string): string => {
    if (!nodes.has(sha256)) nodes.set(sha256, { key: sha256, label: path.basename(name), note: sha256.slice(0, 12), step: false, layer: 0 });
    return sha256;
  };
  for (const { step, sha256, from, to } of lineage.steps) {
    nodes.set(sha256, { key: sha256, label: step, note: sha256.slice(0, 12), step: true, layer: 0 });
    for (const one of from) edges.push([file(one.file, one.sha256), sha256]);
    for (const one of to) edges.push([sha256, file(one.file, one.sha256)]);
  }
  for (const one of lineage.files) file(one.file, one.sha256);
  for (let round = 0, moved = true; moved && round < nodes.size; round++) {
    moved = false;
    for (const [a, b] of edges) {
      const [from, to] = [nodes.get(a)!, nodes.get(b)!];
      if (to.layer <= from.layer && from.layer < nodes.size) {
        to.layer = from.layer + 1;
        moved = true;
      }
    }
  }
  const layers: Node[][] = [];
  for (const node of nodes.values()) (layers[node.layer] ??= []).push(node);
  const tallest = layers.reduce((most, layer) => Math.max(most, layer.length), 1);
  const height = tallest * (BOX.height + BOX.gapY) + BOX.gapY;
  const width = Math.max(460, layers.length * (BOX.width + BOX.gapX) + BOX.gapX);
  const place = new Map<string, readonly [number, number]>();
  layers.forEach((layer, x) => layer.forEach((node, y) => place.set(node.key, [
    BOX.gapX / 2 + x * (BOX.width + BOX.gapX), (height - layer.length * (BOX.height + BOX.gapY) + BOX.gapY) / 2 + y * (BOX.height + BOX.gapY),
  ])));
  const cut = (text: string): string => ([...text].length > 21 ? `${[...text].slice(0, 20).join('')}…` : text);
  return figure({
    title: 'From the first file to the last', note: 'Files with the beginnings of their SHA-256; the steps between them have the hash of their record.',
    width, height,
    marks: [
      edges.map(([a, b]) => {
        const [[ax, ay], [bx, by]] = [place.get(a)!, place.get(b)!];
        const [x1, y1, y2] = [ax + BOX.width, ay + BOX.height / 2, by + BOX.height / 2];
        const middle = (x1 + bx) / 2;
        return html`<path class="base" fill="none" stroke-width="1.3" d="M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${bx} ${y2}"/>`;
      }),
      [...nodes.values()].map(({ key, label, note, step }) => {
        const [x, y] = place.get(key)!;
        return html`<rect x="${x}" y="${y}" width="${BOX.width}" height="${BOX.height}" rx="${step ? 22 : 8}" stroke-width="1.4" style="fill:var(--wash);stroke:${
          step ? 'var(--accent)' : 'var(--line)'}"><title>${label} ${key}</title></rect><text class="mark" x="${x + BOX.width / 2}" y="${y + 19}" text-anchor="middle">${
          cut(label)}</text><text class="tick" x="${x + BOX.width / 2}" y="${y + 35}" text-anchor="middle">${note}</text>`;
      }),
    ],
    summary: lineage.steps.length === 0 ? `${lineage.files.length} files without an earlier step.`
      : lineage.steps.map(({ step, from, to }) => `${step}: from ${from.map((one) => path.basename(one.file)).join(', ')} to ${to.map((one) => path.basename(one.file)).join(', ')}.`).join(' '),
    numbers: {
      columns: [{ name: 'file' }, { name: 'bytes', numeric: true }, { name: 'SHA-256' }],
      rows: lineage.files.map((one) => [path.basename(one.file), one.bytes.toLocaleString('en-US'), one.sha256]),
    },
  });
}
