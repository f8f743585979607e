// Twelve runs whose trouble is known because it was put there: by the rows, or by the settings. A seed chooses rows,
// tasks and the exact settings; the doctor is judged on seeds that were not used while it was written.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ConfigInput } from '../../lib/index.js';
import { root } from '../harness.js';

export type Cause = 'healthy' | 'overfitting' | 'underfitting' | 'unstable' | 'label noise' | 'leakage suspected';

export interface KnownRun {
  readonly name: string;
  readonly cause: Cause;
  readonly config: ConfigInput;
}

interface Row {
  readonly prompt: string;
  readonly completion: string;
}

/** mulberry32. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const out = [...items];
  for (let i = out.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [out[i], out[j]] = [out[j]!, out[i]!];
  }
  return out;
}

type Task = (word: { readonly letters: readonly string[]; readonly sounds: string }) => Row;

/** What is learned of a word: how it sounds, which vowels it has, its letters from behind. */
const TASKS: readonly Task[] = [
  ({ letters, sounds }) => ({ prompt: `Word: ${letters.join(' ')}\nSounds:`, completion: sounds }),
  ({ letters }) => ({ prompt: `Word: ${letters.join(' ')}\nVowels:`, completion: ` ${letters.filter((l) => 'aeiou'.includes(l)).join(' ') || 'none'}` }),
  ({ letters }) => ({ prompt: `Word: ${letters.join(' ')}\nBackwards:`, completion: ` ${[...letters].reverse().join(' ')}` }),
];

function words(): { letters: string[]; sounds: string }[] {
  return readFileSync(join(root, 'data/quickstart/train.jsonl'), 'utf8').split('\n').filter(Boolean).map((line) => {
    const { prompt, completion } = JSON.parse(line) as Row;
    return { letters: /^Word: (.*)$/m.exec(prompt)![1]!.split(' '), sounds: completion };
  });
}

/** Some answers exchanged among each other: every row looks right, and teaches something wrong. */
function withNoise(rows: readonly Row[], share: number, random: () => number): Row[] {
  const chosen = shuffled(rows.map((_, i) => i), random).slice(0, Math.round(share * rows.length));
  const out = [...rows];
  chosen.forEach((index, k) => { out[index] = { prompt: rows[index]!.prompt, completion: rows[chosen[(k + 1) % chosen.length]!]!.completion }; });
  return out;
}

/** Writes the rows of all runs below `folder` and returns the runs. */
export function knownRuns(seed: number, folder: string): readonly KnownRun[] {
  const random = generator(seed);
  const all = words();
  const between = (low: number, high: number): number => low + (high - low) * random();
  const model = join(root, 'models/pebble');

  const make = (
    name: string, cause: Cause, task: Task, sizes: { readonly train: number; readonly valid?: number }, settings: ConfigInput['train'],
    change: (train: Row[], valid: Row[]) => readonly [Row[], Row[]] = (train, valid) => [train, valid], lora: ConfigInput['lora'] = { r: 8 },
  ): KnownRun => {
    const count = sizes.valid ?? 96;
    const drawn = shuffled(all, random).slice(0, sizes.train + count).map(task);
    const [train, valid] = change(drawn.slice(count), drawn.slice(0, count));
    const here = join(folder, name.replaceAll(' ', '-'));
    mkdirSync(here, { recursive: true });
    const write = (file: string, rows: readonly Row[]): string => {
      writeFileSync(join(here, file), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
      return join(here, file);
    };
    return {
      name, cause,
      config: {
        model, data: { train: write('train.jsonl', train), valid: write('valid.jsonl', valid), decontaminate: { action: 'off' } }, lora, output: join(here, 'run'), device: 'cpu',
        train: { batchTokens: 512, learningRate: 4e-3, warmupRatio: 0.05, seed, keep: 1, ...settings },
      },
    };
  };
  const [sounds, vowels, backwards] = TASKS as [Task, Task, Task];
  const either = (): Task => (random() < 0.5 ? vowels : backwards);
  const noise = (share: number) => (train: Row[], valid: Row[]) => {
    const noisy = withNoise([...train, ...valid], share, random);
    return [noisy.slice(0, train.length), noisy.slice(train.length)] as const;
  };
  return [
    make('healthy sounds', 'healthy', sounds, { train: 3000 }, { epochs: 1, learningRate: between(3e-3, 6e-3) }),
    make('healthy letters', 'healthy', either(), { train: 2500 }, { epochs: 1, learningRate: between(2e-3, 5e-3), schedule: 'cosine' }),
    make('few rows sounds', 'overfitting', sounds, { train: Math.round(between(60, 140)) }, { steps: 120, learningRate: between(4e-3, 7e-3) }),
    make('few rows letters', 'overfitting', backwards, { train: Math.round(between(40, 80)) }, { steps: 120, learningRate: between(4e-3, 8e-3), schedule: 'constant' }),
    make('rate too low', 'underfitting', sounds, { train: 2500 }, { steps: 100, learningRate: between(1e-6, 8e-6) }),
    make('too few updates', 'underfitting', either(), { train: 2500 }, { steps: Math.round(between(12, 20)), learningRate: between(3e-4, 6e-4), validEvery: 2 }),
    make('rate too high', 'unstable', sounds, { train: 2500 }, { steps: 100, learningRate: between(0.1, 0.3), warmupRatio: 0, clip: 0 }),
    make('rate too high later', 'unstable', either(), { train: 2500 }, { steps: 100, learningRate: between(0.06, 0.12), warmupRatio: 0.4, schedule: 'constant', batchTokens: 256 }),
    make('exchanged sounds', 'label noise', sounds, { train: 3000 }, { epochs: 1, learningRate: between(3e-3, 6e-3) }, noise(between(0.2, 0.35))),
    make('exchanged letters', 'label noise', either(), { train: 2500 }, { epochs: 1, learningRate: between(3e-3, 6e-3) }, noise(between(0.15, 0.3))),
    make('copied rows', 'leakage suspected', sounds, { train: 1500 }, { epochs: 1, learningRate: between(3e-3, 6e-3) },
      (train, valid) => [shuffled([...train, ...valid.slice(0, Math.round(between(0.2, 0.6) * valid.length))], random), valid]),
    make('nearly copied rows', 'leakage suspected', either(), { train: 1500 }, { epochs: 1, learningRate: between(3e-3, 5e-3) },
      (train, valid) => [shuffled([...train, ...valid.slice(0, Math.round(between(0.4, 0.8) * valid.length)).map(({ prompt, completion }) =>
        ({ prompt: prompt.replace('Word:', 'The word:'), completion }))], random), valid]),
  ];
}
