// Seven tasks on two models against what lm-evaluation-harness 0.4.13 says (golden/make.py): every request word for
// word, every log-likelihood and text, every score and standard error.
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { readTask } from '../../../../lib/eval/tasks/config.js';
import { sessionModel } from '../../../../lib/eval/tasks/model.js';
import type { LogLikelihood, TaskModel } from '../../../../lib/eval/tasks/model.js';
import { runTask } from '../../../../lib/eval/tasks/run.js';
import { loadParts, openParts } from '../../../../lib/train/open.js';
import type { Opened } from '../../../../lib/train/open.js';

const GOLDEN = join(__dirname, 'golden');
const ROOT = resolve(__dirname, '..', '..', '..', '..');
const FOLDERS: Readonly<Record<string, string>> = { pebble: join(ROOT, 'models', 'pebble'), stories260K: resolve(ROOT, '..', 'shared', 'models', 'stories260K') };
const TASKS = ['blank', 'choice', 'last-word', 'many', 'pages', 'say', 'yes-no'];

interface Golden {
  readonly scores: Readonly<Record<string, number>>;
  readonly samples: readonly { readonly requests: readonly (readonly unknown[])[]; readonly answers: readonly unknown[][] }[];
}

describe.each(Object.entries(FOLDERS))('%s', (name, folder) => {
  const golden = JSON.parse(gunzipSync(readFileSync(join(GOLDEN, `${name}.json.gz`))).toString()) as Readonly<Record<string, Golden>>;
  let opened: Opened | undefined;
  let model: TaskModel;
  beforeAll(async () => {
    if (!existsSync(folder)) {
      process.stderr.write(`not tested here: ${name} does not lie in ../shared/models\n`);
      return;
    }
    const parts = await loadParts({ model: folder });
    opened = await openParts(parts, { device: 'cpu', threads: 1, maxTokens: 1024, maxSequences: 16, cacheTokens: 16 * 512, cacheSequences: 16 });
    model = sessionModel({ session: opened.session, tokenizer: parts.tokenizer, id: name, batchTokens: 1024, atOnce: 16 });
  }, 60_000);
  afterAll(() => opened?.session.close());

  test.each(TASKS)('%s', async (task) => {
    if (opened === undefined) return;
    const expected = golden[`${task}.yaml`]!;
    const asked = new Map<string, unknown>();
    const noting = async <R, A>(requests: readonly R[], key: (request: R) => string, answers: Promise<A[]>): Promise<A[]> => {
      const all = await answers;
      for (const [i, request] of requests.entries()) asked.set(key(request), all[i]);
      return all;
    };
    const watched: TaskModel = {
      id: model.id,
      logLikelihoods: (requests, signal) => noting(requests, ({ context, continuation }) => JSON.stringify([context, continuation]), model.logLikelihoods(requests, signal)),
      rolling: (texts, signal) => noting(texts, (text) => text, model.rolling(texts, signal)),
      generate: (requests, signal) => noting(requests, ({ context }) => context, model.generate(requests, signal)),
    };
    const report = await runTask(await readTask(join(GOLDEN, `${task}.yaml`)), watched);

    for (const { requests, answers } of expected.samples) {
      for (const [i, request] of requests.entries()) {
        const answer = (answers[i] ?? answers[0]) as unknown[] | string;
        if (typeof request[1] === 'string') { // context and continuation
          const found = asked.get(JSON.stringify(request)) as LogLikelihood;
          expect([request, found]).toEqual([request, { logprob: expect.closeTo((answer as number[])[0]!, 2), greedy: (answer as unknown[])[1] }]);
          expect(Math.abs(found.logprob - (answer as number[])[0]!)).toBeLessThan(1e-3);
        } else {
          expect(asked.has(request[0] as string)).toBe(true);
          const found = asked.get(request[0] as string);
          if (typeof answer === 'string') expect([request[0], found]).toEqual([request[0], answer]);
          else expect(Math.abs((found as number) / Number(answer) - 1)).toBeLessThan(1e-5);
        }
      }
    }
    const found: Record<string, number | null> = {};
    for (const { metric, filter, value, stderr } of report.scores) {
      found[`${metric},${filter}`] = value;
      if (stderr !== null) found[`${metric}_stderr,${filter}`] = stderr;
    }
    expect(Object.keys(found).sort()).toEqual(Object.keys(expected.scores).sort());
    for (const [key, value] of Object.entries(expected.scores)) expect([key, Math.abs(found[key]! - value) / Math.max(1, Math.abs(value)) < 1e-4, found[key], value]).toEqual([key, true, found[key], value]);
  }, 60_000);
});
