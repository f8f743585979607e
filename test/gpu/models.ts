// Whole models of every family on a device: losses, logits and gradients against the oracle in f32, and in bf16 beside
// what plain code that keeps every tensor in bf16 loses; recomputation and repetition to the bit; isolation of adapters; greedy text.
import type { Batch } from '../../lib/batch.js';
import type { GenerateSequence, SessionOptions, Session } from '../../lib/engine/types.js';
import type { ModelSpec } from '../../lib/tensors.js';
import { allModules, batchOf, deviation, flat, generated, openTiny, randomTokens, stir, type Where } from '../support/engine.js';
import { BOUNDS, examplesOf, families } from '../support/families.js';
import { tinySpec, writeTinyModel, type TinyModel } from '../support/tiny-model.js';
import { findingOf, type Measure } from './outcomes.js';
import type { Reporter, Unit } from './unit.js';

export type Device = 'cpu' | 'cuda';

/** Besides the families of jest: heads and widths of real models, which have kernels of their own on a GPU. */
const wide: readonly (readonly [string, Partial<ModelSpec>])[] = [
  ['Llama, heads of 64', { width: 256, headWidth: 64, feedForward: 512, vocabulary: 1009 }],
  ['Qwen3, heads of 128', { width: 256, heads: 2, kvHeads: 1, headWidth: 128, feedForward: 384, vocabulary: 512, qkNorm: true, tiedHead: true }],
];

/** Everything random that training has; none of it may depend on the device. */
const RANDOM = { dropout: 0.2, settings: { neftuneAlpha: 5, labelSmoothing: 0.1 }, name: 'dropout, NEFTune, smoothing, weights' } as const;

interface Run extends Pick<SessionOptions, 'dtype' | 'recompute'> {
  readonly random?: boolean;
  /** Which of several batches. */
  readonly draw?: number;
}

const DRAWS = 8;

type Numbers = Readonly<Record<keyof typeof BOUNDS, ArrayLike<number>>>;

async function withAdapters<T>(model: TinyModel, where: Where, options: Partial<SessionOptions>, dropout: number, body: (s: Session) => Promise<T>): Promise<T> {
  const session = await openTiny(where, model, options);
  try {
    for (const slot of [0, 1]) {
      await session.addAdapter({ modules: allModules(model, 3 + slot, 1.5, slot === 0), dropout, seed: BigInt(9 + slot) });
      await stir(session, slot, 30 + slot);
    }
    return await body(session);
  } finally {
    await session.close();
  }
}

function batchFor(spec: ModelSpec, random: boolean, draw = 0): Batch {
  const examples = examplesOf(spec.vocabulary, draw);
  if (!random) return batchOf(examples);
  return batchOf(examples.map((each, i) => ({ ...each, weights: each.tokens.map((_, t) => ((t + i) % 5) / 2) })), RANDOM.settings);
}

async function numbersOf(session: Session, batch: Batch): Promise<Numbers> {
  const losses = await session.accumulate(batch);
  return {
    loss: losses.map((l) => l.lossSum),
    gradients: [...await flat(session, 0, 'gradients'), ...await flat(session, 1, 'gradients')],
    logits: await session.logits(batch, Int32Array.from([0, 11, 12, 20, 52])),
    rows: (await session.evaluate(batch)).rowLoss,
  };
}

// The oracle's and the CPU's numbers serve several checks and devices.
const known = new Map<string, Promise<Numbers>>();

function run(name: string, model: TinyModel, where: Where, { random = false, draw = 0, ...options }: Run): Promise<Numbers> {
  const key = JSON.stringify([name, where, random, draw, options]);
  const made = known.get(key) ?? withAdapters(model, where, options, random ? RANDOM.dropout : 0,
    (session) => numbersOf(session, batchFor(model.spec, random, draw)));
  if (where !== 'cuda') known.set(key, made);
  return made;
}

const quantities = Object.keys(BOUNDS) as readonly (keyof Numbers)[];

const deviations = (got: Numbers, want: Numbers, budget: (what: keyof Numbers) => number): readonly Measure[] =>
  quantities.map((what) => ({ what, error: deviation(got[what], want[what]), budget: budget(what) }));

/** How many numbers are not the same, bit for bit: none may. */
function same(got: Numbers, want: Numbers): readonly Measure[] {
  return quantities.map((what) => {
    let different = got[what].length === want[what].length ? 0 : Infinity;
    for (let i = 0; i < want[what].length; i += 1) different += Object.is(got[what][i], want[what][i]) ? 0 : 1;
    return { what: `${what}, numbers that differ`, error: different, budget: 0 };
  });
}

interface Check {
  readonly name: string;
  readonly dtype: 'f32' | 'bf16';
  measure(name: string, model: TinyModel, device: Device): Promise<{ readonly measures: readonly Measure[]; readonly problems?: readonly string[] }>;
}

const asOracle = (random: boolean): Check => ({
  name: random ? `as the oracle, with ${RANDOM.name}` : 'as the oracle', dtype: 'f32',
  async measure(name, model, device) {
    const exact = await run(name, model, 'oracle', { random });
    return { measures: deviations(await run(name, model, device, { random }), exact, (what) => BOUNDS[what]) };
  },
});

const asPlainInBf16: Check = {
  name: 'within twice what plain bf16 loses', dtype: 'bf16',
  async measure(name, model, device) {
    // One loss, or the largest of many errors, may be small by luck: plain code is run on several batches.
    const worst: Record<string, number> = {};
    for (let draw = 0; draw < DRAWS; draw += 1) {
      const exact = await run(name, model, 'oracle', { draw });
      const plain = await run(name, model, 'plain', { dtype: 'bf16', draw });
      for (const what of quantities) worst[what] = Math.max(worst[what] ?? 0, deviation(plain[what], exact[what]));
    }
    const budget = (what: keyof Numbers): number => 2 * worst[what]! + 1e-6;
    return { measures: deviations(await run(name, model, device, { dtype: 'bf16' }), await run(name, model, 'oracle', {}), budget) };
  },
};

const recomputed = (dtype: 'f32' | 'bf16'): Check => ({
  name: 'recompute "cheap" is "none" to the bit, in less memory', dtype,
  async measure(_name, model, device) {
    const bytes: number[] = [];
    const both: Numbers[] = [];
    for (const recompute of ['none', 'cheap'] as const) {
      both.push(await withAdapters(model, device, { dtype, recompute }, 0.1, (session) => {
        bytes.push(session.memory.reduce((sum, line) => sum + line.bytes, 0));
        return numbersOf(session, batchFor(model.spec, false));
      }));
    }
    const problems = bytes[1]! < bytes[0]! ? [] : [`"cheap" takes ${bytes[1]} bytes, "none" ${bytes[0]}`];
    return { measures: same(both[1]!, both[0]!), problems };
  },
});

const repeated = (dtype: 'f32' | 'bf16'): Check => ({
  name: 'twice gives the same bits', dtype,
  measure: (_name, model, device) => withAdapters(model, device, { dtype }, RANDOM.dropout, async (session) => {
    const batch = batchFor(model.spec, true);
    const first = await numbersOf(session, batch);
    await session.dropGradients(); // also turns the random streams back
    return { measures: same(await numbersOf(session, batch), first) };
  }),
});

const isolated: Check = {
  name: 'tokens of one adapter change no bit of another', dtype: 'f32',
  measure: (_name, model, device) => withAdapters(model, device, {}, RANDOM.dropout, async (session) => {
    const { vocabulary } = model.spec;
    const gradients = async (seed: number): Promise<readonly number[]> => {
      await session.accumulate(batchOf([{ tokens: randomTokens(23, vocabulary, 1), slot: 0 }, { tokens: randomTokens(31, vocabulary, seed), slot: 1 }]));
      const found = await flat(session, 0, 'gradients');
      await session.dropGradients();
      return found;
    };
    const [one, other] = [await gradients(2), await gradients(77)];
    const different = one.filter((g, i) => !Object.is(g, other[i])).length;
    const problems = one.some((g) => g !== 0) ? [] : ['every gradient is 0'];
    return { measures: [{ what: 'gradients that differ', error: different, budget: 0 }], problems };
  }),
};

const texts = new Map<string, Promise<readonly (readonly number[])[]>>();

function text(name: string, model: TinyModel, where: Where): Promise<readonly (readonly number[])[]> {
  const key = `${name} ${where}`;
  const made = texts.get(key) ?? withAdapters(model, where, { cacheTokens: 256, cacheSequences: 4, maxTokens: 48 }, 0, (session) => {
    const prompts = [[3], ...[30, 11, 44].map((length, i) => randomTokens(length, model.spec.vocabulary, 1 + i))];
    return generated(session, prompts.map((prompt, i) => ({ prompt: Int32Array.from(prompt), slot: [1, -1, 0, 1][i]! })), 12);
  });
  if (where !== 'cuda') texts.set(key, made);
  return made;
}

const greedy: Check = {
  name: 'greedy text', dtype: 'f32',
  async measure(name, model, device) {
    const want = await text(name, model, device === 'cpu' ? 'oracle' : 'cpu');
    const got = await text(name, model, device);
    const problems = want.flatMap((tokens, q) => (tokens.join() === got[q]!.join() ? [] : [`sequence ${q} is ${got[q]!.join(' ')}, not ${tokens.join(' ')}`]));
    return { measures: [], problems };
  },
};

/** Every setting of sampling, several sequences at once, masks and sequences that end early. */
const drawn = async (model: TinyModel, where: Where): Promise<{ readonly tokens: readonly (readonly number[])[]; readonly logprobs: readonly number[] }> =>
  withAdapters(model, where, { cacheTokens: 256, cacheSequences: 6, maxTokens: 48 }, 0, async (session) => {
    const { vocabulary } = model.spec;
    const words = Math.ceil(vocabulary / 32);
    const settings: readonly Omit<GenerateSequence, 'prompt'>[] = [
      { temperature: 1, seed: 3n }, { temperature: 0.7, topK: 5, seed: 4n, slot: 0 }, { temperature: 1.4, topP: 0.8, seed: 5n, slot: 1 },
      { temperature: 1, repetitionPenalty: 1.5, seed: 6n, slot: 0 }, { slot: 1 }, { temperature: 0.9, topK: 20, topP: 0.9, repetitionPenalty: 1.1, seed: 7n },
    ];
    await using generation = await session.generate(settings.map((each, i) => ({ ...each, prompt: Int32Array.from(randomTokens(3 + 5 * i, vocabulary, 40 + i)) })));
    const tokens: number[][] = [];
    const logprobs: number[] = [];
    for (let i = 0; i < 10; i += 1) {
      const live = i < 6 ? 6 : 5;
      // Every third step only even ids; the third sequence ends after six.
      const allow = i % 3 === 2 ? { allow: new Int32Array(live * words).fill(0x55555555) } : {};
      const step = await generation.next({ ...allow, ...(i === 6 ? { finished: [2] } : {}) });
      tokens.push([...step.tokens]);
      logprobs.push(...[...step.logprobs].filter((_, q) => step.tokens[q]! >= 0));
    }
    return { tokens, logprobs };
  });

const sampled: Check = {
  name: 'sampled text, settings and masks', dtype: 'f32',
  async measure(_name, model, device) {
    const want = await drawn(model, device === 'cpu' ? 'oracle' : 'cpu');
    const got = await drawn(model, device);
    const problems = want.tokens.flatMap((step, i) => (step.join() === got.tokens[i]!.join() ? [] : [`step ${i} drew ${got.tokens[i]!.join(' ')}, not ${step.join(' ')}`]));
    return { measures: problems.length > 0 ? [] : [{ what: 'log-probabilities', error: deviation(got.logprobs, want.logprobs), budget: BOUNDS.logits }], problems };
  },
};

const checks: readonly Check[] = [
  asOracle(false), asOracle(true), asPlainInBf16, recomputed('f32'), recomputed('bf16'), repeated('f32'), repeated('bf16'), isolated, greedy, sampled,
];

export function modelUnits(devices: readonly Device[]): readonly Unit[] {
  return [...families, ...wide].flatMap(([name, changes]) => checks.map((check): Unit => ({
    group: 'models', op: 'model', name: `${name}: ${check.name}`, dtype: check.dtype,
    async run(report: Reporter) {
      const model = writeTinyModel(tinySpec(changes), 3);
      try {
        for (const device of devices) {
          report.at({ backend: device });
          const { measures, problems } = await check.measure(name, model, device);
          report.add(findingOf(measures, problems));
        }
      } finally {
        model.remove();
      }
    },
  })));
}
