// What may change between a checkpoint and going on from it, and what may not.
import { checkConfig } from '../../../lib/train/config/parse.js';
import type { ConfigInput } from '../../../lib/train/config/schema.js';
import { changes, refuseChanges } from '../../../lib/train/identity.js';
import type { Identity } from '../../../lib/train/identity.js';

const identity = (config: Partial<ConfigInput> = {}, more: Partial<Identity> = {}): Identity => ({
  config: checkConfig({ model: 'm', data: { train: 'a.jsonl' }, ...config }), model: 'f', rows: 'k', valid: null, steps: 10, ...more,
});
const keys = (config: Partial<ConfigInput>, more?: Partial<Identity>): string[] => changes(identity(), identity(config, more)).map(({ key }) => key);

test('the same run has no changes, also after a round through JSON', () => {
  expect(changes(JSON.parse(JSON.stringify(identity())) as Identity, identity())).toEqual([]);
});

test('paths, cadences and what is kept may change', () => {
  expect(keys({
    model: 'elsewhere/m', data: { train: 'b.jsonl', valid: 'v.jsonl' }, output: 'o', threads: 3, device: 'cpu',
    train: { keep: 5, saveEvery: 3, validEvery: 4, earlyStopping: { patience: 3 } },
  })).toEqual([]);
});

test('what decides the course of the run is refused, with both values', () => {
  expect(keys({ lora: { r: 4 } })).toEqual(['lora.r', 'lora.alpha']);
  const found = changes(identity(), identity({ train: { learningRate: 1e-3, seed: 1 } }));
  expect(() => refuseChanges(found, 'o/step-1', () => undefined)).toThrow(
    /o\/step-1 cannot be gone on from: changed since are train.learningRate \(0.0002, now 0.001\), train.seed \(42, now 1\)/);
});

test('other weights or rows are refused, other lengths and validation rows are told', () => {
  expect(() => refuseChanges(changes(identity(), identity({}, { rows: 'other' })), 'f', () => undefined)).toThrow(/the training rows/);
  expect(() => refuseChanges(changes(identity(), identity({}, { model: 'other' })), 'f', () => undefined)).toThrow(/the weights of the model/);
  const told: string[] = [];
  refuseChanges(changes(identity(), identity({}, { steps: 20, valid: 'v' })), 'f', (message) => told.push(message));
  expect(told).toHaveLength(2);
  expect(told.join()).toMatch(/20 updates instead of 10/);
});
