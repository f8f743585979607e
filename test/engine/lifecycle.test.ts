// Beginnings and ends, each in a process of its own: what is wrong here takes the process with it.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addonPaths } from '../../lib/engine/native.js';
import { toNativeOptions } from '../../lib/engine/arguments.js';
import { allModules } from '../support/engine.js';
import { projections, tinySpec, writeTinyModel } from '../support/tiny-model.js';

jest.setTimeout(120_000);  // sixty workers on a busy machine

const TOKENS = 512;
const model = writeTinyModel(tinySpec({ layers: 8, window: Array.from({ length: 8 }, () => 0), width: 96, feedForward: 256 }), 41);
const folder = mkdtempSync(join(tmpdir(), 'whetstone-lifecycle-'));
afterAll(() => {
  model.remove();
  rmSync(folder, { recursive: true, force: true });
});

const addon = addonPaths('engine')[0] as string;

interface Outcome {
  readonly code: number | null;
  readonly signal: string | null;
  readonly output: string;
}

function child(mode: string, changes: Record<string, unknown> = {}): Promise<Outcome> {
  const options = {
    ...toNativeOptions({ spec: model.spec, weights: model.weights, targets: projections(model.spec), slots: 1, rank: 4, threads: 2,
      maxTokens: TOKENS, maxSequences: 4 }), ...changes };
  const file = join(folder, `${mode}.json`);
  writeFileSync(file, JSON.stringify({ options, modules: allModules(model, 4, 2), tokens: TOKENS }));
  return new Promise((resolve) => {
    const process_ = execFile(process.execPath, ['--expose-gc', join(__dirname, '..', 'support', 'lifecycle-child.cjs'), mode, addon, file],
      { timeout: 110_000 }, (_error, stdout, stderr) => {
        resolve({ code: process_.exitCode, signal: process_.signalCode, output: `${stdout}${stderr}`.trim() });
      });
  });
}

const ended = (output: string): Outcome => ({ code: 0, signal: null, output });

test('exit with a step running', async () => {
  expect(await child('exit')).toEqual(ended('leaving'));
});

test('a pending step keeps the process alive, an idle session does not', async () => {
  expect(await child('wait')).toEqual(ended('loss of 1'));
});

test('close during a step: everything pending rejects with ERR_CLOSED, twice is fine', async () => {
  expect(await child('close')).toEqual(ended('ERR_CLOSED ERR_CLOSED ERR_CLOSED'));
});

test('sessions that are only collected, never closed', async () => {
  expect(await child('collect')).toEqual(ended('collected true'));
});

test('a promise under way holds its session', async () => {
  expect(await child('heldByPromise')).toEqual(ended('loss of 1'));
});

test('two sessions at once give the same numbers', async () => {
  expect(await child('two')).toEqual(ended('same 1'));
});

test('methods refuse objects that are no session', async () => {
  expect(await child('foreign')).toEqual(ended('TypeError TypeError TypeError TypeError TypeError sessions are made by openSession'));
});

test('worker.terminate() with a step running, sixty times', async () => {
  expect(await child('terminate')).toEqual(ended('terminated 60'));
});

describe('plugins', () => {
  const write = (name: string, bytes: Uint8Array): string => {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    return path;
  };

  test('a missing one, one that is no library, one cut short, and a library that is no plugin', async () => {
    const gone = await child('plugin', { plugin: join(folder, 'gone.so') });
    expect(gone.output).toMatch(/^ERR_BACKEND_UNAVAILABLE not-built .*gone\.so: the file does not exist/);
    const text = await child('plugin', { plugin: write('text.so', Buffer.from('not a library at all, only words')) });
    expect(text.output).toMatch(/^ERR_BACKEND_UNAVAILABLE not-built .*not a shared library/);
    const whole = readFileSync(addon);
    const cut = await child('plugin', { plugin: write('cut.so', whole.subarray(0, whole.length >> 1)) });
    expect(cut.output).toMatch(/^ERR_BACKEND_UNAVAILABLE not-built .*cut short/);
    const other = await child('plugin', { plugin: write('other.so', whole) });
    expect(other.output).toMatch(/^ERR_BACKEND_UNAVAILABLE (abi-mismatch .*exports lora_backend_entry|not-built .*cannot load the plugin)/);
    for (const outcome of [gone, text, cut, other]) expect(outcome).toMatchObject({ code: 0, signal: null });
  });
});
