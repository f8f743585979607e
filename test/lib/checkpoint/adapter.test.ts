// PEFT's adapter folders: what PEFT wrote is read and reproduced byte for byte; what does not fit is named.
import { cp, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readAdapter, writeAdapter } from '../../../lib/checkpoint/adapter.js';
import { resolveTargets, type LoraConfig } from '../../../lib/checkpoint/targets.js';
import type { AdapterModule } from '../../../lib/engine/types.js';
import { modelSpec } from '../../../lib/model/spec.js';
import type { HostTensor, ModelSpec } from '../../../lib/tensors.js';
import { scratch } from '../model/folder.js';

const GOLDEN = join(__dirname, '../../golden/peft');
const SIZES = {
  vocab_size: 32, hidden_size: 16, intermediate_size: 24, num_hidden_layers: 2, num_attention_heads: 4, num_key_value_heads: 2,
  max_position_embeddings: 64,
};
const llama = modelSpec({ ...SIZES, model_type: 'llama' });
const phi3 = modelSpec({ ...SIZES, model_type: 'phi3' });
const SPECS: Readonly<Record<string, ModelSpec>> = { patterns: llama, regex: phi3, layers: llama, head: llama };

let root: Awaited<ReturnType<typeof scratch>>;
let count = 0;
beforeAll(async () => void (root = await scratch('adapter')));
afterAll(() => root.remove());
const fresh = (): string => join(root.path, `a${(count += 1)}`);

/** A copy of a golden folder with a changed config. */
async function changed(name: string, change: object): Promise<string> {
  const folder = fresh();
  await cp(join(GOLDEN, name), folder, { recursive: true });
  const file = join(folder, 'adapter_config.json');
  await writeFile(file, JSON.stringify({ ...JSON.parse(await readFile(file, 'utf8')), ...change }));
  return folder;
}

const short = (modules: readonly AdapterModule[]): string[] =>
  modules.map(({ layer, projection, rank, scale }) => `${layer}.${projection} ${rank} ${Number(scale.toFixed(6))}`);

test('PEFT\'s folders become the modules, ranks and scales that PEFT computes', async () => {
  const read = async (name: string) => short((await readAdapter(join(GOLDEN, name), SPECS[name] as ModelSpec)).modules);
  // Printed by PEFT for the same folders: test/golden/peft_folder.py check.
  expect(await read('patterns')).toEqual([
    '0.q 2 4', '0.k 4 1.25', '0.o 4 2', '0.down 4 2', '1.q 2 4', '1.k 4 2', '1.o 4 2', '1.down 3 2.666667',
  ]);
  expect(await read('regex')).toEqual(['0.qkv 3 3.464102', '0.gate_up 3 3.464102', '1.qkv 3 3.464102', '1.gate_up 3 3.464102']);
  expect(await read('layers')).toEqual(['1.v 2 1', '1.gate 2 1']);
  expect(await read('head')).toEqual(['0.o 2 2', '1.o 2 2', '-1.head 2 2']);
});

test.each(Object.keys(SPECS))('the folder "%s" is reproduced: weights byte for byte, config but for the order of a set', async (name) => {
  const spec = SPECS[name] as ModelSpec;
  const adapter = await readAdapter(join(GOLDEN, name), spec);
  const folder = fresh();
  await writeAdapter(folder, { spec, lora: adapter.lora, tensors: adapter.tensors, baseModel: adapter.baseModel as string });
  if (name !== 'head') { // PEFT adds a copy of the frozen head there
    expect(await readFile(join(folder, 'adapter_model.safetensors'))).toEqual(await readFile(join(GOLDEN, name, 'adapter_model.safetensors')));
  }
  const theirs = (await readFile(join(GOLDEN, name, 'adapter_config.json'), 'utf8'))
    .replace(/("target_modules": \[\n)([^\]]*)(\n {2}\])/, (_, open: string, items: string, close: string) =>
      open + items.split(/,?\n/).sort().join(',\n') + close);
  expect(await readFile(join(folder, 'adapter_config.json'), 'utf8')).toBe(theirs);
  const again = await readAdapter(folder, spec);
  expect(again.tensors).toEqual(adapter.tensors);
  expect(again.modules).toEqual(adapter.modules);
  expect((await readdir(folder)).sort()).toEqual(['adapter_config.json', 'adapter_model.safetensors']);
});

test('a copy of the frozen head, which PEFT saves along, is set apart', async () => {
  const { copies, tensors } = await readAdapter(join(GOLDEN, 'head'), llama);
  expect(copies.map(({ name, shape }) => [name, shape])).toEqual([['head', [32, 16]]]);
  expect(tensors.some(({ name }) => name === 'head')).toBe(false);
});

test.each<[string, object]>([
  ['use_dora', { use_dora: true }], ['modules_to_save', { modules_to_save: ['lm_head'] }], ['bias', { bias: 'all' }],
  ['lora_bias', { lora_bias: true }], ['trainable_token_indices', { trainable_token_indices: [1] }],
  ['fan_in_fan_out', { fan_in_fan_out: true }], ['peft_type', { peft_type: 'IA3' }], ['use_qalora', { use_qalora: true }],
  ['layer_replication', { layer_replication: [[0, 1]] }], ['target_parameters', { target_parameters: ['x'] }],
  ['init_lora_weights', { init_lora_weights: 'pissa' }], ['task_type', { task_type: 'SEQ_CLS' }], ['next_big_thing', { next_big_thing: 3 }],
])('%s is refused by name', async (field, change) => {
  const error = await readAdapter(await changed('layers', change), llama).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'ERR_UNSUPPORTED', details: { reasons: [expect.stringContaining(`${field} = `)] } });
});

test('adapters that do not fit their model or themselves are refused, naming what is wrong', async () => {
  const reading = async (change: object, name = 'layers', spec = llama) => readAdapter(await changed(name, change), spec);
  await expect(reading({ r: '2' })).rejects.toMatchObject({ code: 'ERR_MODEL', details: { field: 'r' } });
  await expect(reading({ rank_pattern: { v_proj: 'x' } })).rejects.toMatchObject({ code: 'ERR_MODEL', details: { field: 'rank_pattern.v_proj' } });
  await expect(reading({ target_modules: null })).rejects.toMatchObject({ code: 'ERR_MODEL', details: { field: 'target_modules' } });
  await expect(reading({ target_modules: '(' , layers_to_transform: null, layers_pattern: null })).rejects.toThrow(/not a regular expression/);
  await expect(reading({ target_modules: ['c_attn'] })).rejects.toThrow(/leaves no module.*q_proj, k_proj/);
  await expect(reading({ r: 3 })).rejects.toThrow(/gate_proj\.lora_A\.weight: expected shape \[3, 16\], the file has \[2, 16\]/);
  await expect(reading({ layers_to_transform: [0] })).rejects.toThrow(/unexpected tensor .*layers\.1/);
  await expect(reading({ layers_to_transform: null, layers_pattern: null })).rejects.toThrow(/missing tensor .*layers\.0/);
  await expect(reading({}, 'regex', llama)).rejects.toThrow(/leaves no module/);
  await expect(readAdapter(fresh(), llama)).rejects.toMatchObject({ code: 'ERR_CHECKPOINT', message: /adapter_config\.json: not found/ });
  const folder = fresh();
  await mkdir(folder);
  await cp(join(GOLDEN, 'layers/adapter_config.json'), join(folder, 'adapter_config.json'));
  await writeFile(join(folder, 'adapter_model.bin'), '');
  await expect(readAdapter(folder, llama)).rejects.toThrow(/is a pickle/);
  const torn = await changed('layers', {});
  await writeFile(join(torn, 'adapter_model.safetensors'), (await readFile(join(torn, 'adapter_model.safetensors'))).subarray(0, -4));
  await expect(readAdapter(torn, llama)).rejects.toMatchObject({ code: 'ERR_CHECKPOINT' });
});

function tensorsFor(spec: ModelSpec, lora: LoraConfig): HostTensor[] {
  const width = { q: [16, 16], down: [16, 24] } as Record<string, [number, number]>;
  return resolveTargets(spec, lora).flatMap(({ layer, projection, rank }) => {
    const [rows, columns] = width[projection] as [number, number];
    return [{ name: `layers.${layer}.${projection}.a`, shape: [rank, columns], data: new Float32Array(rank * columns).fill(layer + 1) },
      { name: `layers.${layer}.${projection}.b`, shape: [rows, rank], data: new Float32Array(rows * rank) }];
  });
}

test('overlapping patterns mean the same after a file has sorted them', async () => {
  const lora: LoraConfig = {
    r: 4, alpha: 6, targetModules: ['q_proj', 'down_proj'],
    rankPattern: { 'layers.1.self_attn.q_proj': 2, '.*q_proj': 3 }, alphaPattern: { '1.self_attn.q_proj': 7, '.*proj': 5 },
  };
  const folder = fresh();
  await writeAdapter(folder, { spec: llama, lora, tensors: tensorsFor(llama, lora) });
  const again = await readAdapter(folder, llama);
  expect(again.modules).toEqual(resolveTargets(llama, lora));
  expect(short(again.modules)).toEqual(['0.q 3 1.666667', '0.down 4 1.25', '1.q 2 3.5', '1.down 4 1.25']);
});

test('writing checks the tensors, keeps a README.md and replaces nothing but an adapter', async () => {
  const lora: LoraConfig = { r: 2, alpha: 2, targetModules: ['q_proj'] };
  const tensors = tensorsFor(llama, lora);
  const folder = fresh();
  await writeAdapter(folder, { spec: llama, lora, tensors });
  await writeFile(join(folder, 'README.md'), 'mine');
  const before = await readFile(join(folder, 'adapter_model.safetensors'));
  await writeAdapter(folder, { spec: llama, lora, tensors: [...tensors].reverse() });
  expect(await readFile(join(folder, 'adapter_model.safetensors'))).toEqual(before);
  expect(await readFile(join(folder, 'README.md'), 'utf8')).toBe('mine');
  await expect(writeAdapter(folder, { spec: llama, lora, tensors: tensors.slice(1) })).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
  await expect(writeAdapter(folder, { spec: llama, lora: { ...lora, r: 3 }, tensors })).rejects.toThrow(/expected shape \[3, 16\]/);
  await expect(writeAdapter(folder, { spec: llama, lora, tensors: [...tensors, { ...(tensors[0] as HostTensor), name: 'layers.0.o.a' }] }))
    .rejects.toThrow(/layers\.0\.o\.a is not part/);
  await writeFile(join(folder, 'thesis.tex'), 'x');
  await expect(writeAdapter(folder, { spec: llama, lora, tensors })).rejects.toThrow(/thesis\.tex/);
  expect((await readdir(folder)).sort()).toEqual(['README.md', 'adapter_config.json', 'adapter_model.safetensors', 'thesis.tex']);
});

test('a full disk leaves the last adapter as it was and nothing beside it', async () => {
  const lora: LoraConfig = { r: 2, alpha: 2, targetModules: ['q_proj'] };
  const tensors = tensorsFor(llama, lora);
  const parent = fresh();
  const folder = join(parent, 'adapter');
  await writeAdapter(folder, { spec: llama, lora, tensors });
  const before = await readFile(join(folder, 'adapter_model.safetensors'));
  for (const room of [0, 500, 1500]) {
    let left = room;
    const io = {
      async write(handle: { write(bytes: Uint8Array): Promise<unknown> }, bytes: Uint8Array): Promise<void> {
        left -= bytes.length;
        if (left < 0) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
        await handle.write(bytes);
      },
    };
    const other = tensors.map((tensor) => ({ ...tensor, data: tensor.data.map(() => 9) }));
    await expect(writeAdapter(folder, { spec: llama, lora, tensors: other, io })).rejects
      .toMatchObject({ code: 'ERR_CHECKPOINT', message: /no space left on the disk; what was there before is untouched/ });
  }
  expect(await readFile(join(folder, 'adapter_model.safetensors'))).toEqual(before);
  expect(await readdir(parent)).toEqual(['adapter']);
});
