// Training state: exact there and back, verified when read, kept and pruned, and never lost to a crash or full disk.
import { createHash } from 'node:crypto';
import { appendFile, mkdir, readFile, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exactParse, exactStringify } from '../../../lib/checkpoint/exact-json.js';
import { bestCheckpoint, listCheckpoints, loadCheckpoint, loadNewestCheckpoint, saveCheckpoint, type TrainingState } from '../../../lib/checkpoint/resume.js';
import { LIB, killChild, startChild } from '../model/child.js';
import { scratch } from '../model/folder.js';

let root: Awaited<ReturnType<typeof scratch>>;
let count = 0;
beforeAll(async () => void (root = await scratch('resume')));
afterAll(() => root.remove());
const fresh = (): string => join(root.path, `r${(count += 1)}`);

function stateAt(step: number, metric?: number): TrainingState {
  const tensor = (name: string, value: number) => ({ name, shape: [2, 3], data: Float32Array.of(value, -0, 1e-45, 3.4e38, value / 3, Math.PI) });
  return {
    step, configHash: 'abc', ...(metric === undefined ? {} : { metric }),
    adapters: [{
      name: 'default', state: { step, tick: 7 * step, seed: 18446744073709551615n },
      weights: [tensor('layers.0.q.a', step), tensor('layers.0.q.b', -step)],
      optimizer: ['a', 'b'].flatMap((side) => ['m', 'v'].map((kind) => tensor(`layers.0.q.${side}.${kind}`, step / 7))),
    }],
    loop: { cursor: { row: 12, epoch: 1, order: [3, 1, 2] }, lr: 0.1 + 0.2, losses: [1.5, Number.NaN, -0, Infinity], seed: -5n, note: 'ü "q" \u2028' },
  };
}

test('what is saved is what is loaded, to the last bit, and equal states give equal files', async () => {
  const [one, two] = [fresh(), fresh()];
  const path = await saveCheckpoint(one, stateAt(10, 0.25));
  expect(path).toBe(join(one, 'checkpoint-10'));
  const loaded = await loadCheckpoint(path);
  const byName = (tensors: TrainingState['adapters'][0]['weights']) => new Map(tensors.map(({ name, data }) => [name, Buffer.from(data.buffer).toString('hex')]));
  const saved = stateAt(10, 0.25);
  expect(byName(loaded.adapters[0]!.weights)).toEqual(byName(saved.adapters[0]!.weights));
  expect(byName(loaded.adapters[0]!.optimizer)).toEqual(byName(saved.adapters[0]!.optimizer));
  expect(loaded.adapters[0]!.state).toEqual(saved.adapters[0]!.state);
  expect(loaded.loop).toEqual(saved.loop);
  expect({ ...loaded, adapters: [], loop: null }).toEqual({ ...saved, adapters: [], loop: null });
  await saveCheckpoint(two, stateAt(10, 0.25));
  for (const name of await readdir(path)) {
    expect((await readFile(join(path, name))).equals(await readFile(join(two, 'checkpoint-10', name)))).toBe(true);
  }
});

test('the last few and the best stay, and what is newer than the run is left alone', async () => {
  const folder = fresh();
  for (const [step, metric] of [[1, 3], [2, 1], [3, 2], [4, Number.NaN], [5, 4]] as const) await saveCheckpoint(folder, stateAt(step, metric));
  expect(await listCheckpoints(folder)).toEqual([2, 4, 5]);
  expect(await bestCheckpoint(folder)).toEqual({ step: 2, metric: 1 });
  await saveCheckpoint(folder, stateAt(6, 9), { keepLast: 1, best: 'higher' });
  expect(await listCheckpoints(folder)).toEqual([6]);
  await saveCheckpoint(folder, stateAt(3), { keepLast: 1, best: 'none' });
  expect(await listCheckpoints(folder)).toEqual([3, 6]);
  expect(await listCheckpoints(fresh())).toEqual([]);
  expect(await loadNewestCheckpoint(fresh())).toBeUndefined();
});

type Damage = (path: string) => Promise<unknown>;
test.each<[string, Damage, RegExp]>([
  ['a torn tensor file', (path) => truncate(join(path, 'adapter-0.safetensors'), 100), /adapter-0\.safetensors: expected \d+ bytes, the file has 100/],
  ['a flipped bit', async (path) => {
    const bytes = await readFile(join(path, 'optimizer-0.safetensors'));
    bytes[bytes.length - 1]! ^= 1;
    await writeFile(join(path, 'optimizer-0.safetensors'), bytes);
  }, /optimizer-0\.safetensors: its checksum/],
  ['a missing file', (path) => rm(join(path, 'adapter-0.safetensors')), /adapter-0\.safetensors: cannot be read \(ENOENT\)/],
  ['a torn state', (path) => truncate(join(path, 'state.json'), 60), /state\.json: is torn/],
  ['a changed state', async (path) => {
    const file = join(path, 'state.json');
    await writeFile(file, (await readFile(file, 'utf8')).replace('"row":12', '"row":13'));
  }, /state\.json: its checksum/],
  ['an empty state', (path) => truncate(join(path, 'state.json'), 0), /state\.json: is torn/],
  ['no state', (path) => rm(join(path, 'state.json')), /state\.json: cannot be read/],
  ['more bytes', (path) => appendFile(join(path, 'adapter-0.safetensors'), 'x'), /adapter-0\.safetensors: expected/],
])('a damaged newest checkpoint falls back to the one before, with a warning: %s', async (_, damage, expected) => {
  const folder = fresh();
  await saveCheckpoint(folder, stateAt(1));
  await damage(await saveCheckpoint(folder, stateAt(2)));
  const warnings: string[] = [];
  const resumed = await loadNewestCheckpoint(folder, (warning) => warnings.push(warning));
  expect(resumed?.state.step).toBe(1);
  expect(warnings).toEqual([expect.stringMatching(expected)]);
  expect(resumed?.warnings).toEqual(warnings);
  await rm(join(folder, 'checkpoint-1', 'state.json'));
  await expect(loadNewestCheckpoint(folder)).rejects.toMatchObject({ code: 'ERR_CHECKPOINT', message: /none of its 2 checkpoints/ });
});

test('another version is refused', async () => {
  const folder = fresh();
  const path = await saveCheckpoint(folder, stateAt(1));
  const body = '{"version":2}';
  await writeFile(join(path, 'state.json'), `{"sha256":"${createHash('sha256').update(body).digest('hex')}","body":${body}}\n`);
  await expect(loadCheckpoint(path)).rejects.toThrow(/version 2, this program reads version 1/);
});

test('a full disk at any point leaves the last checkpoint and no litter', async () => {
  const folder = fresh();
  await saveCheckpoint(folder, stateAt(1, 5), { keepLast: 1 });
  for (let writes = 0; ; writes += 1) {
    let left = writes;
    const io = {
      async write(handle: { write(bytes: Uint8Array): Promise<unknown> }, bytes: Uint8Array): Promise<void> {
        if ((left -= 1) < 0) {
          await handle.write(bytes.subarray(0, bytes.length >> 1)); // a disk fills up in the middle of a write
          throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
        }
        await handle.write(bytes);
      },
    };
    const outcome = await saveCheckpoint(folder, stateAt(2, 6), { keepLast: 1, io }).catch((error: unknown) => error);
    if (typeof outcome === 'string') break;
    expect(outcome).toMatchObject({ code: 'ERR_CHECKPOINT', details: { problem: 'no space left on the disk' } });
    expect(await readdir(folder)).toEqual(['checkpoint-1']);
    expect((await loadNewestCheckpoint(folder))?.state.step).toBe(1);
  }
  expect(await listCheckpoints(folder)).toEqual([1, 2]); // 1 is the better one
});

test('a process killed while saving leaves only whole checkpoints', async () => {
  const folder = fresh();
  await mkdir(folder);
  const source = `import { saveCheckpoint } from ${JSON.stringify(join(LIB, 'checkpoint/resume.ts'))};
    const data = new Float32Array(200_000).fill(1.5);
    const tensors = (kind) => Array.from({ length: 4 }, (_, i) => ({ name: 'layers.' + i + '.q.' + kind, shape: [data.length], data }));
    for (let step = 1; ; step += 1) {
      await saveCheckpoint(${JSON.stringify(folder)}, { step, configHash: 'x', loop: null, adapters: [
        { name: 'a', weights: tensors('a'), optimizer: tensors('a.m'), state: { step, tick: 0, seed: 0n } }] });
      if (step === 1) console.log('saved');
    }`;
  for (let round = 0; round < 3; round += 1) {
    const child = await startChild(root.path, source);
    await new Promise((done) => void setTimeout(done, 20 + 45 * round));
    await killChild(child);
    for (const step of await listCheckpoints(folder)) expect((await loadCheckpoint(join(folder, `checkpoint-${step}`))).step).toBe(step);
    expect((await loadNewestCheckpoint(folder))?.warnings).toEqual([]);
    expect((await readdir(folder)).filter((name) => !name.startsWith('checkpoint-'))).toEqual([]);
  }
}, 30_000);

test('exact JSON keeps what JSON loses and refuses what it cannot hold', () => {
  const value = { a: [0, -0, Number.NaN, Infinity, -Infinity, 2 ** 60, 0.1], b: -1n, c: { d: null, e: 'x' } };
  expect(exactParse(exactStringify(value))).toEqual(value);
  expect(Object.is((exactParse('{"$exact":["number","-0"]}')), -0)).toBe(true);
  for (const bad of [new Float32Array(1), new Map(), () => 1]) expect(() => exactStringify({ bad } as never)).toThrow(/plain objects/);
  for (const text of ['{"$exact":["number","7"]}', '{"$exact":["date","x"]}', '{"$exact":["bigint","1.5"]}']) expect(() => exactParse(text)).toThrow(/unknown/);
});
