// Whole model folders: what loads, in what shape, and what is refused before any weight is read.
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadModel } from '../../../lib/model/load.js';
import { engineName, engineNameOfPeft, expectedTensors, hubName, modulePath, peftName, projectionsOf } from '../../../lib/model/names.js';
import { modelSpec } from '../../../lib/model/spec.js';
import { TINY, scratch, tinyTensors, writeIndex, writeModel, writeShards } from './folder.js';

let root: Awaited<ReturnType<typeof scratch>>;
let count = 0;
beforeAll(async () => void (root = await scratch('load')));
afterAll(() => root.remove());
const fresh = (): string => join(root.path, `m${(count += 1)}`);
const tokenizer = (size: number) => ({ model: { type: 'BPE', vocab: Object.fromEntries(Array.from({ length: size }, (_, id) => [`t${id}`, id])) } });

test('a folder gives spec, sources, tokenizer files and generation defaults', async () => {
  const folder = await writeModel(fresh(), TINY, undefined, {
    'tokenizer.json': tokenizer(11), 'tokenizer_config.json': {}, 'generation_config.json': { eos_token_id: [2, 5, 99], temperature: 0.6, do_sample: true },
  });
  const model = await loadModel(folder);
  expect(model.spec).toEqual(modelSpec(TINY));
  expect(model.weights.map(({ name }) => name)).toEqual([...expectedTensors(model.spec).keys()]);
  expect(model.weights.every(({ begin, end, shape }) => end - begin === 4 * shape.reduce((a, b) => a * b, 1))).toBe(true);
  expect(model.tokenizer).toEqual({ tokenizer: join(folder, 'tokenizer.json'), config: join(folder, 'tokenizer_config.json') });
  expect(model.generation).toEqual({ eosTokenIds: [2, 5], temperature: 0.6, doSample: true });
});

test('shards give the same sources as one file, and inv_freq buffers and a missing "model." are fine', async () => {
  const whole = await loadModel(await writeModel(fresh(), TINY));
  const folder = fresh();
  await writeShards(folder, TINY);
  const parts = await loadModel(folder);
  const plain = (model: typeof whole) => model.weights.map(({ name, shape, dtype }) => ({ name, shape, dtype }));
  expect(plain(parts)).toEqual(plain(whole));
  expect(new Set(parts.weights.map(({ file }) => file)).size).toBe(2);

  const bare = tinyTensors(TINY).map((tensor) => ({ ...tensor, name: tensor.name.replace(/^model\./, '') }));
  const buffer = { name: 'layers.0.self_attn.rotary_emb.inv_freq', dtype: 'F32', shape: [2], bytes: new Uint8Array(8) };
  expect(plain(await loadModel(await writeModel(fresh(), TINY, [...bare, buffer])))).toEqual(plain(whole));
});

test('a head beside a tied embedding is dropped when equal, used when not, and may stand in for the embedding', async () => {
  const tensors = tinyTensors(TINY);
  const embed = tensors.find(({ name }) => name === 'model.embed_tokens.weight') as (typeof tensors)[0];
  const equal = await loadModel(await writeModel(fresh(), TINY, [...tensors, { ...embed, name: 'lm_head.weight' }]));
  expect(equal.spec.tiedHead).toBe(true);
  expect(equal.weights.some(({ name }) => name === 'head')).toBe(false);

  const changed = Uint8Array.from(embed.bytes, (byte, at) => (at === 5 ? byte ^ 1 : byte));
  const other = await loadModel(await writeModel(fresh(), TINY, [...tensors, { ...embed, name: 'lm_head.weight', bytes: changed }]));
  expect(other.spec.tiedHead).toBe(false);
  expect(other.weights.at(-1)?.name).toBe('head');
  expect(other.notes.join()).toContain('untied');

  const renamed = tensors.map((tensor) => (tensor === embed ? { ...embed, name: 'lm_head.weight' } : tensor));
  const swapped = await loadModel(await writeModel(fresh(), TINY, renamed));
  expect(swapped.spec.tiedHead).toBe(true);
  expect(swapped.weights.map(({ name }) => name).sort()).toEqual([...expectedTensors(swapped.spec).keys()].sort());
});

test('unexpected, missing, misshapen, doubled and badly typed tensors are named', async () => {
  const tensors = tinyTensors(TINY);
  const extra = (name: string, dtype = 'F32') => ({ name, dtype, shape: [2], bytes: new Uint8Array(8) });
  const loading = async (list: typeof tensors) => loadModel(await writeModel(fresh(), TINY, list));
  await expect(loading([...tensors, extra('model.layers.0.self_attn.q_proj.bias')])).rejects
    .toMatchObject({ code: 'ERR_CHECKPOINT', message: /unexpected tensor model\.layers\.0\.self_attn\.q_proj\.bias/ });
  await expect(loading([...tensors, extra('model.layers.7.mlp.up_proj.weight')])).rejects.toThrow(/unexpected tensor model\.layers\.7/);
  await expect(loading([...tensors, extra('model.vision.weight')])).rejects.toThrow(/unexpected tensor model\.vision\.weight/);
  await expect(loading(tensors.slice(0, -1))).rejects.toThrow(/missing tensor model\.norm\.weight/);
  await expect(loading([...tensors, { ...(tensors.at(-1) as (typeof tensors)[0]), name: 'norm.weight' }])).rejects.toThrow(/norm\.weight is there twice/);
  await expect(loadModel(await writeModel(fresh(), { ...TINY, intermediate_size: 13 }, tensors))).rejects
    .toThrow(/down_proj\.weight: config\.json asks for shape \[8, 13\], the file has \[8, 12\]/);
  await expect(loadModel(await writeModel(fresh(), { ...TINY, tie_word_embeddings: false }, tensors))).rejects
    .toThrow(/missing tensor lm_head\.weight.*tie_word_embeddings/s);
  const folder = await writeModel(fresh(), TINY, tensors);
  await writeFile(join(folder, 'model.safetensors'), int8Header(tensors));
  await expect(loadModel(folder)).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED', message: /stored as I8/ });
});

function int8Header(tensors: readonly { name: string; shape: readonly number[] }[]): Buffer {
  let offset = 0;
  const entries = tensors.map(({ name, shape }) => {
    const begin = offset;
    offset += shape.reduce((a, b) => a * b, 1);
    return [name, { dtype: 'I8', shape, data_offsets: [begin, offset] }];
  });
  const json = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, Buffer.alloc(offset)]);
}

test('an index that lies is refused', async () => {
  const cases: [(map: Record<string, unknown>, folder: string) => Promise<unknown>, RegExp][] = [
    [async (_, folder) => rm(join(folder, 'model-00002-of-00002.safetensors')), /model-00002-of-00002\.safetensors: .*missing/],
    [async (map, folder) => writeIndex(folder, { ...map, 'model.norm.weight': 'model-00001-of-00002.safetensors' }), /holds tensor model\.norm\.weight, which .* maps to/],
    [async (map, folder) => writeIndex(folder, { ...map, 'model.extra.weight': 'model-00001-of-00002.safetensors' }), /maps tensor model\.extra\.weight here, but it is missing/],
    [async (map, folder) => writeIndex(folder, { ...map, 'model.norm.weight': undefined }), /model\.norm\.weight is not in the weight_map/],
    [async (map, folder) => writeIndex(folder, { ...map, 'model.norm.weight': '../outside.safetensors' }), /expected the plain name of a \.safetensors file/],
    [async (map, folder) => writeIndex(folder, { ...map, 'model.norm.weight': '/etc/passwd' }), /expected the plain name/],
    [async (map, folder) => writeIndex(folder, { ...map, 'model.norm.weight': 3 }), /expected a string/],
    [async (_, folder) => writeFile(join(folder, 'model.safetensors.index.json'), '{"weight_map":'), /expected JSON/],
    [async (_, folder) => writeFile(join(folder, 'model.safetensors.index.json'), '{}'), /weight_map.*missing/],
  ];
  for (const [damage, expected] of cases) {
    const folder = fresh();
    await damage(await writeShards(folder, TINY), folder);
    await expect(loadModel(folder)).rejects.toThrow(expected);
  }
});

test('folders without config or safetensors say what is wrong', async () => {
  await expect(loadModel(join(root.path, 'nowhere'))).rejects.toMatchObject({ code: 'ERR_MODEL', message: /no such folder/ });
  await expect(loadModel(root.path)).rejects.toMatchObject({ code: 'ERR_MODEL', message: /config\.json/ });
  const folder = await writeModel(fresh(), TINY);
  await rm(join(folder, 'model.safetensors'));
  await expect(loadModel(folder)).rejects.toThrow(/found neither/);
  await writeFile(join(folder, 'pytorch_model.bin'), 'x');
  await expect(loadModel(folder)).rejects.toThrow(/pytorch_model\.bin is a pickle/);
});

test('a tokenizer that does not fit the model names both numbers', async () => {
  const loading = async (json: object) => loadModel(await writeModel(fresh(), TINY, undefined, { 'tokenizer.json': json }));
  await expect(loading(tokenizer(12))).rejects.toMatchObject({ code: 'ERR_MODEL', message: /tokenizer has 12 tokens, but .* 11 rows/ });
  await expect(loading({ ...tokenizer(11), added_tokens: [{ id: 40, content: '<x>' }] })).rejects.toThrow(/has 41 tokens/);
  await expect(loading({ model: { type: 'Unigram', vocab: Array.from({ length: 12 }, () => ['a', 0]) } })).rejects.toThrow(/has 12 tokens/);
  await expect(loading({ model: { vocab: { a: 'one' } } })).rejects.toMatchObject({ code: 'ERR_MODEL', details: { field: 'model.vocab' } });
  await expect(loading({ model: {} })).rejects.toMatchObject({ code: 'ERR_MODEL', details: { field: 'model.vocab' } });
  await expect(loading(tokenizer(7))).resolves.toBeDefined();
});

test('a fingerprint is the same for the same files and changes with a weight', async () => {
  const tensors = tinyTensors(TINY);
  const of = async (list: typeof tensors) => (await loadModel(await writeModel(fresh(), TINY, list))).fingerprint;
  expect(await of(tensors)).toBe(await of(tensors));
  expect(await of(tinyTensors(TINY, 2))).not.toBe(await of(tensors));
});

test('names go there and back for every family', () => {
  for (const model_type of ['llama', 'mistral', 'qwen2', 'qwen3', 'phi3']) {
    const spec = modelSpec({ ...TINY, model_type, tie_word_embeddings: false });
    for (const name of expectedTensors(spec).keys()) {
      expect(engineName(hubName(name))).toBe(name);
      if (name !== 'head') expect(engineName(hubName(name).replace(/^model\./, ''))).toBe(name);
    }
    for (const projection of projectionsOf(spec)) {
      for (const side of ['a', 'b']) {
        const name = projection === 'head' ? `head.${side}` : `layers.1.${projection}.${side}`;
        expect(engineNameOfPeft(peftName(name))).toBe(name);
      }
    }
  }
  expect(peftName('layers.3.q.a')).toBe('base_model.model.model.layers.3.self_attn.q_proj.lora_A.weight');
  expect(peftName('head.b')).toBe('base_model.model.lm_head.lora_B.weight');
  expect(modulePath(2, 'gate_up')).toBe('model.layers.2.mlp.gate_up_proj');
  for (const name of ['norm.a', 'layers.0.norm1.a', 'q.a', 'layers.0.head.a', 'layers.0.q.c']) expect(() => peftName(name)).toThrow(RangeError);
  for (const name of ['model.layers.01.mlp.up_proj.weight', 'model.layers.0.input_layernorm.bias', 'lm_head.bias']) {
    expect(engineName(name)).toBeUndefined();
  }
});

const STORIES = join(__dirname, '../../../../shared/models/stories260K');
const withStories = existsSync(STORIES) ? test : test.skip;
withStories('stories260K loads (skipped where ../shared/models/stories260K is missing)', async () => {
  const model = await loadModel(STORIES);
  expect(model.spec).toMatchObject({ family: 'llama', vocabulary: 512, layers: 5, tiedHead: true });
  expect(model.weights).toHaveLength(5 * 9 + 2);
  expect(model.generation.eosTokenIds).toEqual([2]);
});
