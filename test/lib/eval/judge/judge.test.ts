// The judge: both orders, ties, what it is drawn to, cached verdicts; and endpoints, against a server of this test.
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEndpoint } from '../../../../lib/eval/judge/endpoint.js';
import { judgePairs, judgePrompt, readVerdict } from '../../../../lib/eval/judge/judge.js';
import type { Judge } from '../../../../lib/eval/judge/judge.js';

const pair = (a: string, b: string, human?: 'a' | 'b' | 'tie') => ({ question: 'Q?', a, b, ...(human === undefined ? {} : { human }) });
/** Reads the two answers out of the prompt. */
const judge = (decide: (first: string, second: string) => string): Judge => async (prompt) => {
  const [, first, second] = /\[Answer A\]\n([\s\S]*?)\n\n\[Answer B\]\n([\s\S]*?)\n\nCompare/.exec(prompt)!;
  return `They say [[X]]. So: [[${decide(first!, second!)}]]`;
};

test('verdicts are read from the end', () => {
  expect(['[[A]]', 'not [[A]] but [[ b ]]', 'both: [[C]].', 'A is better', ''].map(readVerdict)).toEqual(['first', 'second', 'tie', 'unclear', 'unclear']);
  expect(judgePrompt('Q?', 'one', 'two', 'Be kind.')).toContain('Be kind.\n\n[Question]\nQ?\n\n[Answer A]\none\n\n[Answer B]\ntwo');
});

test('a fair judge: wins, ties, and no bias', async () => {
  const fair = judge((first, second) => (first.includes('good') === second.includes('good') ? 'C' : first.includes('good') ? 'A' : 'B'));
  const report = await judgePairs(fair, [pair('good', 'bad', 'a'), pair('bad answer', 'good', 'b'), pair('good', 'good', 'tie'), pair('good one', 'bad', 'b')]);
  expect(report.wins).toEqual({ a: 2, b: 1, tie: 1, inconsistent: 0, unclear: 0 });
  expect(report.winRate).toMatchObject({ value: 0.625, of: 4 });
  expect(report.firstPlace).toMatchObject({ value: 0.5, of: 6 });
  expect(report.longer).toMatchObject({ value: 2 / 3, of: 3 });
  expect(report.consistent).toMatchObject({ value: 1, of: 4 });
  // 3 of 4 agree; by chance 2/4·1/4 + 1/4·2/4 + 1/4·1/4 = 5/16 would: (12/16 - 5/16) / (11/16)
  expect(report.agreement!.value).toBeCloseTo(7 / 11, 12);
  expect(report.calls).toBe(7); // two equal answers are one prompt
  expect(report.winRate.low).toBeLessThan(report.winRate.high);
});

test('a judge that takes the first, one that takes the longer, one that says nothing', async () => {
  const pairs = Array.from({ length: 20 }, (_, i) => pair('x'.repeat(i + 1), 'y'.repeat(30 - i)));
  const first = await judgePairs(judge(() => 'A'), pairs);
  expect([first.wins.inconsistent, first.firstPlace.value, first.consistent.value, first.winRate.value]).toEqual([20, 1, 0, 0.5]);
  expect(first.firstPlace.low).toBeGreaterThan(0.9);
  const longer = await judgePairs(judge((a, b) => (a.length > b.length ? 'A' : 'B')), pairs);
  expect([longer.longer.value, longer.firstPlace.value, longer.consistent.value]).toEqual([1, 0.5, 1]);
  const silent = await judgePairs(async () => 'hm', pairs);
  expect([silent.wins.unclear, silent.winRate.of, Number.isNaN(silent.winRate.value)]).toEqual([20, 0, true]);
});

let folder: string;
let handle: (request: IncomingMessage, body: string, response: ServerResponse) => void;
const server = createServer((request, response) => {
  let body = '';
  request.on('data', (part: Buffer) => { body += part.toString(); });
  request.on('end', () => handle(request, body, response));
});
let url: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'whetstone-judge-'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true });
});
const answer = (response: ServerResponse, content: string, status = 200): void => {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(status === 200 ? { choices: [{ message: { content } }] } : { error: { message: content } }));
};

test('verdicts are kept on the disk, keyed by model and content; a limit on calls holds', async () => {
  const cache = join(folder, 'verdicts.jsonl');
  let calls = 0;
  const own = (id: string): Judge => Object.assign(async () => { calls++; return '[[A]]'; }, { id });
  const pairs = [pair('one', 'two'), pair('three', 'four')];
  await expect(judgePairs(own('m'), pairs, { cache, maxCalls: 3, atOnce: 1 })).rejects.toThrow(/called 3 times, the limit/);
  const report = await judgePairs(own('m'), pairs, { cache });
  expect([calls, report.calls, report.cached]).toEqual([4, 1, 3]);
  expect((await judgePairs(own('m'), pairs, { cache, maxCalls: 0 })).wins).toEqual(report.wins);
  await judgePairs(own('other'), pairs, { cache });
  await judgePairs(own('m'), pairs, { cache, criteria: 'Another.' });
  expect(calls).toBe(12);
});

test('an endpoint is asked as OpenAI\'s is, so many at once, and only so many', async () => {
  let [running, most] = [0, 0];
  const seen: { path: string | undefined; key: string | undefined; body: unknown }[] = [];
  handle = (request, body, response) => {
    seen.push({ path: request.url, key: request.headers.authorization, body: JSON.parse(body) });
    most = Math.max(most, ++running);
    setTimeout(() => { running--; answer(response, `answer ${seen.length}`); }, 20);
  };
  const endpoint = openEndpoint({ url: `${url}/`, model: 'm', apiKey: 'k', system: 'Be brief.', atOnce: 3, maxTokens: 9 });
  const texts = await Promise.all(Array.from({ length: 7 }, (_, i) => endpoint(`question ${i}`)));
  expect([most, texts.every((text) => text.startsWith('answer'))]).toEqual([3, true]);
  expect(seen.find(({ body }) => JSON.stringify(body).includes('question 0'))).toEqual({
    path: '/v1/chat/completions', key: 'Bearer k',
    body: { model: 'm', temperature: 0, max_tokens: 9, messages: [{ role: 'system', content: 'Be brief.' }, { role: 'user', content: 'question 0' }] },
  });
  expect(endpoint.id).not.toContain('Bearer');
});

test('what may pass is tried again, what will not is not, and errors say what the server said', async () => {
  let calls = 0;
  handle = (_, __, response) => { if (++calls < 3) answer(response, 'busy', calls === 1 ? 503 : 429); else answer(response, 'there'); };
  expect(await openEndpoint({ url, model: 'm', backoffMs: 1 })('hi')).toBe('there');
  expect(calls).toBe(3);
  calls = 0;
  handle = (_, __, response) => { calls++; answer(response, 'no such key', 401); };
  await expect(openEndpoint({ url, model: 'm', backoffMs: 1 })('hi')).rejects.toMatchObject({ code: 'ERR_HUB', details: { status: 401 }, message: expect.stringMatching(/401.*no such key.*API key/) });
  expect(calls).toBe(1);
  handle = (_, __, response) => { calls++; answer(response, 'overloaded', 500); };
  await expect(openEndpoint({ url, model: 'm', backoffMs: 1, retries: 2 })('hi')).rejects.toThrow(/500.*overloaded \(after 3 tries\)/);
  handle = (_, __, response) => { response.end('{"choices": []}'); };
  await expect(openEndpoint({ url, model: 'm' })('hi')).rejects.toThrow(/without choices\[0\]\.message\.content/);
  handle = () => undefined;
  await expect(openEndpoint({ url, model: 'm', timeoutMs: 50, retries: 1, backoffMs: 1 })('hi')).rejects.toThrow(/no answer in 50 ms \(after 2 tries\)/);
  await expect(openEndpoint({ url: 'http://127.0.0.1:1/v1', model: 'm', retries: 0 })('hi')).rejects.toThrow(/ECONNREFUSED|bad port/);
  await expect(openEndpoint({ url, model: 'm', signal: AbortSignal.abort(new Error('enough')) })('hi')).rejects.toThrow('enough');
});
