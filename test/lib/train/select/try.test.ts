// `data select --try`, from rows to the measured effect: trains on kept rows and on as many by lot, passes over bad rows, and does not
// train again what it has trained.
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { main } from '../../../../lib/cli/program.js';
import { temporaryFolder } from '../../../support/folder.js';

const root = join(__dirname, '../../../..');
const folder = temporaryFolder();

interface Selected {
  readonly rows: number;
  readonly reasons: Readonly<Record<string, number>>;
  readonly warnings: readonly string[];
  readonly trials: readonly { readonly name: string; readonly rows: number; readonly seed: number; readonly validLoss: number; readonly seconds: number }[];
  readonly effect: { readonly kept: number; readonly random: number; readonly difference: number; readonly standardError: number; readonly runs: number };
}

test('kept rows against as many by lot, on the embedded model', async () => {
  const lines = (name: string, count: number): string[] => readFileSync(join(root, 'data', 'quickstart', name), 'utf8').split('\n').slice(0, count);
  const rows = folder.write('rows.jsonl', [...lines('train.jsonl', 20), '{broken', ...lines('train.jsonl', 40).slice(20)].join('\n'));
  const valid = folder.write('valid.jsonl', lines('valid.jsonl', 10).join('\n'));
  const config = join(folder.path, 'try.yaml');
  writeFileSync(config, `model: ${join(root, 'models', 'pebble')}\ndata: {train: ${rows}, valid: ${valid}}\ntrain: {steps: 2, batchTokens: 128}\nlora: {r: 4}\noutput: ${join(folder.path, 'run')}\n`);
  const out = join(folder.path, 'selected');
  const select = async (): Promise<Selected> => {
    let said = '';
    const streams = {
      stdout: { write: (part: string) => { said += part; } }, stderr: { write: () => undefined }, stdin: new PassThrough() as NodeJS.ReadableStream & { isTTY?: boolean }, env: {},
    };
    expect(await main(['data', 'select', rows, '--model', join(root, 'models', 'pebble'), '--count', '10', '--try', config, '--out', out, '--json'], streams)).toBe(0);
    return JSON.parse(said.trim().split('\n').at(-1)!) as Selected;
  };
  const first = await select();
  expect([first.rows, first.reasons.kept]).toEqual([40, 10]);
  expect(first.warnings.join()).toMatch(/1 bad rows were left out/);
  expect(first.trials.map(({ name, rows: used }) => [name, used])).toEqual([['kept', 10], ['by lot', 10]]);
  const [kept, random] = first.trials.map(({ validLoss }) => validLoss);
  expect(first.effect).toMatchObject({ kept, random, difference: kept! - random!, runs: 1 });
  expect([Number.isFinite(kept), kept === random, first.effect.standardError > 0]).toEqual([true, false, true]);
  const before = statSync(join(out, 'kept.jsonl')).size;
  const again = await select();
  expect(again.trials).toEqual(first.trials); // the same seconds: nothing ran
  expect(statSync(join(out, 'kept.jsonl')).size).toBe(before);
}, 60_000);
