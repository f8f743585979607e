// Merging: every weight is W + scale B A in its own type, everything else stays byte for byte, and nothing is left behind.
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { readAdapter, writeAdapter, expectedAdapterTensors } from '../../../lib/checkpoint/adapter.js';
import { decode, encode } from '../../../lib/checkpoint/convert.js';
import { checkCopies } from '../../../lib/checkpoint/copies.js';
import { mergeAdapter } from '../../../lib/checkpoint/merge.js';
import { resolveTargets, type LoraConfig } from '../../../lib/checkpoint/targets.js';
import { loadModel, type LoadedModel } from '../../../lib/model/load.js';
import { modelSpec } from '../../../lib/model/spec.js';
import type { FileDtype, HostTensor } from '../../../lib/tensors.js';
import { LEDGER_COPY, ledgerText, nextEntry, readLedger } from '../../../lib/track/ledger.js';
import type { LedgerEntry } from '../../../lib/track/ledger.js';
import { TINY, scratch, tinyTensors, writeModel, writeShards, type TestTensor } from '../model/folder.js';

let root: Awaited<ReturnType<typeof scratch>>;
let count = 0;
beforeAll(async () => void (root = await scratch('merge')));
afterAll(() => root.remove());
const fresh = (): string => join(root.path, `m${(count += 1)}`);

const UNTIED = { ...TINY, tie_word_embeddings: false };
const ALL: LoraConfig = { r: 3, alpha: 7, targetModules: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj', 'lm_head'], rankPattern: { o_proj: 1 } };

function adapterTensors(config: object, lora: LoraConfig): HostTensor[] {
  let seed = 7;
  return [...expectedAdapterTensors(modelSpec(config), resolveTargets(modelSpec(config), lora))].map(([name, shape]) => ({
    name, shape, data: Float32Array.from({ length: shape[0]! * shape[1]! }, () => ((seed = (Math.imul(seed, 69069) + 1) >>> 0) / 2 ** 32 - 0.5)),
  }));
}

async function writeTestAdapter(config: object, lora: LoraConfig): Promise<{ folder: string; tensors: HostTensor[] }> {
  const folder = fresh();
  const tensors = adapterTensors(config, lora);
  await writeAdapter(folder, { spec: modelSpec(config), lora, tensors });
  return { folder, tensors };
}

async function weights(model: LoadedModel): Promise<Map<string, Float64Array>> {
  const found = new Map<string, Float64Array>();
  for (const { name, file, begin, end, dtype } of model.weights) found.set(name, decode((await readFile(file)).subarray(begin, end), dtype));
  return found;
}

/** W + scale B A by the definition, for every adapted weight, rounded to the type once. */
function expectedWeights(base: Map<string, Float64Array>, config: object, lora: LoraConfig, tensors: HostTensor[], dtype: FileDtype) {
  const byName = new Map(tensors.map(({ name, data, shape }) => [name, { data, shape }]));
  const merged = new Map(base);
  for (const { layer, projection, rank, scale } of resolveTargets(modelSpec(config), lora)) {
    const name = projection === 'head' ? 'head' : `layers.${layer}.${projection}`;
    const [a, b] = [byName.get(`${name}.a`)!, byName.get(`${name}.b`)!];
    const columns = a.shape[1]!;
    merged.set(name, decode(encode((base.get(name) ?? base.get('embed'))!.map((value, at) => {
      let sum = 0;
      for (let j = 0; j < rank; j += 1) sum += b.data[Math.floor(at / columns) * rank + j]! * a.data[j * columns + (at % columns)]!;
      return value + scale * sum;
    }), dtype), dtype));
  }
  return merged;
}

function closeTo(found: Map<string, Float64Array>, expected: Map<string, Float64Array>, dtype: FileDtype): void {
  expect([...found.keys()].sort()).toEqual([...expected.keys()].sort());
  // Sums in another order may fall on the other side of a rounding: one unit in the last place of the type.
  const unit = { F64: 1e-14, F32: 2.4e-7, BF16: 2 ** -7, F16: 2 ** -9 }[dtype];
  let equal = 0;
  let all = 0;
  for (const [name, values] of expected) {
    values.forEach((value, at) => {
      const other = found.get(name)![at]!;
      if (!(Math.abs(other - value) <= unit * Math.max(Math.abs(value), dtype === 'F64' ? 1 : 1e-3))) throw new Error(`${name}[${at}]: ${other}, expected ${value}`);
      equal += other === value ? 1 : 0;
      all += 1;
    });
  }
  if (dtype !== 'F64') expect(equal / all).toBeGreaterThan(0.999);
}

const inType = (config: object, dtype: FileDtype): TestTensor[] =>
  tinyTensors(config).map((tensor) => ({ ...tensor, dtype, bytes: encode(decode(tensor.bytes, 'F32'), dtype) }));

test.each(['F32', 'BF16', 'F16', 'F64'] as const)('every target of a model in %s is merged, the rest is the same', async (dtype) => {
  const base = await writeModel(fresh(), UNTIED, inType(UNTIED, dtype), { 'tokenizer_config.json': { a: 1 }, 'generation_config.json': { eos_token_id: 2 } });
  await writeFile(join(base, 'pytorch_model.bin'), 'old');
  await mkdir(join(base, 'original'));
  const { folder, tensors } = await writeTestAdapter(UNTIED, ALL);
  const out = fresh();
  const progress: [number, number][] = [];
  const report = await mergeAdapter({ model: base, adapter: folder, out, onProgress: (...step) => progress.push(step) });
  expect(report).toMatchObject({ out, merged: 15, untied: false, files: [{ file: 'model.safetensors' }] });
  expect(progress.at(-1)?.[0]).toBe(progress.at(-1)?.[1]);
  expect((await readdir(out)).sort()).toEqual(['config.json', 'generation_config.json', 'model.safetensors', 'tokenizer_config.json']);
  for (const name of ['config.json', 'tokenizer_config.json']) expect((await readFile(join(out, name))).equals(await readFile(join(base, name)))).toBe(true);
  const [before, after] = [await loadModel(base), await loadModel(out)];
  expect(after.weights.map(({ file, ...rest }) => [basename(file), rest])).toEqual(before.weights.map(({ file, ...rest }) => [basename(file), rest]));
  closeTo(await weights(after), expectedWeights(await weights(before), UNTIED, ALL, tensors, dtype), dtype);
});

test('a merged model carries the test ledgers of its base and of its adapter', async () => {
  const base = await writeModel(fresh(), UNTIED, inType(UNTIED, 'F32'));
  const { folder, tensors } = await writeTestAdapter(UNTIED, ALL);
  const [one, other] = ['aa', 'bb'].map((seal) => [0, 1, 2].reduce<LedgerEntry[]>(
    (chain, n) => [...chain, nextEntry(chain.at(-1), { seal, type: n === 0 ? 'sealed' : 'opened', what: { opening: n } })], []));
  await writeFile(join(base, LEDGER_COPY), ledgerText([...one!, ...other!.slice(0, 2)]));
  await writeFile(join(folder, LEDGER_COPY), ledgerText(other!));
  // Written again in the same place, an adapter keeps its ledger.
  await writeAdapter(folder, { spec: modelSpec(UNTIED), lora: ALL, tensors });
  const out = fresh();
  await mergeAdapter({ model: base, adapter: folder, out });
  expect(await readLedger(join(out, LEDGER_COPY))).toEqual({ entries: [...one!, ...other!], problems: [] });
});

test('shards keep their names, and fused projections are merged as one', async () => {
  const config = { ...UNTIED, model_type: 'phi3' };
  const base = fresh();
  await writeShards(base, config);
  const lora: LoraConfig = { r: 2, alpha: 3, targetModules: 'all-linear', useRslora: true };
  const { folder, tensors } = await writeTestAdapter(config, lora);
  const out = fresh();
  await mergeAdapter({ model: base, adapter: folder, out });
  expect((await readdir(out)).sort()).toEqual((await readdir(base)).sort());
  closeTo(await weights(await loadModel(out)), expectedWeights(await weights(await loadModel(base)), config, lora, tensors, 'F32'), 'F32');
});

test.each(['one file', 'shards', 'a head that is stored too'])('a tied head is refused, or gets a tensor of its own when asked: %s', async (form) => {
  const tensors = tinyTensors(TINY);
  const base = fresh();
  if (form === 'shards') await writeShards(base, TINY);
  else await writeModel(base, TINY, form === 'one file' ? tensors : [...tensors, { ...tensors[0]!, name: 'lm_head.weight' }]);
  const lora: LoraConfig = { r: 2, alpha: 4, targetModules: ['lm_head', 'q_proj'] };
  const adapter = await writeTestAdapter(TINY, lora);
  const out = fresh();
  await expect(mergeAdapter({ model: base, adapter: adapter.folder, out })).rejects.toMatchObject({ code: 'ERR_CHECKPOINT', message: /tied to its embedding.*untieHead/s });
  const report = await mergeAdapter({ model: base, adapter: adapter.folder, out, untieHead: true });
  expect(report.untied).toBe(true);
  const after = await loadModel(out);
  expect(after.spec.tiedHead).toBe(false);
  expect(JSON.parse(await readFile(join(out, 'config.json'), 'utf8'))).toEqual({ ...TINY, tie_word_embeddings: false });
  closeTo(await weights(after), expectedWeights(await weights(await loadModel(base)), TINY, lora, adapter.tensors, 'F32'), 'F32');
});

test('a failed, aborted or impossible merge leaves nothing', async () => {
  const base = await writeModel(fresh(), UNTIED, inType(UNTIED, 'F16'));
  const { folder } = await writeTestAdapter(UNTIED, { ...ALL, alpha: 1e9 });
  const parent = fresh();
  await mkdir(parent);
  const out = join(parent, 'out');
  await expect(mergeAdapter({ model: base, adapter: folder, out })).rejects.toMatchObject({ code: 'ERR_CHECKPOINT', message: /q_proj\.weight: the merged weight has values that F16 cannot hold/ });
  const fine = (await writeTestAdapter(UNTIED, ALL)).folder;
  const controller = new AbortController();
  const reason = new Error('stop');
  await expect(mergeAdapter({ model: base, adapter: fine, out, signal: controller.signal, onProgress: () => controller.abort(reason) })).rejects.toBe(reason);
  const full = { write: () => Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' })) };
  await expect(mergeAdapter({ model: base, adapter: fine, out, io: full })).rejects.toThrow(/no space left/);
  const lying = { write: async (handle: { write(bytes: Uint8Array): Promise<unknown> }, bytes: Uint8Array) => void (await handle.write(bytes.map((byte, at) => (at === 9 ? byte ^ 1 : byte)))) };
  await expect(mergeAdapter({ model: base, adapter: fine, out, io: lying })).rejects.toThrow(/what was read back is not what was written/);
  expect(await readdir(parent)).toEqual([]);
  await mkdir(out);
  await writeFile(join(out, 'mine'), '');
  await expect(mergeAdapter({ model: base, adapter: fine, out })).rejects.toThrow(/is not empty/);
});

test('a copy of the head that PEFT saved along must be the base\'s own', async () => {
  const model = await loadModel(await writeModel(fresh(), UNTIED));
  const head = (await weights(model)).get('head')!;
  const copy = (change: (value: number) => number) => ({ folder: 'a', copies: [{ name: 'head', shape: [11, 8], data: Float32Array.from(head, change) }] });
  await checkCopies(copy((value) => value), model);
  await checkCopies(copy((value) => decode(encode(Float64Array.of(value), 'BF16'), 'BF16')[0]!), model);
  await expect(checkCopies(copy((value) => value + 0.1), model)).rejects.toMatchObject({ code: 'ERR_CHECKPOINT', message: /brings a head of its own/ });
  await expect(checkCopies({ folder: 'a', copies: [{ name: 'head', shape: [12, 8], data: new Float32Array(96) }] }, model)).rejects.toThrow(/head of its own/);
  expect((await readAdapter((await writeTestAdapter(UNTIED, ALL)).folder, model.spec)).copies).toEqual([]);
});
