// Imports point downward only: every #include and import of native/, cuda/ and lib/ is held against the floors.
import { checkFile } from './floors.js';
import { read, repositoryFiles } from './files.js';

const files = repositoryFiles();
const known = new Set(files);
const exists = (path: string): boolean => known.has(path);

test('no file reaches up, sideways or around', () => {
  const code = files.filter((name) => /^(native|cuda|lib)\/.*\.(h|cc|cu|cuh|ts)$/.test(name));
  expect(code.length).toBeGreaterThan(5);
  expect(code.flatMap((name) => checkFile(name, read(name), exists))).toEqual([]);
});

const everywhere = (): boolean => true;

test.each([
  ['lib/data/jsonl.ts', "import { train } from '../train/trainer.js';", /floor 8.*floor 11/],
  ['lib/data/jsonl.ts', "import { encode } from '../text/encode.js';", /floor 8.*floor 8/],
  ['lib/data/jsonl.ts', "const worker = new Worker(new URL('../eval/worker.js', import.meta.url));", /floor 10/],
  ['lib/plugins/a.ts', '', /no floor/],
  ['lib/model/load.ts', "const addon = require('../../build/Release/engine.node');", /path of an addon/],
  ['native/abi/types.h', '#include <vector>', /plain C/],
  ['native/cpu/gemm.h', '#include "runtime/ops.h"', /may include/],
  ['native/runtime/ops.cc', '#include "cpu/gemm.h"', /may include/],
  ['native/model/layer.cc', '#include <napi.h>', /Node-API/],
  ['native/model/layer.cc', 'cudaMalloc(&p, n);', /CUDA API/],
  ['native/engine/session.cc', 'void* h = dlopen(path, RTLD_NOW);', /dlopen/],
  ['cuda/linear/linear.cu', '#include "attention/tiles.h"', /may include/],
])('%s with `%s` is refused', (name, text, message) => {
  const only = (path: string): boolean => !/^cuda\/linear\/attention|^native\/(cpu\/(runtime|cpu)|runtime\/cpu|attention)\//.test(path);
  expect(checkFile(name, text, only).join('\n')).toMatch(message);
});

test.each([
  ['lib/train/trainer.ts', "import type { Batch } from '../batch.js';\nimport { pack } from '../pack/packer.js';"],
  ['lib/data/jsonl.ts', "import { x } from './source.js'; import { y } from 'yaml';"],
  ['native/cpu/gemm.h', '#include <cmath>\n// napi_value and dlopen() may be talked about'],
  ['native/runtime/backend.cc', 'void* h = dlopen(path, RTLD_NOW);'],
])('%s with `%s` is allowed', (name, text) => {
  expect(checkFile(name, text, everywhere)).toEqual([]);
});
