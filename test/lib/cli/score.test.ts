// `whetstone score`: its numbers, its intervals, its comparisons, and what it says of files that do not fit.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { EXIT } from '../../../lib/cli/exit.js';
import { main } from '../../../lib/cli/program.js';
import { bleu, chrf, rouge } from '../../../lib/score/index.js';

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const text = { out: '', err: '' };
  const code = await main(args, {
    stdout: { write: (part: string) => { text.out += part; } }, stderr: { write: (part: string) => { text.err += part; } },
    stdin: new PassThrough() as NodeJS.ReadableStream & { isTTY?: boolean }, env: {},
  });
  return { code, ...text };
}

let folder: string;
const file = (name: string, ...lines: readonly string[]): string => {
  const path = join(folder, name);
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
};
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'whetstone-score-')); });
afterEach(() => rmSync(folder, { recursive: true }));

const RIGHT = ['The cat sat on the mat.', 'A dog barked.', 'It is sunny today.'];
const GOOD = ['The cat sat on a mat.', 'The dog barked.', 'It is sunny today.'];
const POOR = ['Cat mat.', 'The dog barked.', 'It was rainy.'];

interface Answer {
  readonly lines: number;
  readonly systems: readonly { readonly system: string; readonly scores: readonly Readonly<Record<string, number | string | Readonly<Record<string, number>>>>[] }[];
}

test('scores of one system, as the library gives them', async () => {
  const { code, out } = await run('score', file('a.txt', ...GOOD), '--ref', file('r.txt', ...RIGHT), '--metric', 'bleu', 'chrf++', 'rougeL', 'exact', '--json');
  expect(code).toBe(EXIT.ok);
  const { lines, systems } = JSON.parse(out) as Answer;
  const own = bleu(GOOD, RIGHT, { resamples: 1000 });
  const [first, second, third, fourth] = systems[0]!.scores;
  expect(lines).toBe(3);
  expect(out).toMatch(/"implementation":"whetstone \d/);
  expect([first!['score'], first!['signature'], first!['interval']]).toEqual([own.score, own.signature, own.interval]);
  expect([second!['metric'], second!['score']]).toEqual(['chrF2++', chrf(GOOD, RIGHT, { wordOrder: 2 }).score]);
  expect(third!['score']).toBeCloseTo(100 * GOOD.reduce((sum, text, i) => sum + rouge(RIGHT[i]!, text).rougeL.fmeasure, 0) / 3, 10);
  expect(fourth!['score']).toBe(100);
});

test('several references, rows of JSON, no intervals', async () => {
  const refs = [file('r.txt', ...RIGHT), file('s.txt', ...GOOD)];
  const answers = file('a.jsonl', ...GOOD.map((out) => JSON.stringify({ out })), '');
  writeFileSync(answers, `${GOOD.map((out) => JSON.stringify({ out })).join('\n')}\n`);
  refs[1] = file('s.jsonl', ...GOOD.map((out) => JSON.stringify(out)));
  const { code, out } = await run('score', answers, '--ref', refs[0]!, '--ref', refs[1]!, '--field', 'out', '--metric', 'bleu', '--resamples', '0');
  expect(code).toBe(EXIT.ok);
  expect(out).toMatch(/BLEU +100\.00 {2}nrefs:2\|case:mixed/);
});

test('systems beside a baseline, with p and p for all together', async () => {
  const files = [file('a.txt', ...GOOD), file('b.txt', ...POOR), file('c.txt', ...RIGHT)];
  for (const kind of ['bs', 'ar']) {
    const { code, out } = await run('score', ...files, '--ref', file('r.txt', ...RIGHT), '--paired', kind, '--samples', '200', '--metric', 'chrf', 'f1', '--json');
    expect(code).toBe(EXIT.ok);
    const { systems } = JSON.parse(out) as Answer;
    expect(systems[0]!.scores[0]).not.toHaveProperty('p');
    for (const { scores } of systems.slice(1)) {
      for (const { p, pHolm } of scores) expect(p as number > 0 && pHolm as number >= (p as number) && pHolm as number <= 1).toBe(true);
    }
  }
});

test('files that do not fit are named, with the line', async () => {
  const [right, short] = [file('r.txt', ...RIGHT), file('short.txt', 'one', 'two')];
  const cases: readonly (readonly [readonly string[], RegExp, number])[] = [
    [['score', short, '--ref', right], /r\.txt, row 3: .*short\.txt has 2 lines and .*r\.txt has 3: this line has no partner/, EXIT.data],
    [['score', right, '--ref', right, '--ref', short], /r\.txt, row 3: .*short\.txt has 2 lines/, EXIT.data],
    [['score', right, '--ref', join(folder, 'none.txt')], /none\.txt: there is no such file/, EXIT.data],
    [['score', file('bad.jsonl', '"a"', '{"text": 3}', '"c"'), '--ref', right], /bad\.jsonl, row 2, field "text": expected a text; --field names/, EXIT.data],
    [['score', file('worse.jsonl', '"a"', '{', '"c"'), '--ref', right], /worse\.jsonl, row 2: expected JSON/, EXIT.data],
    [['score', right, '--ref', right, '--paired', 'bs'], /--paired: expected the files of two systems/, EXIT.usage],
    [['score', right, right, '--ref', right], /every file once/, EXIT.usage],
    [['score', right, '--ref', right, '--metric', 'meteor'], /Allowed choices are bleu, chrf/, EXIT.usage],
  ];
  for (const [args, message, exit] of cases) {
    const { code, err } = await run(...args);
    expect(err).toMatch(message);
    expect(code).toBe(exit);
  }
  writeFileSync(join(folder, 'latin.txt'), Buffer.from([0x61, 0xe9, 0x0a]));
  expect((await run('score', join(folder, 'latin.txt'), '--ref', right)).err).toMatch(/latin\.txt: expected UTF-8 text/);
});
