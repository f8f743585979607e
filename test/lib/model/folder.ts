// Makes small model folders for tests: a config, tensors of any dtype with given or random bytes, shards if asked.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expectedTensors, hubName } from '../../../lib/model/names.js';
import { planSafetensors } from '../../../lib/model/safetensors.js';
import { modelSpec } from '../../../lib/model/spec.js';

export interface TestTensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** A folder of its own for the tests of one file, and its removal. */
export async function scratch(name: string): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), `whetstone-${name}-`));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

export function safetensorsBytes(tensors: readonly TestTensor[], metadata?: Record<string, string>): Buffer {
  const plan = planSafetensors(tensors, metadata);
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor.bytes]));
  return Buffer.concat([plan.header, ...plan.entries.map(({ name }) => byName.get(name) as Uint8Array)]);
}

export const TINY = {
  model_type: 'llama', vocab_size: 11, hidden_size: 8, intermediate_size: 12, num_hidden_layers: 2, num_attention_heads: 2,
  num_key_value_heads: 1, max_position_embeddings: 32, rms_norm_eps: 1e-5, tie_word_embeddings: true, eos_token_id: 2,
};

/** The tensors of a config, deterministic f32 contents. */
export function tinyTensors(config: object, seed = 1): TestTensor[] {
  let state = seed;
  return [...expectedTensors(modelSpec(config))].map(([name, shape]) => {
    const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state / 2 ** 32 - 0.5;
    });
    return { name: hubName(name), dtype: 'F32', shape, bytes: new Uint8Array(data.buffer) };
  });
}

export async function writeModel(
  folder: string, config: object, tensors: readonly TestTensor[] = tinyTensors(config), files: Record<string, unknown> = {},
): Promise<string> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  await writeFile(join(folder, 'model.safetensors'), safetensorsBytes(tensors));
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), JSON.stringify(content));
  return folder;
}

/** The same weights as two shards and an index. */
export async function writeShards(folder: string, config: object, tensors = tinyTensors(config)): Promise<Record<string, string>> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  const half = Math.floor(tensors.length / 2);
  const parts = { 'model-00001-of-00002.safetensors': tensors.slice(0, half), 'model-00002-of-00002.safetensors': tensors.slice(half) };
  const map: Record<string, string> = {};
  for (const [file, part] of Object.entries(parts)) {
    await writeFile(join(folder, file), safetensorsBytes(part));
    for (const { name } of part) map[name] = file;
  }
  await writeIndex(folder, map);
  return map;
}

export function writeIndex(folder: string, map: Record<string, unknown>): Promise<void> {
  return writeFile(join(folder, 'model.safetensors.index.json'), JSON.stringify({ metadata: { total_size: 1 }, weight_map: map }));
}
