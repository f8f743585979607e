// The hub's client against a small server on loopback: layout, resuming, checksums, refusals, offline, at once.
import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, readlink, stat, utimes, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { hubSettings, isRepositoryName, snapshot, type DownloadProgress, type HubSettings } from '../../../lib/data/hub.js';
import { CachedRepository } from '../../../lib/data/hub/cache.js';
import { matchesPattern } from '../../../lib/data/hub/names.js';
import { loadModel } from '../../../lib/model/load.js';
import { modelSpec } from '../../../lib/model/spec.js';
import { LIB, killChild, startChild } from '../model/child.js';
import { TINY, safetensorsBytes, scratch, tinyTensors } from '../model/folder.js';
import { etagOf, sendBytes, sendTorn, startHub, type FakeFile, type FakeHub } from './server.js';

const REPOSITORY = 'acme/tiny-1.5b';
const FOLDER = 'models--acme--tiny-1.5b';
const big = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, i) => (i * i + (i >> 3)) & 255));
const FILES: Readonly<Record<string, FakeFile>> = {
  'config.json': { bytes: Buffer.from('{"a": 1}') },
  'sub/folder/notes.txt': { bytes: Buffer.from('deep') },
  'weights.safetensors': { bytes: big, large: true },
};

let root: Awaited<ReturnType<typeof scratch>>;
let hub: FakeHub;
let settings: HubSettings;
let count = 0;
beforeAll(async () => void (root = await scratch('hub')));
afterAll(() => root.remove());
beforeEach(async () => {
  hub = await startHub(REPOSITORY, { ...FILES });
  settings = { endpoint: hub.endpoint, cache: join(root.path, `c${(count += 1)}`), offline: false };
});
afterEach(() => hub.close());
const quick = (more: Partial<HubSettings> = {}) => ({ settings: { ...settings, ...more }, retryDelayMs: 1 });
/** Not toEqual: jest compares large buffers element by element, for seconds. */
const holds = async (file: string, bytes: Buffer) => (await readFile(file)).equals(bytes);
const blobs = () => readdir(join(settings.cache, FOLDER, 'blobs'));

test('a snapshot has Python\'s layout: blobs by hash, relative links, a ref', async () => {
  const { folder, commit, files } = await snapshot(REPOSITORY, quick());
  expect(commit).toBe(hub.commit);
  expect(folder).toBe(join(settings.cache, FOLDER, 'snapshots', commit));
  expect(files).toEqual(['config.json', 'sub/folder/notes.txt', 'weights.safetensors']);
  for (const name of files) expect(await holds(join(folder, name), (FILES[name] as FakeFile).bytes)).toBe(true);
  expect(await readlink(join(folder, 'weights.safetensors'))).toBe(`../../blobs/${etagOf(FILES['weights.safetensors'] as FakeFile)}`);
  expect(await readlink(join(folder, 'sub/folder/notes.txt'))).toBe(`../../../../blobs/${etagOf(FILES['sub/folder/notes.txt'] as FakeFile)}`);
  expect((await blobs()).sort()).toEqual(Object.values(FILES).map(etagOf).sort());
  expect(await readFile(join(settings.cache, FOLDER, 'refs/main'), 'utf8')).toBe(commit);
  await snapshot(REPOSITORY, { ...quick(), revision: 'refs/pr/1' });
  expect(await readFile(join(settings.cache, FOLDER, 'refs/refs/pr/1'), 'utf8')).toBe(commit);
  expect(hub.requests.filter(({ method, path }) => method === 'GET' && path.includes('weights'))).toHaveLength(2); // hub, then storage
});

test('only allowed files are fetched, progress is told, and a second call fetches nothing', async () => {
  const seen: DownloadProgress[] = [];
  const { files } = await snapshot(REPOSITORY, { ...quick(), allow: ['*.safetensors', 'sub/*'], onProgress: (progress) => seen.push(progress) });
  expect(files).toEqual(['sub/folder/notes.txt', 'weights.safetensors']);
  expect(seen.at(-1)).toMatchObject({ filesDone: 2, files: 2 });
  expect(seen.some(({ file, done, total }) => file === 'weights.safetensors' && done === big.length && total === big.length)).toBe(true);
  hub.requests.length = 0;
  await snapshot(REPOSITORY, { ...quick(), allow: ['*.safetensors'] });
  expect(hub.requests.map(({ path }) => path)).toEqual([`/api/models/${REPOSITORY}/revision/main`]);
  await expect(snapshot(REPOSITORY, { ...quick(), allow: ['*.gguf'] })).rejects.toThrow(/none of its 3 files matches \*\.gguf/);
});

test('an interrupted download goes on from where it broke off, within a call and in a later one', async () => {
  let torn = 0;
  hub.fault = ({ origin, range }, response) => {
    if (origin !== 'storage' || torn >= 2) return false;
    torn += 1;
    sendTorn(response, big, 70_000, range);
    return true;
  };
  const { folder } = await snapshot(REPOSITORY, quick());
  expect(await holds(join(folder, 'weights.safetensors'), big)).toBe(true);
  const ranges = hub.requests.filter(({ origin }) => origin === 'storage').map(({ range }) => range);
  expect(ranges[0]).toBeUndefined();
  expect(ranges).toHaveLength(3);
  for (const range of ranges.slice(1)) expect(Number(/bytes=(\d+)-/.exec(range ?? '')?.[1])).toBeGreaterThan(0);

  const other = await startHub('acme/later', { w: { bytes: big, large: true } });
  const later = { settings: { ...settings, endpoint: other.endpoint }, retryDelayMs: 1, tries: 1 };
  other.fault = ({ origin, range }, response) => {
    if (origin === 'storage') sendTorn(response, big, 100_000, range);
    return origin === 'storage';
  };
  await expect(snapshot('acme/later', later)).rejects.toMatchObject({ code: 'ERR_HUB', message: /what has arrived is kept/ });
  const partial = join(settings.cache, 'models--acme--later/blobs', `${etagOf({ bytes: big, large: true })}.incomplete`);
  const have = (await stat(partial)).size;
  expect(have).toBeGreaterThan(0);
  other.fault = () => false;
  other.requests.length = 0;
  await snapshot('acme/later', later);
  expect(other.requests.find(({ origin }) => origin === 'storage')?.range).toBe(`bytes=${have}-`);
  await other.close();
});

test('a server without ranges sends everything again, and a part that is too long is thrown away', async () => {
  const blob = etagOf(FILES['weights.safetensors'] as FakeFile);
  await mkdir(join(settings.cache, FOLDER, 'blobs'), { recursive: true });
  await writeFile(join(settings.cache, FOLDER, 'blobs', `${blob}.incomplete`), big.subarray(0, 1000));
  hub.fault = ({ origin }, response) => {
    if (origin === 'storage') sendBytes(response, big);
    return origin === 'storage';
  };
  await snapshot(REPOSITORY, quick());
  const second = { ...quick(), settings: { ...settings, cache: `${settings.cache}-b` } };
  await mkdir(join(second.settings.cache, FOLDER, 'blobs'), { recursive: true });
  await writeFile(join(second.settings.cache, FOLDER, 'blobs', `${blob}.incomplete`), Buffer.concat([big, big]));
  expect(await holds(join((await snapshot(REPOSITORY, second)).folder, 'weights.safetensors'), big)).toBe(true);
});

test('a wrong checksum is tried once more, then refused, and nothing of it stays', async () => {
  const bad = Buffer.from(big);
  bad[1234] = (bad[1234] as number) ^ 1;
  let times = 1;
  hub.fault = ({ origin, range }, response) => {
    if (origin !== 'storage' || times === 0) return false;
    times -= 1;
    sendBytes(response, bad, range);
    return true;
  };
  await snapshot(REPOSITORY, quick());
  times = 99;
  const other = { ...quick(), settings: { ...settings, cache: `${settings.cache}-b` } };
  await expect(snapshot(REPOSITORY, { ...other, allow: ['weights*'] })).rejects
    .toMatchObject({ code: 'ERR_HUB', message: /weights\.safetensors: expected the checksum [0-9a-f]{64}, the bytes have [0-9a-f]{64}, twice/ });
  expect(await readdir(join(other.settings.cache, FOLDER, 'blobs'))).toEqual([]);

  hub.fault = ({ method, path }, response) => { // a small file, whose name is git's hash
    if (method === 'GET' && path.endsWith('config.json')) sendBytes(response, Buffer.from('{"a": 2}'));
    return method === 'GET' && path.endsWith('config.json');
  };
  await expect(snapshot(REPOSITORY, { ...other, allow: ['config.json'] })).rejects.toThrow(/expected the checksum [0-9a-f]{40}/);
});

test('busy servers and broken connections are retried, with the pause they ask for; endless trouble ends', async () => {
  const answers = [503, 429, 500, 'break'] as const;
  let next = 0;
  hub.fault = ({ path }, response) => {
    const answer = path.startsWith('/api') ? answers[next++] : undefined;
    if (answer === undefined) return false;
    if (answer === 'break') response.destroy();
    else response.writeHead(answer, { 'retry-after': '0' }).end();
    return true;
  };
  await snapshot(REPOSITORY, { ...quick(), allow: ['config.json'] });
  expect(next).toBe(5);
  hub.fault = (_, response) => {
    response.writeHead(503).end();
    return true;
  };
  const fresh = { ...quick(), settings: { ...settings, cache: `${settings.cache}-b` }, tries: 3 };
  hub.requests.length = 0;
  await expect(snapshot(REPOSITORY, fresh)).rejects.toMatchObject({ code: 'ERR_HUB', details: { status: 503 }, message: /answered 503, 3 times in a row/ });
  expect(hub.requests).toHaveLength(3);
});

test('a server that falls silent is given up on and asked again', async () => {
  let silent = true;
  hub.fault = ({ origin }, response) => {
    if (origin !== 'storage' || !silent) return false;
    silent = false;
    response.writeHead(200, { 'content-length': big.length });
    response.write(big.subarray(0, 10_000));
    return true;
  };
  const { folder } = await snapshot(REPOSITORY, { ...quick(), stallMs: 150 });
  expect(await holds(join(folder, 'weights.safetensors'), big)).toBe(true);
});

test.each<[string, number, Record<string, string>, boolean, RegExp]>([
  ['no token', 401, {}, false, /answered 401: the name is wrong, or .* set HF_TOKEN/],
  ['a token without access', 403, {}, true, /answered 403: the token does not give access/],
  ['a gated repository', 403, { 'x-error-code': 'GatedRepo' }, true, /gated\. Accept its terms at http/],
  ['no such repository', 404, {}, false, /answered 404: there is no such repository/],
])('refusals come with advice: %s', async (_, status, headers, withToken, expected) => {
  hub.fault = (__, response) => {
    response.writeHead(status, headers).end();
    return true;
  };
  const error = await snapshot(REPOSITORY, quick(withToken ? { token: 'hf_secret' } : {})).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'ERR_HUB', details: { status }, message: expect.stringMatching(expected) });
  expect((error as Error).message).not.toContain('hf_secret');
  expect(hub.requests).toHaveLength(1);
});

test('a wrong revision and a vanished file are told apart', async () => {
  await expect(snapshot(REPOSITORY, { ...quick(), revision: 'nope' })).rejects.toThrow(/no such revision/);
  hub.fault = ({ path }, response) => {
    if (path.endsWith('config.json')) response.writeHead(404, { 'x-error-code': 'EntryNotFound' }).end();
    return path.endsWith('config.json');
  };
  await expect(snapshot(REPOSITORY, quick())).rejects.toThrow(/config\.json: .* no such file/);
});

test('the token goes to the hub and never to another origin', async () => {
  await snapshot(REPOSITORY, quick({ token: 'hf_secret' }));
  expect(hub.requests.length).toBeGreaterThan(5);
  for (const { origin, token } of hub.requests) expect(token).toBe(origin === 'hub' ? 'Bearer hf_secret' : undefined);
});

test('redirects within the hub are followed, endless ones are not', async () => {
  hub.fault = ({ path }, response) => {
    if (!path.startsWith('/api/models/acme/old/')) return false;
    response.writeHead(307, { location: `/api/models/${REPOSITORY}/revision/main` }).end();
    return true;
  };
  await expect(snapshot('acme/old', quick())).rejects.toThrow(/404/); // the listing was found, files under the old name are not here
  expect(hub.requests.some(({ path }) => path === `/api/models/${REPOSITORY}/revision/main`)).toBe(true);
  hub.fault = ({ path }, response) => {
    response.writeHead(302, { location: path }).end();
    return true;
  };
  await expect(snapshot(REPOSITORY, quick())).rejects.toThrow(/more than 5 redirects/);
});

test('offline only the cache counts, and an unreachable hub falls back to it with a note', async () => {
  await expect(snapshot(REPOSITORY, quick({ offline: true }))).rejects.toMatchObject({ code: 'ERR_HUB', message: /HF_HUB_OFFLINE is set, and the cache .* no files/ });
  await snapshot(REPOSITORY, { ...quick(), allow: ['config.json'] });
  hub.requests.length = 0;
  const offline = await snapshot(REPOSITORY, quick({ offline: true }));
  expect(offline).toMatchObject({ commit: hub.commit, files: ['config.json'], note: expect.stringContaining('HF_HUB_OFFLINE') });
  expect(hub.requests).toEqual([]);
  await expect(snapshot(REPOSITORY, { ...quick({ offline: true }), revision: 'v2' })).rejects.toThrow(/no files of it/);
  await hub.close();
  const gone = { ...quick(), tries: 2 };
  expect(await snapshot(REPOSITORY, gone)).toMatchObject({ files: ['config.json'], note: expect.stringContaining('could not be reached') });
  await expect(snapshot('acme/other', gone)).rejects.toThrow(/ECONNREFUSED.*2 times in a row/s);
});

test('the same file asked for many times at once is downloaded once, in this process and between processes', async () => {
  hub.fault = ({ origin, range }, response) => {
    if (origin === 'storage') setTimeout(() => sendBytes(response, big, range), 150);
    return origin === 'storage';
  };
  await Promise.all(Array.from({ length: 5 }, () => snapshot(REPOSITORY, quick())));
  expect(hub.requests.filter(({ origin, method }) => origin === 'storage' && method === 'GET')).toHaveLength(1);
  expect((await readdir(join(settings.cache, '.locks', FOLDER)))).toEqual([]);

  // Another process that holds the lock and dies: its lock is taken over once it has stopped beating.
  const repository = new CachedRepository(settings.cache, 'model', REPOSITORY);
  const lock = join(settings.cache, '.locks', FOLDER, 'abc.whetstone.lock');
  await writeFile(lock, '');
  await utimes(lock, new Date(), new Date(Date.now() - 60_000));
  expect(await repository.locked('abc', async () => 'mine')).toBe('mine');
  const order: string[] = [];
  const held = repository.locked('abc', async () => {
    await new Promise((done) => void setTimeout(done, 250));
    order.push('first');
  });
  await new Promise((done) => void setTimeout(done, 20));
  await Promise.all([held, repository.locked('abc', async () => void order.push('second'))]);
  expect(order).toEqual(['first', 'second']);
});

test('aborting stops a download at once and keeps what has arrived', async () => {
  const controller = new AbortController();
  hub.fault = ({ origin }, response) => {
    if (origin !== 'storage') return false;
    response.writeHead(200, { 'content-length': big.length });
    response.write(big.subarray(0, 50_000));
    return true;
  };
  const reason = new Error('enough');
  const running = snapshot(REPOSITORY, {
    ...quick(), allow: ['weights*'], signal: controller.signal, onProgress: ({ done }) => done > 0 && controller.abort(reason),
  });
  await expect(running).rejects.toBe(reason);
  expect((await blobs())[0]).toMatch(/\.incomplete$/);
});

test('names from users and servers cannot leave the cache', async () => {
  for (const name of ['../evil', 'a/b/c', '/abs', 'a/..', '.hidden/x', 'a--b', 'a/b.git', '', 'a/', 'ä/b', 'a b']) {
    expect(isRepositoryName(name)).toBe(false);
    await expect(snapshot(name, quick())).rejects.toMatchObject({ code: 'ERR_HUB' });
  }
  for (const name of ['gpt2', 'Qwen/Qwen2.5-0.5B', 'a/b_c.d', 'HuggingFaceTB/SmolLM2-135M']) expect(isRepositoryName(name)).toBe(true);
  for (const revision of ['..', 'a/../b', '/x', '-rf', 'a b']) await expect(snapshot(REPOSITORY, { ...quick(), revision })).rejects.toThrow(/not a revision/);
  expect(hub.requests).toEqual([]);
  for (const file of ['../../escape', '/etc/passwd', 'a/../../b', 'a//b', 'a\\b', './x']) {
    hub.files = { [file]: { bytes: Buffer.from('x') } };
    await expect(snapshot(REPOSITORY, quick())).rejects.toThrow(/would leave the repository's folder/);
  }
  for (const etag of ['../../escape', '.hidden', 'a/b', '']) {
    hub.files = { 'config.json': FILES['config.json'] as FakeFile };
    hub.fault = ({ method }, response) => {
      if (method === 'HEAD') response.writeHead(200, { etag: `"${etag}"` }).end();
      return method === 'HEAD';
    };
    await expect(snapshot(REPOSITORY, quick())).rejects.toThrow(/as etag, expected a hash/);
  }
  for (const body of ['<html>', '{}', '{"sha":"../x","siblings":[]}', 'null']) {
    hub.fault = (_, response) => {
      response.end(body);
      return true;
    };
    await expect(snapshot(REPOSITORY, quick())).rejects.toThrow(/expected a commit and a list of files/);
  }
});

test('shell patterns match as Python\'s do', () => {
  const yes: [string, string][] = [['*.json', 'a/b.json'], ['m?del*', 'model-1'], ['[ab].txt', 'b.txt'], ['[!ab].txt', 'c.txt'], ['a.b', 'a.b'], ['*', ''], ['a[]]', 'a]']];
  const no: [string, string][] = [['*.json', 'a.jsonl'], ['[!ab].txt', 'a.txt'], ['a.b', 'axb'], ['?', ''], ['model', 'model2'], ['a+', 'aa']];
  for (const [pattern, name] of yes) expect([pattern, name, matchesPattern(pattern, name)]).toEqual([pattern, name, true]);
  for (const [pattern, name] of no) expect([pattern, name, matchesPattern(pattern, name)]).toEqual([pattern, name, false]);
});

test('settings come from the variables that Python\'s client reads', async () => {
  expect(await hubSettings({})).toMatchObject({ endpoint: 'https://huggingface.co', cache: join(homedir(), '.cache/huggingface/hub'), offline: false });
  expect((await hubSettings({ XDG_CACHE_HOME: '/x' })).cache).toBe('/x/huggingface/hub');
  expect((await hubSettings({ XDG_CACHE_HOME: '/x', HF_HOME: '~/hf' })).cache).toBe(join(homedir(), 'hf/hub'));
  expect((await hubSettings({ HF_HOME: '/h', HUGGINGFACE_HUB_CACHE: '/old' })).cache).toBe('/old');
  expect((await hubSettings({ HUGGINGFACE_HUB_CACHE: '/old', HF_HUB_CACHE: '/new' })).cache).toBe('/new');
  expect(await hubSettings({ HF_ENDPOINT: 'http://mirror:8080/hf/', HF_HUB_OFFLINE: 'true', HF_TOKEN: ' t ' })).toMatchObject({ endpoint: 'http://mirror:8080/hf', offline: true, token: 't' });
  await mkdir(join(root.path, 'home'), { recursive: true });
  await writeFile(join(root.path, 'home/token'), 'from-file\n');
  expect((await hubSettings({ HF_HOME: join(root.path, 'home') })).token).toBe('from-file');
  for (const endpoint of ['mirror', 'ftp://x', 'http://user@x']) await expect(hubSettings({ HF_ENDPOINT: endpoint })).rejects.toThrow(/HF_ENDPOINT/);
  await expect(hubSettings({ HF_TOKEN: 'a\nb' })).rejects.toThrow(/HF_TOKEN/);
});

test('a model is loaded by its name: only what is needed, shards by the index', async () => {
  const tensors = tinyTensors(TINY);
  const parts = { 'model-1.safetensors': tensors.slice(0, 7), 'model-2.safetensors': tensors.slice(7) };
  const map = Object.fromEntries(Object.entries(parts).flatMap(([file, part]) => part.map(({ name }) => [name, file])));
  hub.files = {
    'config.json': { bytes: Buffer.from(JSON.stringify(TINY)) }, 'README.md': { bytes: Buffer.from('x') },
    'consolidated.safetensors': { bytes: big, large: true },
    'model.safetensors.index.json': { bytes: Buffer.from(JSON.stringify({ weight_map: map })) },
    ...Object.fromEntries(Object.entries(parts).map(([file, part]) => [file, { bytes: safetensorsBytes(part), large: true }])),
  };
  const model = await loadModel(REPOSITORY, quick());
  expect(model).toMatchObject({ name: REPOSITORY, revision: hub.commit, spec: modelSpec(TINY), notes: [] });
  expect((await readdir(model.folder)).sort()).toEqual(['config.json', 'model-1.safetensors', 'model-2.safetensors', 'model.safetensors.index.json']);
  const offline = await loadModel(REPOSITORY, quick({ offline: true }));
  expect(offline.weights).toEqual(model.weights);
  expect(offline.notes.join()).toContain('HF_HUB_OFFLINE');
  await expect(loadModel('acme/none', quick({ offline: true }))).rejects.toThrow(/There is no folder "acme\/none" either/);
});

test('a download that is killed leaves a part that the next process completes', async () => {
  hub.fault = ({ origin }, response) => {
    if (origin !== 'storage') return false;
    response.writeHead(200, { 'content-length': big.length });
    response.write(big.subarray(0, 120_000));
    return true;
  };
  const child = await startChild(root.path, `import { snapshot } from ${JSON.stringify(join(LIB, 'data/hub.ts'))};
    await snapshot(${JSON.stringify(REPOSITORY)}, { settings: ${JSON.stringify(settings)}, allow: ['weights*'],
      onProgress: ({ done }) => done > 50000 && console.log('there') });`);
  await killChild(child);
  hub.fault = () => false;
  hub.requests.length = 0;
  const lock = join(settings.cache, '.locks', FOLDER, `${createHash('sha256').update(big).digest('hex')}.whetstone.lock`);
  await utimes(lock, 1, 1); // as if half a minute had passed
  const { folder } = await snapshot(REPOSITORY, quick());
  expect(await holds(join(folder, 'weights.safetensors'), big)).toBe(true);
  expect(hub.requests.find(({ origin }) => origin === 'storage')?.range).toMatch(/^bytes=[1-9]/);
}, 30_000);
