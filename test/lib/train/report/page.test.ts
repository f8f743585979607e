// The report of a run: made from a folder as a run leaves it, complete, safe against what rows contain, and looked at
// in a real browser: light, dark, small, without a network.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { stringify } from 'yaml';
import type { Browser } from 'playwright-core';
import { sealRows } from '../../../../lib/eval/sealed.js';
import { openSealed } from '../../../../lib/eval/sealed-open.js';
import type { TrainEvent } from '../../../../lib/track/events.js';
import { LEDGER_COPY, ledgerText } from '../../../../lib/track/ledger.js';
import { checkConfig } from '../../../../lib/train/config/parse.js';
import { writeReport } from '../../../../lib/train/report/write.js';
import type { WrittenReport } from '../../../../lib/train/report/write.js';
import { chromium, openBrowser, WHY_NO_BROWSER } from '../../../support/browser.js';

let folder: string;
let written: WrittenReport;
const EVIL = '</td><script>document.title = "taken"</script>';

function metrics(): TrainEvent[] {
  const out: TrainEvent[] = [];
  const estimate = (value: number, standardError: number) => ({ value, standardError });
  for (let step = 0; step <= 40; step++) {
    const [valid, probe] = [1.1 + 2 * Math.exp(-step / 8) + step / 200, 0.2 + 2.9 * Math.exp(-step / 8)];
    if (step > 0) {
      out.push({
        type: 'step', step, steps: 40, epoch: step / 10, loss: probe + 0.2 * Math.sin(step), lr: 1e-3 * (1 - step / 40), gradNorm: 1 + Math.cos(step) / 2, tokens: 500,
        scored: 400, tokensPerSecond: 900, scoredPerSecond: 800, seconds: 0.5, eta: 0,
      });
    }
    if (step % 8 !== 0) continue;
    out.push({
      type: 'validation', step, loss: valid, perplexity: Math.exp(valid), accuracy: 1 - valid / 4, tokens: 900, seconds: 1, best: step === 24, standardError: 0.05, rows: 60,
      slices: ['topic = sea', EVIL].map((name, i) => ({ name, loss: valid + i / 5, standardError: 0.08, accuracy: 0.5, tokens: 450, rows: 30 })),
      probe: { loss: probe, standardError: 0.04, accuracy: 0.8, tokens: 900, rows: 60 }, gap: estimate(valid - probe, 0.06),
      ...(step === 0 ? {} : { changes: { valid: { base: estimate(valid - 3.1, 0.03), last: estimate(-0.1, 0.02), best: estimate(0, 0.02) }, probe: { base: estimate(probe - 3.1, 0.03), last: estimate(-0.1, 0.02) } } }),
    });
    if (step > 0) {
      out.push({
        type: 'diagnosis', step, verdict: step > 20 ? 'overfitting' : 'healthy', evidence: step > 20 ? [{ what: 'a gap', value: 0.9, low: 0.8, high: 1, limit: 0.3 }] : [], also: [],
        remedies: step > 20 ? [{ what: 'more dropout', set: { 'lora.dropout': 0.1 }, live: true }] : [], applied: step === 32 ? ['lora.dropout = 0.1'] : [], final: step === 40,
      });
    }
  }
  out.push({
    type: 'end', reason: 'finished', step: 40, adapter: 'a', trainLoss: 0.3, validLoss: 1.3, adapterStep: 24, seconds: 63, verdict: 'overfitting',
    forgetting: { before: 3, after: 3.4, change: estimate(0.4, 0.05) }, rows: { rows: 60, passes: 5, forgotten: 3, forgetful: 2, mislabels: 1 },
  });
  return out;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'whetstone-report-'));
  const run = join(folder, 'run');
  mkdirSync(join(run, 'adapter'), { recursive: true });
  writeFileSync(join(run, 'metrics.jsonl'), metrics().map((event) => `${JSON.stringify(event)}\n`).join(''));
  writeFileSync(join(run, 'config.yaml'), stringify(checkConfig({ model: 'models/small', data: { train: 'a.jsonl', valid: 'b.jsonl' }, output: run })));
  writeFileSync(join(run, 'mislabels.jsonl'), `${JSON.stringify({ row: 7, file: 'a.jsonl', line: 7, content: { text: EVIL }, level: 3.2 })}\n`);
  writeFileSync(join(folder, 'test.jsonl'), '{"text":"one"}\n{"text":"two"}\n');
  const { file, header } = await sealRows(join(folder, 'test.jsonl'), { output: join(folder, 'test.sealed') });
  await (await openSealed(file, { what: { adapter: 'a' } })).record({ loss: 1.2, interval: [1.1, 1.3], level: 0.95 });
  const entries = await (await openSealed(file, { what: { adapter: 'a' } })).record({ loss: 1.2, interval: [1, 1.4], level: 0.975 });
  writeFileSync(join(run, 'adapter', LEDGER_COPY), ledgerText(entries));
  writeFileSync(join(run, 'environment.json'), JSON.stringify({
    whetstone: '0', node: '20', platform: 'linux', processor: 'p', cores: 2, memoryBytes: 1e9, device: 'cpu', threads: 0, model: 'abc', began: '2026-01-01',
    test: { file, id: header.id, rows: 2, openings: 0, problems: [], shared: { train: 1, valid: 0 } },
  }));
  written = await writeReport(run, { samples: 0 });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('the data: verdict, effect with its uncertainty, ledger', () => {
  const data = JSON.parse(readFileSync(written.json, 'utf8')) as WrittenReport['report'];
  expect(data).toEqual(JSON.parse(JSON.stringify(written.report)));
  expect(data).toMatchObject({ verdict: 'overfitting', status: 'finished', steps: 40, adapterStep: 24, test: { openings: 2, problems: [] } });
  expect(data.effect).toMatchObject({ step: 24, before: 3.1 });
  expect(data.effect!.low).toBeLessThan(data.effect!.change.value);
  expect(data.effect!.p).toBeLessThan(1e-10);
  expect(data.effect!.detectable).toBeCloseTo(2.802 * 0.03, 6);
});

test('the page has every part, no script, and shows rows as text', () => {
  const page = readFileSync(written.html, 'utf8');
  for (const text of ['What the doctor says', 'Is it better, and how surely', 'Parts of the validation rows', 'Before and after', 'The sealed test set', 'Configuration and machine',
    'used 2 times', 'topic = sea', 'more dropout', 'has forgotten some', '1 test rows are also training or validation rows', 'lora.dropout = 0.1', 'learningRate: 0.0002']) {
    expect(page).toContain(text);
  }
  expect(page).not.toMatch(/<script|<img|<link|@import|url\(/);
  expect(page).toContain('&lt;script&gt;');
});

test('a folder that is no run is told so', async () => {
  await expect(writeReport(folder)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT', message: expect.stringContaining('config.yaml') });
});

const inBrowser = chromium === undefined ? describe.skip : describe;
inBrowser(chromium === undefined ? `in a browser (skipped: ${WHY_NO_BROWSER})` : 'in a browser', () => {
  let browser: Browser;
  beforeAll(async () => { browser = await openBrowser(); }, 60_000);
  afterAll(() => browser?.close());

  test.each([['light', 1200], ['dark', 1200], ['light', 380]] as const)('%s, %d wide: drawn, readable, nothing beyond the edge, nothing fetched', async (colorScheme, width) => {
    const context = await browser.newContext({ colorScheme, viewport: { width, height: 900 }, offline: true });
    const page = await context.newPage();
    const [problems, requests]: [string[], string[]] = [[], []];
    page.on('console', (message) => { if (message.type() === 'error') problems.push(message.text()); });
    page.on('pageerror', (error) => problems.push(String(error)));
    page.on('request', (request) => requests.push(request.url()));
    await page.goto(pathToFileURL(written.html).href);
    expect(problems).toEqual([]);
    expect(requests.filter((url) => !url.startsWith('file:'))).toEqual([]);
    expect(await page.title()).toContain('small');
    // As text: this code runs in the page.
    const seen = await page.evaluate<{ wide: boolean; charts: number; drawn: number; unnamed: number; contrast: number; headings: number }>(`(() => {
      const parse = (text) => text.match(/[\\d.]+/g).map(Number);
      const light = ([r, g, b]) => { const f = (v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }; return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b); };
      const under = (node) => { for (let at = node; at; at = at.parentElement) { const c = parse(getComputedStyle(at).backgroundColor); if (c.length < 4 || c[3] > 0.9) return c; } return [255, 255, 255]; };
      const texts = [...document.querySelectorAll('main p, main th, main td, main li, header h1, header p, header a')].filter((node) => node.textContent.trim() && node.offsetParent);
      const ratio = (node) => { const [a, b] = [light(parse(getComputedStyle(node).color)), light(under(node))].sort((x, y) => y - x); return (a + 0.05) / (b + 0.05); };
      const charts = [...document.querySelectorAll('svg.chart')];
      return {
        wide: document.documentElement.scrollWidth > innerWidth + 1,
        charts: charts.length,
        drawn: charts.filter((svg) => svg.getBoundingClientRect().height > 30 && svg.querySelectorAll('path, circle, rect').length > 0).length,
        unnamed: charts.filter((svg) => !(svg.getAttribute('aria-label') ?? '').includes('.')).length,
        contrast: Math.min(...texts.map(ratio)), headings: document.querySelectorAll('main h2').length,
      };
    })()`);
    expect(seen).toMatchObject({ wide: false, unnamed: 0 });
    expect(seen.charts).toBeGreaterThanOrEqual(6);
    expect(seen.drawn).toBe(seen.charts);
    expect(seen.headings).toBeGreaterThanOrEqual(7);
    expect(seen.contrast).toBeGreaterThan(4.5);
    if (process.env['WHETSTONE_SHOTS'] !== undefined) await page.screenshot({ path: join(process.env['WHETSTONE_SHOTS'], `report-${colorScheme}-${width}.png`), fullPage: true });
    await context.close();
  }, 60_000);
});
