// The command line without a model: help, usage errors and their exit codes, init, where words go with and without --json.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { EXIT, exitCodeOf } from '../../../lib/cli/exit.js';
import { Output } from '../../../lib/cli/output.js';
import { buildProgram, main } from '../../../lib/cli/program.js';
import { DATA_FORMATS } from '../../../lib/data/formats/format.js';
import { EngineError } from '../../../lib/errors.js';
import { parseConfig } from '../../../lib/train/config/parse.js';

function capture(env: NodeJS.ProcessEnv = {}) {
  const text = { out: '', err: '' };
  return {
    text,
    streams: {
      stdout: { write: (part: string) => { text.out += part; } }, stderr: { write: (part: string) => { text.err += part; } },
      stdin: new PassThrough() as NodeJS.ReadableStream & { isTTY?: boolean }, env,
    },
  };
}

async function run(...args: string[]) {
  const { text, streams } = capture();
  return { code: await main(args, streams), ...text };
}

let folder: string;
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'whetstone-cli-')); });
afterEach(() => rmSync(folder, { recursive: true }));

test('help names every command, and ends with 0', async () => {
  const { code, out } = await run('--help');
  expect(code).toBe(EXIT.ok);
  for (const name of ['init', 'train', 'eval', 'generate', 'chat', 'merge', 'devices', 'doctor']) expect(out).toMatch(new RegExp(`^ {2}${name}\\b`, 'm'));
});

test('wherever rows are read, --format takes every format there is', () => {
  const commands = buildProgram(capture().streams, () => undefined).commands.flatMap((command) => [command, ...command.commands]);
  const taking = commands.flatMap((command) => command.options.filter(({ long }) => long === '--format').map(({ argChoices }) => [command.name(), argChoices]));
  expect(taking.map(([name]) => name)).toEqual(expect.arrayContaining(['eval', 'inspect', 'mask', 'check', 'clean', 'split', 'select', 'card']));
  for (const [name, choices] of taking) expect([name, choices]).toEqual([name, ['auto', ...DATA_FORMATS]]);
});

test('data is a group of commands', async () => {
  const { code, out } = await run('data', '--help');
  expect(code).toBe(EXIT.ok);
  expect(out).toMatch(/^ {2}inspect\b/m);
});

const built = join(__dirname, '../../../dist/cli/main.js');
(existsSync(built) ? test : test.skip)('the built command starts as a program (needs npm run build:lib)', () => {
  expect(spawnSync(built, ['--version'], { encoding: 'utf8' }).stdout.trim()).toMatch(/^\d+\.\d+\.\d+$/);
});

test('the version is the package\'s', async () => {
  const { version } = JSON.parse(readFileSync(join(__dirname, '../../../package.json'), 'utf8')) as { version: string };
  expect((await run('--version')).out.trim()).toBe(version);
});

test.each([
  [['frobnicate'], /unknown command 'frobnicate'/],
  [['train'], /missing required argument 'config'/],
  [['eval', '--model', 'm'], /expected either --data .*or --task/],
  [['eval', '--model', 'm', '--data', 'd', '--batch-tokens', 'many'], /expected a whole number of at least 8/],
  [['generate', '--model', 'm', '--prompt', 'p', '--dtype', 'f16'], /Allowed choices are f32, bf16/],
])('%j is a usage error', async (args, message) => {
  const { code, err, out } = await run(...args);
  expect(code).toBe(EXIT.usage);
  expect(err).toMatch(message);
  expect(out).toBe('');
});

test('init writes a configuration that can be read, and never over another', async () => {
  const file = join(folder, 'c.yaml');
  expect(await run('init', file, '--model', 'm', '--train', 'a.jsonl', '--output', 'o')).toMatchObject({ code: EXIT.ok });
  expect(parseConfig(readFileSync(file, 'utf8'))).toMatchObject({ model: 'm', data: { train: 'a.jsonl' }, output: 'o' });
  expect(parseConfig(readFileSync(file, 'utf8')).data.valid).toBeUndefined();
  const again = await run('init', file);
  expect(again).toMatchObject({ code: EXIT.usage, err: expect.stringMatching(/is there already.*--force/) });
  expect(JSON.parse((await run('init', file, '--force', '--json')).out)).toEqual({ file });
});

test('with --json an error is one object on stdout and a sentence on stderr', async () => {
  const file = join(folder, 'c.yaml');
  writeFileSync(file, 'model: m\ntrian: 3\n');
  const { code, out, err } = await run('train', file, '--json');
  expect(code).toBe(EXIT.usage);
  const { error } = JSON.parse(out) as { error: { code: string; message: string; details: object } };
  expect(error).toMatchObject({ code: 'ERR_CONFIG', details: { line: 1, column: 1 } });
  expect(error.message).toContain('c.yaml:2:1: there is no key trian; did you mean train?');
  expect(err).toMatch(/^error \(ERR_CONFIG\): /);
  expect(err).not.toMatch(/\n {4}at /);
});

test('a stack is shown with --debug only, with its causes', () => {
  const error = new EngineError('outer', { code: 'ERR_INTERNAL' }, { cause: new Error('inner') });
  for (const debug of [false, true]) {
    const { text, streams } = capture();
    new Output(streams, { debug }).error(error);
    expect(/\n {4}at /.test(text.err)).toBe(debug);
    expect(text.err.includes('caused by: Error: inner')).toBe(debug);
  }
});

test('every code that users can meet has an exit code of its own kind', () => {
  const code = (details: ConstructorParameters<typeof EngineError>[1]): number => exitCodeOf(new EngineError('', details));
  expect(code({ code: 'ERR_CONFIG' })).toBe(2);
  expect(code({ code: 'ERR_DATA' })).toBe(3);
  expect(code({ code: 'ERR_MODEL', file: '' })).toBe(4);
  expect(code({ code: 'ERR_OUT_OF_MEMORY', needed: 1, free: 0, plan: [] })).toBe(5);
  expect(code({ code: 'ERR_NOT_FINITE', where: 'loss', slot: 0 })).toBe(6);
  expect(exitCodeOf(new Error(''))).toBe(1);
});
