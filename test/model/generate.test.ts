// Generation with the cache against full passes: greedy is the argmax of the logits, a batch is its sequences run
// alone, adapters are per sequence, ranges of the cache come back.
import { isEngineError } from '../../lib/errors.js';
import type { GenerateSequence, Session } from '../../lib/engine/types.js';
import type { ModelSpec } from '../../lib/tensors.js';
import { allModules, batchOf, generated as run, openTiny, randomTokens, stir } from '../support/engine.js';
import { tinySpec, writeTinyModel, type TinyModel } from '../support/tiny-model.js';

jest.setTimeout(60_000);  // machines that are busy with other things

const families: readonly (readonly [string, Partial<ModelSpec>])[] = [
  ['Llama', {}],
  ['Qwen3', { qkNorm: true, tiedHead: true }],
  ['Phi-3', { fusedQkv: true, fusedGateUp: true }],
  ['Mistral with a window shorter than the text', { window: [6, 6] }],
];

async function open(model: TinyModel, cacheTokens = 256, cacheSequences = 4): Promise<Session> {
  const session = await openTiny('cpu', model, { cacheTokens, cacheSequences, maxTokens: 48 });
  for (const slot of [0, 1]) {
    await session.addAdapter({ modules: allModules(model, 4, 2, true), seed: BigInt(slot) });
    await stir(session, slot, 60 + slot);
  }
  return session;
}

/** Argmax of the last row's logits, again and again, without a cache. */
async function slowly(session: Session, prompt: readonly number[], slot: number, count: number): Promise<number[]> {
  const ids = [...prompt];
  for (let i = 0; i < count; i += 1) {
    const logits = await session.logits(batchOf([{ tokens: ids, slot }]), Int32Array.from([ids.length - 1]));
    ids.push(logits.indexOf(logits.reduce((a, b) => Math.max(a, b))));
  }
  return ids.slice(prompt.length);
}

describe.each(families)('%s', (_name, changes) => {
  const model = writeTinyModel(tinySpec(changes), 21);
  afterAll(() => model.remove());

  test('greedy text is the argmax of full passes, in a batch with mixed adapters and prompts longer than a batch', async () => {
    const session = await open(model);
    const prompts = [[3], randomTokens(30, 61, 1), randomTokens(11, 61, 2), randomTokens(60, 61, 3)].map((p) => p.slice(0, 44));
    const slots = [1, -1, 0, 1];
    const batched = await run(session, prompts.map((p, i) => ({ prompt: Int32Array.from(p), slot: slots[i] as number })), 4);
    for (const [i, prompt] of prompts.entries()) {
      expect(batched[i]).toEqual(await slowly(session, prompt, slots[i] as number, 4));
      expect((await run(session, [{ prompt: Int32Array.from(prompt), slot: slots[i] as number }], 4))[0]).toEqual(batched[i]);
    }
    await session.close();
  });
});

describe('settings', () => {
  const model = writeTinyModel(tinySpec(), 22);
  afterAll(() => model.remove());
  const prompt = Int32Array.from([5, 6, 7]);

  test('a prompt longer than maxTokens is read in pieces', async () => {
    const session = await open(model);
    const wide = await openTiny('cpu', model, { cacheTokens: 256, cacheSequences: 4 });
    const long = Int32Array.from(randomTokens(110, 61, 9));
    expect(await run(session, [{ prompt: long }], 5)).toEqual(await run(wide, [{ prompt: long }], 5));
    await session.close();
    await wide.close();
  });

  test('a seed repeats its text, alone or beside others; another seed differs', async () => {
    const session = await open(model);
    const draw = (seed: bigint): GenerateSequence => ({ prompt, temperature: 1, seed });
    const [first] = await run(session, [draw(1n)], 12);
    const [again, other] = await run(session, [draw(1n), draw(2n)], 12);
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
    await session.close();
  });

  test('a repetition penalty, masks and log-probabilities are followed', async () => {
    const session = await open(model);
    const penalised = (await run(session, [{ prompt, repetitionPenalty: 1e6 }], 20))[0] as number[];
    expect(new Set([...penalised, ...prompt]).size).toBe(23);
    const allow = new Int32Array(4);
    allow[0] = 1 << 9;
    allow[3] = 1 << 4;
    await using generation = await session.generate([{ prompt, maxNewTokens: 4 }, { prompt, maxNewTokens: 4 }]);
    const { tokens, logprobs } = await generation.next({ allow });
    expect(Array.from(tokens)).toEqual([9, 36]);
    const logits = await session.logits(batchOf([{ tokens: [...prompt], slot: -1 }]), Int32Array.from([2]));
    const most = Math.max(...logits);
    const total = most + Math.log(logits.reduce((sum, z) => sum + Math.exp(z - most), 0));
    expect(logprobs[0]).toBeCloseTo((logits[9] as number) - total, 4);
    await session.close();
  });

  test('a finished sequence gives its rows back; a full cache and a used-up range are errors in words', async () => {
    const session = await open(model, 20, 4);
    const refused = async (work: Promise<unknown>): Promise<string> => {
      const error = await work.catch((e: unknown) => e);
      expect(isEngineError(error, 'ERR_INVALID_ARGUMENT')).toBe(true);
      return (error as Error).message;
    };
    const one = await session.generate([{ prompt, maxNewTokens: 2 }, { prompt, maxNewTokens: 7 }]);
    expect(await refused(session.generate([{ prompt, maxNewTokens: 10 }]))).toMatch(/free rows of the cache \(5 of 20\)/);
    for (let i = 0; i < 5; i += 1) await one.next(i === 4 ? { finished: [] } : {}).catch(() => undefined);
    expect(await refused(one.next())).toMatch(/sequence 0, whose 5 rows of the cache are used up/);
    const { tokens } = await one.next({ finished: [0] });
    expect(tokens[0]).toBe(-1);
    expect(tokens[1]).toBeGreaterThanOrEqual(0);
    const two = await session.generate([{ prompt, maxNewTokens: 2 }]);
    await two.end();
    await one.end();
    expect((await run(session, [{ prompt, maxNewTokens: 17 }], 17))[0]).toHaveLength(17);
    await session.close();
  });
});
