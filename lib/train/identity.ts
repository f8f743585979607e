// What makes a run this run: if any of it changes, going on from a checkpoint would not be going on.

import { EngineError } from '../errors.js';
import type { Config } from './config/schema.js';

export interface Identity {
  readonly config: Config;
  /** Fingerprints of the model's weights and of the encoded rows. */
  readonly model: string;
  readonly rows: string;
  readonly valid: string | null;
  /** Updates of the whole run. */
  readonly steps: number;
}

/** Keys that may change between a checkpoint and going on from it. */
const FREE = /^(model|revision|data\.(train|valid|test|sliceBy)|doctor\.(rows|general)|generate\..*|output|device|threads|train\.(steps|epochs|keep|saveEvery|validEvery|restoreBest|earlyStopping\..*))$/;

export interface Change {
  readonly key: string;
  readonly before: unknown;
  readonly now: unknown;
}

/** What differs, apart from keys that may. Paths may change as long as what they lead to is the same. */
export function changes(before: Identity, now: Identity): readonly Change[] {
  const [old, fresh] = [flat(before.config), flat(now.config)];
  const keys = [...new Set([...old.keys(), ...fresh.keys()])].filter((key) => !FREE.test(key));
  return [
    ...keys.map((key) => ({ key, before: old.get(key), now: fresh.get(key) })),
    { key: 'the weights of the model', before: before.model, now: now.model },
    { key: 'the training rows', before: before.rows, now: now.rows },
    { key: 'the validation rows', before: before.valid, now: now.valid },
    { key: 'the number of updates', before: before.steps, now: now.steps },
  ].filter((change) => JSON.stringify(change.before) !== JSON.stringify(change.now));
}

/** More or fewer updates, and other validation rows, are told of; everything else is refused. */
export function refuseChanges(found: readonly Change[], folder: string, warn: (message: string) => void): void {
  const mild = found.filter(({ key }) => key === 'the number of updates' || key === 'the validation rows');
  const hard = found.filter((change) => !mild.includes(change));
  if (hard.length > 0) {
    const list = hard.map(({ key, before, now }) => (key.startsWith('the ') ? key : `${key} (${show(before)}, now ${show(now)})`)).join(', ');
    throw new EngineError(
      `${folder} cannot be gone on from: changed since are ${list}. Put that back, or begin anew with another output (or --overwrite)`,
      { code: 'ERR_CONFIG', ...(hard[0]!.key.startsWith('the ') ? {} : { key: hard[0]!.key }) });
  }
  for (const { key, before, now } of mild) {
    warn(key === 'the number of updates' ? `the run now has ${String(now)} updates instead of ${String(before)}: the schedule stretches over them`
      : 'the validation rows have changed: losses before and after cannot be compared');
  }
}

function show(value: unknown): string {
  return value === undefined ? 'absent' : JSON.stringify(value);
}

function flat(value: object, prefix = ''): Map<string, unknown> {
  const out = new Map<string, unknown>();
  for (const [name, inner] of Object.entries(value)) {
    if (typeof inner === 'object' && inner !== null && !Array.isArray(inner)) {
      for (const [key, leaf] of flat(inner as object, `${prefix}${name}.`)) out.set(key, leaf);
    } else if (inner !== undefined) {
      out.set(`${prefix}${name}`, inner);
    }
  }
  return out;
}
