// The report's sections in words and tables: the doctor, slices, samples, masks, the test set's ledger, where and how.

import type { DiagnosisEvent, Verdict } from '../../track/events.js';
import { bytes, clock } from '../../track/format.js';
import { dotChart } from '../../track/html/bars.js';
import { html } from '../../track/html/html.js';
import type { Child, Html } from '../../track/html/html.js';
import { percent, short } from '../../track/html/numbers.js';
import { note, pair, table } from '../../track/html/parts.js';
import { writeResolved } from '../config/write.js';
import type { RunReport } from './collect.js';

export const TONES: Readonly<Record<Verdict, 'good' | 'warn' | 'bad'>> = {
  healthy: 'good', underfitting: 'warn', overfitting: 'warn', 'label noise': 'warn', unstable: 'bad', 'leakage suspected': 'bad',
};

const fixed = (value: number): string => (Number.isFinite(value) ? value.toFixed(4) : '–');
const between = (value: number, error: number): string => `${fixed(value - 1.96 * error)} to ${fixed(value + 1.96 * error)}`;

export function doctor({ diagnoses, end, mislabels, nextRun }: RunReport): Child {
  const last = diagnoses.findLast(({ final }) => final) ?? diagnoses.at(-1);
  if (last === undefined) return html`<p>No validation was made, so there is nothing to judge by. Give <code>data.valid</code>.</p>`;
  const during = diagnoses.filter(({ final }) => !final);
  return html`<p>The whole run: <b class="${TONES[last.verdict]}">${last.verdict}</b>${last.also.length === 0 ? '.' : html`, also ${last.also.map(({ verdict }) => verdict).join(', ')}.`}</p>
${[last, ...last.also].filter(({ evidence }) => evidence.length > 0).map(({ verdict, evidence }) => table({
    caption: `Evidence: ${verdict}`, columns: [{ name: 'measured' }, { name: 'value', numeric: true }, { name: '95 % interval', numeric: true }, { name: 'limit', numeric: true }],
    rows: evidence.map(({ what, value, low, high, limit }) => [what, short(value), low === undefined || high === undefined ? '' : `${short(low)} to ${short(high)}`, limit === undefined ? '' : short(limit)]),
  }))}
${last.remedies.length === 0 ? '' : html`<h3>What to do, best first</h3><ol>${last.remedies.map(({ what, set }) =>
    html`<li>${what}${Object.entries(set).map(([key, value]) => html` <code>${key}: ${String(value)}</code>`)}</li>`)}</ol>${
    nextRun ? html`<p>A configuration with these changes lies beside this report: <code>next-run.yaml</code>.</p>` : ''}`}
${during.length === 0 ? '' : html`<h3>Over the run</h3>${timeline(during)}`}
${rowsOf(end, mislabels)}`;
}

function timeline(diagnoses: readonly DiagnosisEvent[]): Html {
  const runs: { verdict: Verdict; from: number; to: number; applied: string[] }[] = [];
  for (const { verdict, step, applied } of diagnoses) {
    const open = runs.at(-1);
    if (open?.verdict === verdict && applied.length === 0) open.to = step;
    else runs.push({ verdict, from: step, to: step, applied: [...applied] });
  }
  return table({
    columns: [{ name: 'updates' }, { name: 'verdict' }, { name: 'done by itself' }],
    rows: runs.map(({ verdict, from, to, applied }) => [from === to ? String(from) : `${from} to ${to}`, html`<span class="${TONES[verdict]}">${verdict}</span>`, applied.join(', ')]),
  });
}

function rowsOf(end: RunReport['end'], mislabels: RunReport['mislabels']): Child {
  const rows = end?.rows;
  if (rows === undefined) return '';
  return html`<h3>Single rows</h3><p>${short(rows.rows)} training rows were measured ${rows.passes} times. ${short(rows.forgotten)} times a row that was all right was not at the next look (${
    short(rows.forgetful)} rows). ${rows.mislabels === 0 ? 'No group of rows stands apart by its loss.' : html`<b>${short(rows.mislabels)} rows stand apart with a high loss: their answers are most likely wrong.</b>`} All losses: <code>rows.jsonl</code>.</p>
${mislabels.length === 0 ? '' : table({
    caption: 'Most likely wrong, worst first (mislabels.jsonl has more)', columns: [{ name: 'row' }, { name: 'mean loss', numeric: true }, { name: 'content' }],
    rows: mislabels.map(({ row, level, content }) => [String(row), short(level), cut(typeof content === 'string' ? content : JSON.stringify(content) ?? '', 220)]),
  })}`;
}

export function slices({ validations, adapterStep }: RunReport): Child {
  const after = validations.findLast(({ step }) => step === adapterStep) ?? validations.at(-1);
  const base = validations.find(({ step }) => step === 0);
  if (after?.slices === undefined || after.slices.length === 0) return undefined;
  const before = new Map(base?.slices?.map((slice) => [slice.name, slice]));
  const sorted = [...after.slices].sort((a, b) => b.loss - a.loss);
  return html`${dotChart(sorted.map(({ name, loss, standardError: e }) => ({
    label: name, value: loss, color: 1, ...(Number.isFinite(e) ? { low: loss - 1.96 * e, high: loss + 1.96 * e } : {}),
  })), { title: 'Validation loss of each part', value: 'nats a token', reference: after.loss, format: (value) => value.toFixed(3), note: 'With 95 % intervals over rows; the dotted line is the whole set.' })}
${table({
    columns: [{ name: 'part' }, { name: 'rows', numeric: true }, { name: 'tokens', numeric: true }, { name: 'loss before', numeric: true }, { name: 'loss after', numeric: true }, { name: '± 95 %', numeric: true }, { name: 'first choice', numeric: true }],
    rows: sorted.map(({ name, rows, tokens, loss, standardError, accuracy }) =>
      [name, short(rows), short(tokens), fixed(before.get(name)?.loss ?? NaN), fixed(loss), fixed(1.96 * standardError), percent(accuracy)]),
  })}`;
}

export function significance({ effect, end }: RunReport): Child {
  const rows: Child[][] = [];
  if (effect !== null) {
    rows.push([`validation rows, update ${effect.step}`, fixed(effect.before), fixed(effect.after), fixed(effect.change.value), `${fixed(effect.low)} to ${fixed(effect.high)}`, effect.p < 1e-12 ? '< 1e-12' : effect.p.toPrecision(2)]);
  }
  const forgetting = end?.forgetting;
  if (forgetting !== undefined) {
    const { before, after, change: { value, standardError: e } } = forgetting;
    rows.push(['general text', fixed(before), fixed(after), fixed(value), between(value, e), '']);
  }
  if (rows.length === 0) return undefined;
  return html`${table({
    columns: [{ name: 'loss on' }, { name: 'base model', numeric: true }, { name: 'with the adapter', numeric: true }, { name: 'change', numeric: true }, { name: '95 % interval', numeric: true }, { name: 'p of no change', numeric: true }], rows,
  })}${effect === null ? '' : html`<p>Changes are taken row by row, over the same rows. A change of ${short(effect.detectable)} nats a token would have been seen four times in five; smaller ones may hide.</p>`}${
    forgetting === undefined ? '' : html`<p>Perplexity of general text: ${short(Math.exp(forgetting.before))} before, ${short(Math.exp(forgetting.after))} after.${
      forgetting.kl === undefined ? '' : ` Divergence of the next token from the base model's there: ${fixed(forgetting.kl.value)} nats (${between(forgetting.kl.value, forgetting.kl.standardError)}).`}${
      forgetting.change.value - 1.96 * forgetting.change.standardError > 0 ? html` <b class="warn">The model has forgotten some of it.</b>` : ''}</p>`}`;
}

export function samples({ samples: made, samplesMissing }: RunReport): Child {
  if (made === null) return html`<p>No samples: ${samplesMissing ?? 'none were asked for'}.</p>`;
  const lead = html`<p>Held-out prompts, always the most likely token.</p>`;
  if (made.samples.every((sample) => Object.values(sample).every((text: string) => text.length <= 120))) {
    return html`${lead}${table({
      columns: [{ name: 'prompt' }, { name: 'the row says' }, { name: 'before' }, { name: 'after' }],
      rows: made.samples.map((sample) => [sample.prompt, sample.expected, sample.before, sample.after].map((text) => html`<code>${text.trim() || '(nothing)'}</code>`)),
    })}`;
  }
  return html`${lead}${made.samples.map(({ prompt, expected, before, after }) => html`<h3>${cut(prompt.trim(), 300)}</h3>
${pair(html`<p><b>Before</b></p><pre>${before.trim() || '(nothing)'}</pre>`, html`<p><b>After</b></p><pre>${after.trim() || '(nothing)'}</pre>`)}<p>The row says: ${cut(expected.trim(), 400)}</p>`)}`;
}

export function masks({ samples: made }: RunReport): Child {
  if (made === null || made.masks.length === 0) return undefined;
  const shade = 'background:color-mix(in srgb,var(--accent) 22%,transparent);color:inherit;border-bottom:2px solid var(--accent);border-radius:2px';
  return html`<p>Training rows as the model reads them. What is <mark style="${shade}">marked and underlined</mark> is learned; the rest is context.</p>${
    made.masks.map((row) => html`<pre>${row.map(([text, weight]) => (weight > 0 ? html`<mark style="${shade}">${text}</mark>` : text))}</pre>`)}`;
}

export function testSet({ test, environment }: RunReport): Child {
  const noted = environment?.test;
  if (test === null && noted === undefined) return html`<p>No sealed test set belongs to this run. Seal one with <code>whetstone data seal</code>, before anything is tuned on it.</p>`;
  const shared = noted === undefined ? 0 : noted.shared.train + noted.shared.valid;
  return html`${(test?.problems ?? []).map((problem) => note(problem, 'bad'))}
${(test?.openings ?? 0) > 1 ? note(`This test set has been used ${test!.openings} times. Intervals of later looks are wider for it; the best of several looks flatters.`, 'warn') : ''}
${shared > 0 ? note(`${shared} test rows are also training or validation rows.`, 'bad') : ''}
<p>${noted === undefined ? '' : `${short(noted.rows)} sealed rows. `}${openedSoFar(test?.openings ?? 0)}</p>
${test === null || test.entries.length === 0 ? '' : table({
    caption: 'The ledger: each entry carries the hash of the one before', columns: [{ name: 'entry' }, { name: 'when' }, { name: 'what' }, { name: 'result' }, { name: 'hash' }],
    rows: test.entries.map(({ n, time, type, what, hash }) => [String(n), time.replace('T', ' ').slice(0, 19), type === 'opened' ? `opened, look ${String(what['opening'])}` : type, resultOf(what), html`<code>${hash.slice(0, 12)}</code>`]),
  })}`;
}

function openedSoFar(openings: number): string {
  return openings === 0 ? 'It has not been opened.' : openings === 1 ? 'It has been opened once.' : `It has been opened ${openings} times.`;
}

function resultOf(what: Readonly<Record<string, unknown>>): string {
  const { loss, interval, level, rows } = what as { loss?: number; interval?: readonly [number, number]; level?: number; rows?: number };
  if (loss === undefined) return rows === undefined ? '' : `${rows} rows`;
  return `loss ${fixed(loss)}${interval === undefined ? '' : `, ${fixed(interval[0])} to ${fixed(interval[1])} (${percent(level ?? 0.95)})`}`;
}

export function setting({ config, environment, folder, seconds }: RunReport): Child {
  return html`${environment === null ? '' : table({
    columns: [{ name: 'where' }, { name: '' }],
    rows: [
      ['whetstone', environment.whetstone], ['Node', environment.node], ['platform', environment.platform],
      ['processor', `${environment.processor}, ${environment.cores} threads, ${bytes(environment.memoryBytes)}`], ['device', environment.device],
      ['model', html`<code>${config.model}</code> (${environment.model.slice(0, 12)})`], ['began', environment.began], ['took', seconds === null ? '–' : clock(seconds)], ['folder', html`<code>${folder}</code>`],
    ],
  })}<details open><summary>Configuration, with every default filled in</summary><pre>${writeResolved(config)}</pre></details>`;
}

function cut(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}
