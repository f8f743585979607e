// Finding the addon, the plugin and devices: every place tried is named, and a broken plugin kills a child at most.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cpuInfo, devices, findPlugin, probePlugin, whyNoCuda } from '../../lib/engine/devices.js';
import { addonPaths, loadAddon, packageRoot } from '../../lib/engine/native.js';
import { openSession } from '../../lib/engine/session.js';
import { isEngineError } from '../../lib/errors.js';
import { tinySpec } from '../support/tiny-model.js';

jest.setTimeout(60_000);  // machines that are busy with other things

const folder = mkdtempSync(join(tmpdir(), 'whetstone-devices-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function withEnvironment<T>(name: string, value: string, body: () => T | Promise<T>): Promise<T> {
  const before = process.env[name];
  process.env[name] = value;
  try {
    return await body();
  } finally {
    if (before === undefined) delete process.env[name];
    else process.env[name] = before;
  }
}

test('the CPU is always there, described', async () => {
  const [cpu] = await devices();
  expect(cpu).toMatchObject({ kind: 'cpu', ordinal: 0 });
  expect(cpu?.name).not.toBe('');
  expect(cpu?.memoryBytes).toBeGreaterThan(2 ** 28);
  const { isa, available, threads } = cpuInfo();
  expect(available).toContain(isa);
  expect(threads).toBeGreaterThan(0);
});

test('the addon carries the version of the package', () => {
  const { version } = JSON.parse(require('node:fs').readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string };
  expect(loadAddon().version).toBe(version);
});

test('an addon that cannot be loaded: every place and what to do', async () => {
  const script = `import('${join(packageRoot(), 'lib', 'engine', 'native.ts')}').then((m) => m.loadAddon())` +
    '.catch((e) => console.log(e.code, e.details.why, e.message))';
  const run = (path: string) => promisify(execFile)(process.execPath, ['--import', 'tsx', '-e', script],
    { cwd: packageRoot(), env: { ...process.env, WHETSTONE_ENGINE: path } });
  const gone = join(folder, 'gone.node');
  expect((await run(gone)).stdout).toMatch(new RegExp(`^ERR_BACKEND_UNAVAILABLE not-built cannot load .*\\n  ${gone}: not there\\n.*build:native`, 's'));
  const broken = join(folder, 'broken.node');
  writeFileSync(broken, 'words');
  expect((await run(broken)).stdout).toMatch(/broken\.node: .*(invalid ELF|too short)/);
  expect(addonPaths('engine')[0]).toMatch(/engine\.node$/);
});

test('a plugin that is missing or broken shortens the list, and a session on it says why', async () => {
  const gone = join(folder, 'gone.so');
  await withEnvironment('WHETSTONE_CUDA_PLUGIN', gone, async () => {
    expect(() => findPlugin()).toThrow(/Tried:\n.*gone\.so/);
    expect(await devices()).toHaveLength(1);
    expect(await whyNoCuda()).toMatch(/build-cuda/);
    const error = await openSession({ device: 'cuda', spec: tinySpec(), weights: [] }).catch((e: unknown) => e);
    expect(isEngineError(error, 'ERR_BACKEND_UNAVAILABLE') && error.details).toMatchObject({ why: 'not-built', tried: [gone] });
  });
  const broken = join(folder, 'broken.so');
  writeFileSync(broken, 'words');
  await withEnvironment('WHETSTONE_CUDA_PLUGIN', broken, async () => {
    await expect(probePlugin(broken)).rejects.toThrow(/not a shared library/);
    expect(await devices()).toHaveLength(1);
    expect(await whyNoCuda()).toMatch(/not a shared library/);
  });
});

test('a device name that is none is refused in words', async () => {
  await expect(openSession({ device: 'gpu', spec: tinySpec(), weights: [] })).rejects.toThrow(/"cpu", "cuda" or "cuda:<number>", got "gpu"/);
});
