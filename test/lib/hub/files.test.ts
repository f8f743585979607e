// Data sets named by hf://: fetched from the hub's data sets, the train split unless a pattern says otherwise.
import { openRecords } from '../../../lib/data/records.js';
import { openSource } from '../../../lib/data/source.js';
import { rejection, temporaryFolder } from '../../support/folder.js';
import { startHub, type FakeHub } from './server.js';

const folder = temporaryFolder();
const rows = (text: string) => ({ bytes: Buffer.from(`{"text":"${text}"}\n`) });
const before = { ...process.env };
let hub: FakeHub;
let count = 0;

beforeEach(async () => {
  hub = await startHub('acme/rows', { 'README.md': rows('no'), 'data/train-0.jsonl': rows('a'), 'data/train-1.jsonl': rows('b'), 'data/test-0.jsonl': rows('c') }, 'dataset');
  Object.assign(process.env, { HF_ENDPOINT: hub.endpoint, HF_HUB_CACHE: `${folder.path}/cache${count++}` });
});
afterEach(async () => {
  process.env = { ...before };
  await hub.close();
});

async function texts(name: string): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const record of await openRecords(await openSource(name))) found.push((record as { text: string }).text);
  return found;
}

test('without a pattern the train split is meant, with one what it says, at any revision', async () => {
  expect(await texts('hf://datasets/acme/rows')).toEqual(['a', 'b']);
  expect(await texts('hf://datasets/acme/rows/data/test-*.jsonl')).toEqual(['c']);
  expect(await texts(`hf://datasets/acme/rows@${hub.commit}/data`)).toEqual(['c', 'a', 'b']);
  expect(hub.requests.some(({ path }) => path.includes('README'))).toBe(false);
});

test('a set without a train split is read whole; a wrong name says how names look', async () => {
  hub.files = { 'part.jsonl': rows('x') };
  expect(await texts('hf://datasets/acme/rows')).toEqual(['x']);
  expect((await rejection(texts('hf://acme/rows'))).message).toMatch(/expected hf:\/\/datasets\/owner\/name/);
  expect((await rejection(texts('hf://datasets/acme/rows/nothing.csv'))).code).toBe('ERR_HUB');
});
