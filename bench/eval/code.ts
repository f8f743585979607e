// Programs a second in the sandbox beside plain processes, in turns, over the published answers of HumanEval; and that
// these pass while empty answers do not. Usage: npm run bench -- eval/code --problems HumanEval.jsonl.gz [--rounds 3]
import { join } from 'node:path';
import { runSamples } from '../../lib/eval/code/evaluate.js';
import { readProblems } from '../../lib/eval/code/problems.js';
import { option, report, root, summarize } from '../harness.js';

process.env['PATH'] = '/usr/bin:/bin'; // the same interpreter on both sides: one in a private folder cannot be read inside
const problems = await readProblems(option('problems', join(root, '..', 'shared', 'data', 'HumanEval.jsonl.gz')));
const limits = { cpuSeconds: 10, wallSeconds: 60 };
const published = problems.map(({ id, solution }) => ({ task_id: id, completion: solution! }));

async function round(unsafe: 'always' | false): Promise<{ readonly seconds: number; readonly passed: number }> {
  const began = performance.now();
  const results = await runSamples(problems, published, { ...limits, unsafe });
  return { seconds: (performance.now() - began) / 1000, passed: results.filter(({ passed }) => passed).length };
}

const empty = await runSamples(problems, problems.map(({ id }) => ({ task_id: id, completion: '' })), limits);
const times: { readonly sandbox: number[]; readonly plain: number[] } = { sandbox: [], plain: [] };
let passed = problems.length;
for (let i = 0; i < Number(option('rounds', '3')); i++) {
  const [inside, outside] = [await round(false), await round('always')];
  times.sandbox.push(inside.seconds);
  times.plain.push(outside.seconds);
  passed = Math.min(passed, inside.passed, outside.passed);
}
const [sandbox, plain] = [summarize(times.sandbox), summarize(times.plain)];
report({
  case: 'eval/code', problems: problems.length, passAt1: passed / problems.length, emptyAnswers: empty.filter((one) => one.passed).length / problems.length,
  seconds: sandbox.median, spread: sandbox.spread, rounds: times.sandbox.length, programsPerSecond: problems.length / sandbox.median,
  peer: 'the same programs in plain processes', peerSeconds: plain.median, peerSpread: plain.spread, ratio: plain.median / sandbox.median,
  shared: option('shared', 'no'),
});
