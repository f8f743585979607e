// The floors of the house, as data, and the check of one file against them. See floors.test.ts.
import { posix } from 'node:path';

/** What each folder may import besides itself. Longest folder first where one lies in another. */
const NATIVE: Readonly<Record<string, readonly string[]>> = {
  'native/abi': [],
  'native/base': ['native/abi'],
  'native/text': ['native/base'],
  'native/cpu': ['native/abi', 'native/base'],
  'native/runtime': ['native/abi', 'native/base', 'native/cpu/backend.h'],
  'native/model': ['native/abi', 'native/base', 'native/runtime'],
  'native/engine': ['native/abi', 'native/base', 'native/runtime', 'native/model'],
  'native/addon': ['native/abi', 'native/base', 'native/text', 'native/engine'],
  'native/tests': ['native/abi', 'native/base', 'native/text', 'native/cpu', 'native/runtime', 'native/model', 'native/engine'],
  'cuda/prim': ['native/abi', 'native/base'],
  'cuda/common': ['native/abi', 'native/base'],
};
/** The test door reaches the operations themselves; it is never shipped. */
const TEST_DOOR = /^native\/addon\/testing[^/]*$/;
const TEST_DOOR_MAY = ['native/abi', 'native/base', 'native/cpu/backend.h', 'native/runtime', 'native/model', 'native/engine'];
/** Every operation of the CUDA backend: its own folder, the two below it and the list of entries. */
const CUDA_OPERATION_MAY = ['native/abi', 'native/base', 'cuda/prim', 'cuda/common', 'cuda/entries.h'];

/** Floors of lib/: a folder (or file) may import what stands on a lower number. */
const LIB: Readonly<Record<string, number>> = {
  'lib/batch.ts': 7, 'lib/tensors.ts': 7, 'lib/errors.ts': 7, 'lib/record.ts': 7,
  'lib/data': 8, 'lib/text': 8, 'lib/score': 8, 'lib/track': 8,
  'lib/augment': 9, 'lib/pack': 9, 'lib/model': 9, 'lib/engine': 9,
  'lib/curate': 10, 'lib/eval': 10, 'lib/checkpoint': 10,
  'lib/train': 11, 'lib/safety': 11,
  'lib/tune': 12, 'lib/serve': 12,
  'lib/cli': 13, 'lib/index.ts': 13,
};

/** Words that may appear in one place each, and where. */
const WORDS: readonly { readonly what: string; readonly pattern: RegExp; readonly where: RegExp }[] = [
  { what: 'Node-API', pattern: /\bNapi::|\bnapi_\w|#include\s*[<"](napi|node_api)/, where: /^native\/addon\// },
  { what: 'the CUDA API', pattern: /\bcuda[A-Z]\w*\s*\(|#include\s*[<"]cuda/, where: /^cuda\// },
  { what: 'dlopen', pattern: /\bdlopen\s*\(/, where: /^(native\/runtime\/backend\.cc|cuda\/common\/vendor\.cc)$/ },
  { what: 'the path of an addon', pattern: /\.node['"`]/, where: /^lib\/engine\/native\.ts$/ },
];

const CODE = /^(native|cuda|lib)\/.*\.(h|cc|cu|cuh|ts)$/;

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|[^:'"`])\/\/.*$/gm, '$1');
}

function inside(path: string, place: string): boolean {
  return path === place || path.startsWith(`${place}/`);
}

function includes(text: string): readonly { readonly path: string; readonly system: boolean }[] {
  return [...text.matchAll(/^\s*#\s*include\s*([<"])([^>"]+)[>"]/gm)]
    .map((match) => ({ path: match[2]!, system: match[1] === '<' }));
}

function imports(text: string): readonly string[] {
  const found = [
    ...text.matchAll(/\b(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]/g),
    ...text.matchAll(/\bimport\s*\(?\s*['"]([^'"]+)['"]/g),
    ...text.matchAll(/\bnew URL\(\s*['"](\.[^'"]+)['"]\s*,\s*import\.meta\.url/g),
  ];
  return found.map((match) => match[1]!).filter((path) => path.startsWith('.'));
}

function checkNative(name: string, text: string, exists: (path: string) => boolean): string[] {
  const problems: string[] = [];
  const folder = posix.dirname(name);
  const operation = /^cuda\/([^/]+)\//.exec(name);
  const home = Object.keys(NATIVE).find((place) => inside(name, place));
  const top = /^cuda\/[^/]+$/.test(name); // plugin.cu and the list of entries see all of cuda/
  const may = TEST_DOOR.test(name) ? TEST_DOOR_MAY
    : home !== undefined ? NATIVE[home]!
    : operation !== null ? CUDA_OPERATION_MAY
    : top ? ['native/abi', 'native/base', 'cuda'] : undefined;
  if (may === undefined) return [`${name}: its folder stands on no floor; add it to test/structure/floors.ts`];
  const own = home ?? (operation === null ? folder : `cuda/${operation[1]}`);
  for (const { path, system } of includes(text)) {
    if (system) {
      if (own === 'native/abi' && path !== 'stdint.h' && path !== 'stddef.h') {
        problems.push(`${name} includes <${path}>: the ABI is plain C over <stdint.h> and <stddef.h>`);
      }
      continue;
    }
    const target = [posix.join(folder, path), posix.join('native', path), posix.join('cuda', path)].find(exists);
    if (target === undefined) problems.push(`${name} includes "${path}", which is no file of the repository`);
    else if (!inside(target, own) && !may.some((place) => inside(target, place))) {
      problems.push(`${name} includes ${target}; it may include ${[own, ...may].join(', ')}`);
    }
  }
  return problems;
}

function libPlace(name: string): string | undefined {
  return Object.keys(LIB).find((place) => inside(name, place));
}

function checkLib(name: string, text: string, exists: (path: string) => boolean): string[] {
  const problems: string[] = [];
  const home = libPlace(name);
  if (home === undefined) return [`${name}: its folder stands on no floor; add it to test/structure/floors.ts`];
  for (const path of imports(text)) {
    const target = posix.join(posix.dirname(name), path).replace(/\.js$/, '.ts');
    const place = libPlace(target);
    if (!exists(target) && !target.endsWith('.json')) problems.push(`${name} imports ${path}, which is no file of lib/`);
    else if (place === home) continue;
    else if (place === undefined && !target.startsWith('lib/')) continue; // package.json, schemas
    else if (place === undefined || LIB[place]! >= LIB[home]!) {
      problems.push(`${name} (floor ${LIB[home]}) imports ${target} (floor ${place === undefined ? '?' : LIB[place]}); only lower floors`);
    }
  }
  return problems;
}

/** What is wrong with one file; empty when nothing is. `exists` answers for paths of the repository. */
export function checkFile(name: string, source: string, exists: (path: string) => boolean): readonly string[] {
  if (!CODE.test(name)) return [];
  const text = withoutComments(source);
  const words = WORDS.filter(({ pattern, where }) => pattern.test(text) && !where.test(name))
    .map(({ what, where }) => `${name} names ${what}, which belongs to ${where.source}`);
  return [...words, ...(name.startsWith('lib/') ? checkLib : checkNative)(name, text, exists)];
}
