// CPU products in GFLOP/s (products.cc): builds the program from the native build's library and runs it.
//   npm run bench -- ops/products --store f32 --threads 2 --seconds 0.4
// WHETSTONE_ISA forces an instruction set.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { option, root } from '../harness.js';

const library = join(root, 'build', 'Release', 'core.a');
if (!existsSync(library)) throw new Error(`products: expected the native build's ${library}; run npm run build:native first`);
const folder = mkdtempSync(join(tmpdir(), 'whetstone-products-'));
try {
  const program = join(folder, 'products');
  const run = (command: string, args: readonly string[]): void => {
    const { status } = spawnSync(command, args, { stdio: 'inherit', cwd: root });
    if (status !== 0) throw new Error(`products: ${command} ended with ${status}`);
  };
  run('g++', ['-std=c++17', '-O2', '-pthread', '-I', join(root, 'native'), join(root, 'bench', 'ops', 'products.cc'), library, '-ldl', '-o', program]);
  run(program, [option('store', 'f32'), option('threads', '0'), option('seconds', '0.4')]);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
