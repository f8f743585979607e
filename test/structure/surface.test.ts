// The border of the addon, from outside: what engine.node exports to JavaScript and to the linker is what
// lib/engine/binding.ts declares, no more and no less.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { openCase, removeFolders } from '../golden/fixture.js';
import type { NativeAddon, NativeSession } from '../../lib/engine/binding.js';
import { loadModel } from '../../lib/model/load.js';
import { read, root } from './files.js';

const file = join(root, 'build', 'Release', 'engine.node');

function loadAddon(): NativeAddon {
  const holder = { exports: {} as NativeAddon };
  process.dlopen(holder, file);
  return holder.exports;
}

/** Members of an interface in binding.ts. */
function declared(name: string): readonly string[] {
  const body = new RegExp(`export interface ${name} \\{\\n([\\s\\S]*?)\\n\\}`).exec(read('lib/engine/binding.ts'))![1]!;
  return [...body.matchAll(/^ {2}(?:readonly )?(\w+)[(?:]/gm)].map((match) => match[1]!).sort();
}

afterAll(removeFolders);

test('binding.ts is read as it should be', () => {
  expect(declared('NativeAdapterState')).toEqual(['seed', 'step', 'tick']);
  expect(declared('NativeAddon')).toContain('openSession');
});

test('the addon exports what binding.ts declares', () => {
  expect(Object.keys(loadAddon()).sort()).toEqual(declared('NativeAddon'));
});

test('a session has the methods that binding.ts declares', async () => {
  const { spec, weights } = await loadModel(openCase('llama').folder!);
  const session: NativeSession = await loadAddon().openSession(1, {
    device: 'cpu', ordinal: 0, dtype: 'f32', threads: 1, spec, weights, targets: [], slots: 0, rank: 16,
    maxTokens: 16, maxSequences: 2, training: false, recompute: 'none', cacheTokens: 0, cacheSequences: 0, memoryBytes: 0,
  });
  const own = Object.getOwnPropertyNames(session);
  const inherited = Object.getOwnPropertyNames(Object.getPrototypeOf(session) as object).filter((name) => name !== 'constructor');
  expect([...new Set([...own, ...inherited])].sort()).toEqual(declared('NativeSession'));
  await session.close();
});

test('the linker sees Node-API\'s two entries and nothing else', () => {
  const listing = execFileSync('nm', ['-D', '--defined-only', file], { encoding: 'utf8' });
  expect(listing.trim().split('\n').map((line) => line.split(' ').at(-1)).sort())
    .toEqual(['napi_register_module_v1', 'node_api_module_get_api_version_v1']);
});
