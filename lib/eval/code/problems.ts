// Coding problems as they are published: HumanEval, HumanEval-X and MultiPL-E (JavaScript, TypeScript), MBPP in both of
// its forms. Each becomes a prompt, a way to put a program together, and the words that end an answer.

import { openSource } from '../../data/source.js';
import type { RawRow } from '../../data/source.js';
import { dataError, describe } from '../../errors.js';
import type { Language } from '../sandbox/languages.js';

export interface CodeProblem {
  /** As in the file; numbers become text. */
  readonly id: string;
  readonly language: Language;
  /** What the model continues. */
  readonly prompt: string;
  /** The published answer; absent in files without one. */
  readonly solution?: string;
  /** An answer ends before any of these. */
  readonly stop: readonly string[];
  /** The whole program for one answer: it fails with an error, or comes to its end. */
  readonly program: (answer: string) => string;
}

type Row = Readonly<Record<string, unknown>>;

/** Reads problems from .jsonl, .jsonl.gz, .json or .parquet files; rows of several forms may be mixed. */
export async function readProblems(files: string | readonly string[], language?: Language): Promise<CodeProblem[]> {
  const problems: CodeProblem[] = [];
  const seen = new Map<string, string>();
  for await (const row of (await openSource(files)).rows()) {
    const problem = problemOf(row, language);
    const before = seen.get(problem.id);
    if (before !== undefined) throw dataError(place(row), `expected each problem once, came "${problem.id}" again (first in ${before}). Remove one of them`);
    seen.set(problem.id, `${row.file}, row ${row.row}`);
    problems.push(problem);
  }
  return problems;
}

/** One row of such a file. Throws ERR_DATA naming the field that is missing. */
export function problemOf(row: Pick<RawRow, 'value' | 'file' | 'row'>, language?: Language): CodeProblem {
  const { value } = row;
  if (Array.isArray(value.test_list)) return mbpp(row, value);
  if (typeof value.tests === 'string') return multiple(row, value, language);
  if (typeof value.test === 'string') return humanEval(row, value, language);
  throw dataError(place(row), `expected a problem of HumanEval (task_id, prompt, entry_point, test), MultiPL-E (name, prompt, tests) or MBPP ` +
    `(task_id, text, test_list), came ${describe(value)}. Use the file as it is published`);
}

/** Ends of an answer, as human-eval's samples and MultiPL-E cut them. */
const STOP: Readonly<Record<Language, readonly string[]>> = {
  python: ['\nclass ', '\ndef ', '\n#', '\n@', '\nprint', '\nif ', '\n```', '\nassert '],
  javascript: ['\nfunction ', '\n/*', '\n//', '\nconsole.log', '\n```', '\nconst assert'],
  typescript: ['\nfunction ', '\n/*', '\n//', '\nclass ', '\n```', '\ndeclare '],
};

function humanEval(row: Pick<RawRow, 'value' | 'file' | 'row'>, value: Row, wanted: Language | undefined): CodeProblem {
  const id = text(row, 'task_id');
  const [prompt, test] = [text(row, 'prompt'), text(row, 'test')];
  const language = wanted ?? languageOf(value.language) ?? languageOf(id.split('/')[0]) ?? 'python';
  const solution = typeof value.canonical_solution === 'string' ? { solution: value.canonical_solution } : {};
  // HumanEval-X's tests call themselves; HumanEval's are a function that is given the answer's.
  const entry = language === 'python' ? text(row, 'entry_point') : undefined;
  const call = entry === undefined ? '' : `\ncheck(${entry})`;
  return { id, language, prompt, stop: STOP[language], ...solution, program: (answer) => `${prompt}${answer}\n${test}${call}` };
}

function multiple(row: Pick<RawRow, 'value' | 'file' | 'row'>, value: Row, wanted: Language | undefined): CodeProblem {
  const [id, prompt, tests] = [text(row, 'name'), text(row, 'prompt'), text(row, 'tests')];
  const language = wanted ?? languageOf(value.language);
  if (language === undefined) {
    throw dataError({ ...place(row), field: 'language' }, `expected py, js or ts, came ${describe(value.language)}. Other languages cannot be run here`);
  }
  const stop = Array.isArray(value.stop_tokens) ? value.stop_tokens.filter((word) => typeof word === 'string') : STOP[language];
  const solution = typeof value.canonical_solution === 'string' ? { solution: value.canonical_solution } : {};
  return { id, language, prompt, stop, ...solution, program: (answer) => `${prompt}${answer}\n${tests}` };
}

function mbpp(row: Pick<RawRow, 'value' | 'file' | 'row'>, value: Row): CodeProblem {
  const id = text(row, 'task_id');
  const task = text(row, typeof value.text === 'string' ? 'text' : 'prompt');
  const tests = strings(row, 'test_list');
  const setup = [
    ...(Array.isArray(value.test_imports) ? strings(row, 'test_imports') : []),
    ...(typeof value.test_setup_code === 'string' && value.test_setup_code !== '' ? [value.test_setup_code] : []),
  ].join('\n');
  const solution = typeof value.code === 'string' ? { solution: value.code } : {};
  return {
    id, language: 'python', ...solution, stop: ['[DONE]', '\n```', '\nassert '],
    // The wording of the paper that MBPP comes from.
    prompt: `You are an expert Python programmer, and here is your task: ${task} Your code should pass these tests:\n\n${tests.join('\n')}\n[BEGIN]\n`,
    program: (answer) => [answer, setup, ...tests].filter((part) => part !== '').join('\n'),
  };
}

function languageOf(name: unknown): Language | undefined {
  switch (typeof name === 'string' ? name.toLowerCase() : undefined) {
    case 'python': case 'py': return 'python';
    case 'javascript': case 'js': return 'javascript';
    case 'typescript': case 'ts': return 'typescript';
    default: return undefined;
  }
}

function place({ file, row }: Pick<RawRow, 'file' | 'row'>): { readonly file: string; readonly row: number } {
  return { file, row };
}

function text(row: Pick<RawRow, 'value' | 'file' | 'row'>, field: string): string {
  const value = row.value[field];
  if (typeof value === 'string') return value;
  if (field === 'task_id' && (typeof value === 'number' || typeof value === 'bigint')) return String(value);
  throw dataError({ ...place(row), field }, `expected text, came ${describe(value)}. Use the file as it is published`);
}

function strings(row: Pick<RawRow, 'value' | 'file' | 'row'>, field: string): string[] {
  const value = row.value[field] as unknown[];
  if (value.every((item) => typeof item === 'string')) return value;
  throw dataError({ ...place(row), field }, `expected a list of texts, came ${describe(value)}. Use the file as it is published`);
}
