// What the model says before and after, to held-out prompts, always the most likely token; and which tokens of some
// training rows are learned. Made for the report, kept as samples.json with the hash of the adapter they belong to.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../checkpoint/atomic.js';
import { fileDigest } from '../checkpoint/digest.js';
import { generateText } from '../eval/generate.js';
import type { SequenceSet } from '../pack/plan.js';
import { explainText } from '../text/explain.js';
import type { Config } from './config/schema.js';
import { loadParts, openParts } from './open.js';
import type { Parts } from './open.js';
import { encodeRows } from './rows.js';

export interface Sample {
  readonly prompt: string;
  /** What the row says. */
  readonly expected: string;
  readonly before: string;
  readonly after: string;
}

export interface RunSamples {
  /** SHA-256 of the adapter's weights. */
  readonly adapter: string;
  readonly samples: readonly Sample[];
  /** Pieces of training rows and their weight in the loss; 0: context only. */
  readonly masks: readonly (readonly (readonly [text: string, weight: number])[])[];
}

export interface SampleOptions {
  readonly count: number;
  readonly device?: string;
  readonly threads?: number;
}

const LONGEST_PROMPT = 256;
const LONGEST_ANSWER = 96;
const LONGEST_MASK = 400;

/** Reads the samples of a run, or makes them when there are none for this adapter. */
export async function samplesOf(folder: string, config: Config, options: SampleOptions): Promise<RunSamples> {
  const adapterFolder = join(folder, 'adapter');
  const { sha256 } = await fileDigest(join(adapterFolder, 'adapter_model.safetensors'));
  const file = join(folder, 'samples.json');
  const kept = await readFile(file, 'utf8').then((text) => JSON.parse(text) as RunSamples, () => undefined);
  if (kept?.adapter === sha256 && kept.samples.length >= options.count) return { ...kept, samples: kept.samples.slice(0, options.count) };
  const parts = await loadParts({ model: config.model, adapter: adapterFolder, ...(config.revision === undefined ? {} : { revision: config.revision }) });
  const made: RunSamples = { adapter: sha256, samples: await compare(parts, config, options), masks: await masksOf(parts, config) };
  await writeFileAtomic(file, Buffer.from(`${JSON.stringify(made, null, 1)}\n`));
  return made;
}

interface Case {
  readonly prompt: Int32Array;
  readonly expected: Int32Array;
}

async function compare(parts: Parts, config: Config, { count, device, threads }: SampleOptions): Promise<readonly Sample[]> {
  const rows = await encodeRows(parts, config.data.valid ?? config.data.train, config.data);
  const cases = casesOf(rows.set, count);
  rows.close();
  if (cases.length === 0) return [];
  const longest = Math.max(...cases.map(({ prompt }) => prompt.length));
  await using opened = await openParts(parts, {
    device: device ?? config.device, dtype: config.train.dtype, ...(threads === undefined ? {} : { threads }), maxTokens: Math.max(256, longest), maxSequences: 2 * cases.length,
    cacheTokens: 2 * cases.length * (longest + LONGEST_ANSWER), cacheSequences: 2 * cases.length,
  });
  const prompts = [...cases.map(({ prompt }) => ({ tokens: prompt, slot: -1 })), ...cases.map(({ prompt }) => ({ tokens: prompt, slot: opened.slot }))];
  const room = Math.max(8, ...cases.map(({ expected }) => Math.ceil(1.3 * expected.length)));
  const texts = await generateText(opened.session, parts.tokenizer, prompts, {
    maxNewTokens: Math.min(LONGEST_ANSWER, room), stopTokens: [...new Set([...parts.tokenizer.stopIds, ...parts.model.generation.eosTokenIds])],
  });
  return cases.map(({ prompt, expected }, i) => ({
    prompt: parts.tokenizer.decode(prompt), expected: parts.tokenizer.decode(expected), before: texts[i]!.text, after: texts[cases.length + i]!.text,
  }));
}

/** Rows spread over the set: what comes before the first learned token is the prompt; of plain text the first third. */
function casesOf(rows: SequenceSet, count: number): Case[] {
  const cases: Case[] = [];
  const every = Math.max(1, Math.floor(rows.length / (4 * count)));
  for (let row = 0; row < rows.length && cases.length < count; row += every) {
    const { tokens, labels } = rows.get(row);
    const first = labels.findIndex((label) => label >= 0);
    const begin = first > 0 ? first + 1 : Math.ceil(tokens.length / 3);
    if (first < 0 || begin >= tokens.length || begin > LONGEST_PROMPT) continue;
    cases.push({ prompt: tokens.slice(0, begin), expected: tokens.slice(begin, begin + LONGEST_ANSWER) });
  }
  return cases;
}

async function masksOf(parts: Parts, config: Config): Promise<RunSamples['masks']> {
  const rows = await encodeRows(parts, config.data.train, config.data);
  try {
    return Array.from({ length: Math.min(3, rows.set.length) }, (_, i) => {
      const { tokens, labels, weights, row } = rows.set.get(i);
      const [end, part] = [Math.min(tokens.length, LONGEST_MASK), { tokens: tokens.slice(0, LONGEST_MASK), labels: labels.slice(0, LONGEST_MASK) }];
      return explainText(parts.tokenizer, { ...part, row, ...(weights === undefined ? {} : { weights: weights.slice(0, end) }) });
    });
  } finally {
    rows.close();
  }
}
