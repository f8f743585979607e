// The configuration: defaults, places of mistakes, suggestions, overrides, what init writes, the editor's schema.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { configFields, configKeys } from '../../../lib/train/config/fields.js';
import { configJsonSchema } from '../../../lib/train/config/json-schema.js';
import { checkConfig, parseConfig, readConfig } from '../../../lib/train/config/parse.js';
import { editDistance, suggestKey } from '../../../lib/train/config/suggest.js';
import { configTable } from '../../../schema/table.js';
import { writeCommented, writeResolved } from '../../../lib/train/config/write.js';

const root = join(__dirname, '../../..');
const LEAST = 'model: m\ndata:\n  train: a.jsonl\n';

function problem(text: string, set: string[] = []): { message: string; details: Record<string, unknown> } {
  try {
    parseConfig(text, { file: 'c.yaml', set });
  } catch (error) {
    return error as ReturnType<typeof problem>;
  }
  throw new Error('no problem was found');
}

test('the least configuration gets every documented default', () => {
  const config = parseConfig(LEAST);
  expect(config.lora).toEqual({ r: 16, alpha: 32, targetModules: 'all-linear', dropout: 0, useRslora: false });
  expect(config.train).toMatchObject({ learningRate: 2e-4, schedule: 'linear', batchTokens: 2048, accumulation: 1, clip: 1, seed: 42, dtype: 'f32' });
  expect(checkConfig({ model: 'm', data: { train: 'a.jsonl' } })).toEqual(config);
});

test('fields, roles and templates of the data', () => {
  const config = parseConfig(`model: m\ndata: {train: [a.jsonl, b.csv], fields: {prompt: q}, trainOn: [assistant], tooLong: drop}\n`);
  expect(config.data).toMatchObject({ train: ['a.jsonl', 'b.csv'], fields: { prompt: 'q' }, trainOn: ['assistant'], tooLong: 'drop' });
  expect(problem('model: m\ndata: {train: a, fields: {prompd: q}}\n').message).toMatch(/prompd/);
});

test('alpha is twice the rank unless given', () => {
  expect(parseConfig(`${LEAST}lora:\n  r: 4\n`).lora.alpha).toBe(8);
  expect(parseConfig(`${LEAST}lora:\n  r: 4\n  alpha: 3.5\n`).lora.alpha).toBe(3.5);
});

test.each([
  ['train:\n  learning_rate: 1\n', 5, 3, 'there is no key train.learning_rate; did you mean train.learningRate?'],
  ['train:\n  lr: 1\n', 5, 3, 'there is no key train.lr; did you mean train.learningRate?'],
  ['epochs: 3\n', 4, 1, 'there is no key epochs; did you mean train.epochs?'],
  ['zebra: 3\n', 4, 1, 'there is no key zebra'],
  ['lora:\n  r: 0\n', 5, 6, 'lora.r: expected a number >=1, got 0'],
  ['lora:\n  r: 2.5\n', 5, 6, 'lora.r: expected a whole number, got 2.5'],
  ['lora:\n  alpha: big\n', 5, 10, 'lora.alpha: expected a number, got "big"'],
  ['train:\n  dtype: f16\n', 5, 10, 'train.dtype: expected one of "f32"|"bf16", got "f16"'],
  ['train:\n  earlyStopping: 3\n', 5, 18, 'train.earlyStopping: expected a section with keys, got 3'],
  ['device: gpu\n', 4, 9, 'device: expected "auto", "cpu", "cuda" or "cuda:<number>", got "gpu"'],
])('%j is refused with its place', (text, line, column, message) => {
  const { message: got, details } = problem(LEAST.concat(text));
  expect(got).toBe(`c.yaml:${line}:${column}: ${message}`);
  expect(details).toMatchObject({ code: 'ERR_CONFIG', file: 'c.yaml', line, column });
});

test('what is missing is named, and all mistakes are told at once', () => {
  expect(problem('data:\n  valid: b\n').message.split('\n')).toEqual([
    'c.yaml:1:1: model: expected a string, it is missing',
    'c.yaml:1:1: data.train: expected a file name or a list of file names and sets {files, name, share, weight, tokens, format …}, it is missing',
  ]);
});

test('text that is not YAML is refused with its place', () => {
  expect(problem('model: [1\n').message).toMatch(/^c\.yaml:\d+:\d+: the file is not valid YAML/);
  expect(problem('- a\n').message).toMatch(/expected keys and values/);
  expect(problem('model: a\nmodel: b\n').message).toMatch(/^c\.yaml:2:1: .*unique/);
});

test('a missing file says what to do', async () => {
  await expect(readConfig('/nowhere/c.yaml')).rejects.toMatchObject({ code: 'ERR_CONFIG', message: expect.stringContaining('whetstone init') });
});

test('overrides are typed by the schema', () => {
  const config = parseConfig(LEAST, {
    set: ['train.epochs=3', 'output=123', 'train.learningRate=1e-3', 'lora.targetModules=[q_proj, v_proj]', 'lora.useRslora=true',
      'lora.rankPattern.layers.0.q_proj=4', 'train.betas=[0.8, 0.9]', 'train.earlyStopping.patience=2', 'model=a=b'],
  });
  expect(config.output).toBe('123');
  expect(config.model).toBe('a=b');
  expect(config.train).toMatchObject({ epochs: 3, learningRate: 1e-3, betas: [0.8, 0.9], earlyStopping: { patience: 2 } });
  expect(config.lora).toMatchObject({ targetModules: ['q_proj', 'v_proj'], useRslora: true, rankPattern: { 'layers.0.q_proj': 4 } });
});

test('a wrong override names itself', () => {
  expect(problem(LEAST, ['train.epoch=1']).message).toBe('--set train.epoch=1: there is no key train.epoch; did you mean train.epochs?');
  expect(problem(LEAST, ['train.epochs=-1']).message).toBe('--set train.epochs: expected a number >0, got -1');
  expect(problem(LEAST, ['train.epochs']).message).toMatch(/expected key=value/);
});

test('an empty section counts as absent', () => {
  expect(parseConfig(`${LEAST}train:\n  # steps: 3\nlora:\n`)).toEqual(parseConfig(LEAST));
});

test('what init writes is a configuration with the values given and the defaults elsewhere', () => {
  const text = writeCommented({ model: 'm', 'data.train': 'a.jsonl', 'train.epochs': 2 });
  expect(parseConfig(text)).toEqual(parseConfig(`${LEAST}train:\n  epochs: 2\n`));
  for (const { key } of configFields()) expect(text).toMatch(new RegExp(`^ *(# )?${key.split('.').at(-1)}:`, 'm'));
});

test('the resolved configuration reads back as itself', () => {
  const config = parseConfig(LEAST, { set: ['lora.rankPattern.q_proj=4', 'lora.targetModules=.*\\.(q|v)_proj'] });
  expect(parseConfig(writeResolved(config))).toEqual(config);
});

test('schema/config.json is current', () => {
  const file = JSON.parse(readFileSync(join(root, 'schema/config.json'), 'utf8')) as unknown;
  expect(file).toEqual(JSON.parse(JSON.stringify(configJsonSchema())));
});

test('the table in docs/config.md is current', () => {
  expect(readFileSync(join(root, 'docs/config.md'), 'utf8')).toContain(configTable());
});

test('every key is suggested for itself with a slip, and nothing for nonsense', () => {
  for (const key of configKeys()) {
    const slip = key.length > 5 ? key.slice(0, -2) + key.at(-1) : key;
    expect(configKeys()).toContain(suggestKey(slip, configKeys()));
  }
  expect(suggestKey('train.qwertyuiop', configKeys())).toBeUndefined();
  expect(editDistance('teh', 'the')).toBe(1);
  expect(editDistance('kitten', 'sitting')).toBe(3);
});
