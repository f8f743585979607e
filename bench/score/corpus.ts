// Corpus scores of 10,000 pairs here and with the reference packages, in turns, each in a process of its own; both must
// give the same scores to the last bit. Ratios are of processor time, which other work on the machine disturbs less
// than the clock. Usage: npm run bench -- score/corpus --python PYTHON [--pairs 10000] [--rounds 3] [--metric bleu]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bleu, chrf, RougeScorer, ter } from '../../lib/score/index.js';
import { change, Random, text } from '../../test/lib/score/texts.js';
import { cpuName, option, report, root, summarize } from '../harness.js';

interface Timed {
  readonly scores: readonly number[];
  readonly wall: number;
  readonly cpu: number;
}

const METRICS = ['bleu', 'chrf', 'ter', 'rouge'] as const;

function score(metric: string, pairs: readonly (readonly [string, string])[]): readonly number[] {
  const [hypotheses, references] = [pairs.map(([h]) => h), pairs.map(([, r]) => r)];
  if (metric === 'bleu') return [bleu(hypotheses, references).score];
  if (metric === 'chrf') return [chrf(hypotheses, references).score];
  if (metric === 'ter') return [ter(hypotheses, references).score];
  const types = ['rouge1', 'rouge2', 'rougeL', 'rougeLsum'] as const;
  const scorer = new RougeScorer({ types, stemmer: true });
  const sums = types.map(() => 0);
  for (const [hypothesis, reference] of pairs) {
    const scores = scorer.score(reference, hypothesis);
    types.forEach((type, i) => { sums[i] = sums[i]! + scores[type].fmeasure; });
  }
  return sums.map((sum) => sum / pairs.length);
}

const inner = option('inner', '');
if (inner !== '') {
  const pairs = JSON.parse(readFileSync(option('file', ''), 'utf8')) as readonly (readonly [string, string])[];
  const [wall, cpu] = [performance.now(), process.cpuUsage()];
  const scores = score(inner, pairs);
  const used = process.cpuUsage(cpu);
  process.stdout.write(JSON.stringify({ scores, wall: (performance.now() - wall) / 1e3, cpu: (used.user + used.system) / 1e6 }));
} else {
  const python = option('python', 'python3');
  const count = Number(option('pairs', '10000'));
  const rounds = Number(option('rounds', '3'));
  const only = option('metric', '');
  const rng = new Random(10);
  const pairs = Array.from({ length: count }, () => {
    const reference = text(rng, rng.below(2), 12 + rng.below(24)).replaceAll('\n', ' ');
    return [change(rng, change(rng, reference, 0), 0), reference] as const;
  });
  const folder = mkdtempSync(join(tmpdir(), 'whetstone-score-'));
  const file = join(folder, 'pairs.json');
  writeFileSync(file, JSON.stringify(pairs));
  const run = (command: string, args: readonly string[]): Timed => {
    const { status, stdout, stderr } = spawnSync(command, args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 });
    if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}:\n${stderr.trimEnd().split('\n').slice(-6).join('\n')}`);
    return JSON.parse(stdout.trim().split('\n').at(-1)!) as Timed;
  };
  try {
    for (const metric of METRICS.filter((name) => only === '' || name === only)) {
      const mine: Timed[] = [];
      const theirs: Timed[] = [];
      for (let round = 0; round < rounds; round++) {
        mine.push(run(process.execPath, ['--import', 'tsx', fileURLToPath(import.meta.url), '--inner', metric, '--file', file]));
        theirs.push(run(python, [join(root, 'bench', 'score', 'reference.py'), file, metric]));
        if (JSON.stringify(mine.at(-1)!.scores) !== JSON.stringify(theirs.at(-1)!.scores)) {
          throw new Error(`${metric}: ${JSON.stringify(mine.at(-1)!.scores)} here, ${JSON.stringify(theirs.at(-1)!.scores)} there`);
        }
        process.stderr.write(`${metric} ${round + 1}: ${mine.at(-1)!.cpu.toFixed(2)} s here, ${theirs.at(-1)!.cpu.toFixed(2)} s there\n`);
      }
      const [own, peer] = [summarize(mine.map((t) => t.cpu)), summarize(theirs.map((t) => t.cpu))];
      report({
        case: 'score', device: cpuName(), metric, pairs: count, rounds, cpuSeconds: own.median, spread: own.spread,
        peer: metric === 'rouge' ? 'rouge_score 0.1.2' : 'sacrebleu 2.6.0', peerCpuSeconds: peer.median, peerSpread: peer.spread,
        ratio: peer.median / own.median, ratioWall: summarize(theirs.map((t) => t.wall)).median / summarize(mine.map((t) => t.wall)).median,
        equal: true, shared: 'other work ran on the machine',
      });
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
