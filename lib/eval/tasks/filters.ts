// What happens to answers before they are scored: the filters of lm-evaluation-harness that need nothing but texts.

import { dataError, describe } from '../../errors.js';
import type { TaskConfig } from './config.js';
import { findAll, pythonRegex, strip } from './python.js';
import type { Doc } from './template.js';

/** All answers to one row, to all answers to it, or to a single one. */
type Step = (answers: readonly unknown[], doc: Doc) => unknown;
type Options = Readonly<Record<string, unknown>>;

const PUNCTUATION = /\p{P}/gu;
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const each = (change: (answer: string) => unknown): Step => (answers) => answers.map((answer) => change(text(answer)));

const FILTERS: Readonly<Record<string, { readonly keys: readonly string[]; readonly make: (options: Options) => Step }>> = {
  take_first: { keys: [], make: () => (answers) => answers[0] },
  take_first_k: {
    keys: ['k'],
    make: ({ k }) => (answers) => {
      if (answers.length < (k as number)) throw dataError({}, `take_first_k: expected at least ${String(k)} answers to each row, came ${answers.length}. Raise repeats`);
      return answers.slice(0, k as number);
    },
  },
  majority_vote: { keys: [], make: () => (answers) => [majority(answers)] },
  lowercase: { keys: [], make: () => each((answer) => answer.toLowerCase()) },
  uppercase: { keys: [], make: () => each((answer) => answer.toUpperCase()) },
  remove_whitespace: { keys: [], make: () => each(strip) },
  map: {
    keys: ['mapping_dict', 'default_value'],
    make: ({ mapping_dict: map = {}, default_value: otherwise = null }) => each((answer) => (Object.hasOwn(map as object, answer) ? (map as Options)[answer] : otherwise)),
  },
  regex: { keys: ['regex_pattern', 'group_select', 'fallback'], make: (options) => {
    const { find, fallback } = finder(options);
    return each((answer) => find(answer) ?? fallback);
  } },
  multi_choice_regex: { keys: ['regex_pattern', 'group_select', 'fallback', 'ignore_case', 'ignore_punctuation', 'regexes_to_ignore'], make: multipleChoice },
};

/** The finder of a regex filter: the chosen match, its first group that is not empty; undefined where nothing matches. */
function finder(options: Options) {
  const { regex_pattern: pattern = '#### (\\-?[0-9\\.\\,]+)', group_select: select = 0, fallback = '[invalid]' } = options;
  const regex = pythonRegex(String(pattern));
  return { find: (answer: string): string | undefined => pick(findAll(regex, answer), Number(select)), select: Number(select), fallback: fallback as string };
}

function pick(matches: readonly (string | readonly string[])[], select: number): string | undefined {
  if (matches.length === 0) return undefined;
  const match = matches.at(select);
  if (match === undefined) throw dataError({}, `regex filter: expected a match number ${select}, came ${matches.length} matches`);
  if (typeof match === 'string') return strip(match);
  const filled = match.find((group) => group !== '');
  return filled === undefined ? undefined : strip(filled);
}

/** Letters in brackets; else the text of a choice; else a letter after a colon. */
function multipleChoice(options: Options): Step {
  const { find, select, fallback } = finder(options);
  const ignored = ((options.regexes_to_ignore ?? []) as string[]).map((pattern) => pythonRegex(pattern));
  const plain = (answer: string): string => {
    let rest = ignored.reduce((left, regex) => left.replace(regex, ''), answer);
    if (options.ignore_case === true) rest = rest.toLowerCase();
    return options.ignore_punctuation === true ? rest.replace(PUNCTUATION, '') : rest;
  };
  return (answers, doc) => {
    const { choices } = doc;
    if (!Array.isArray(choices)) throw dataError({ field: 'choices' }, `multi_choice_regex: expected a list in the row, came ${describe(choices)}`);
    const letters = new Map(choices.map((choice, i) => [plain(strip(String(choice))), `(${String.fromCharCode(65 + i)})`]));
    const words = choices.map((choice) => plain(strip(String(choice)))).sort((a, b) => escape(b).length - escape(a).length);
    const byText = new RegExp(words.map(escape).join('|'), 'g');
    const byLetter = new RegExp(`:\\s*(${choices.map((_, i) => String.fromCharCode(65 + i)).join('|')})`, 'g');
    const lettered = (letter: string | undefined): string | undefined => (letter === undefined || letter === '' ? undefined : `(${letter})`);
    return answers.map((value) => {
      const answer = text(value);
      const found = find(answer) || pick(findAll(byText, plain(answer)), select);
      const named = found === undefined ? undefined : find(answer) ? found : letters.get(found) ?? found;
      return (named || lettered(pick(findAll(byLetter, answer), select))) ?? fallback;
    });
  };
}

/** `re.escape`. */
function escape(word: string): string {
  return word.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
}

/** The most common; the first of those on ties, as a Counter gives it. */
function majority(answers: readonly unknown[]): unknown {
  const counts = new Map<unknown, number>();
  for (const answer of answers) counts.set(answer, (counts.get(answer) ?? 0) + 1);
  let best: [unknown, number] = [undefined, 0];
  for (const entry of counts) if (entry[1] > best[1]) best = entry;
  return best[0];
}

/** Makes a task's filters. Unknown ones and unknown options are refused by name. */
export function makeFilters(task: TaskConfig): { readonly name: string; readonly apply: (answers: readonly unknown[], doc: Doc) => unknown }[] {
  return task.filters.map(({ name, steps }) => {
    const made = steps.map((step): Step => {
      const { function: kind, ...options } = step;
      const filter = FILTERS[String(kind)];
      if (filter === undefined) throw dataError({ file: task.file, field: 'filter_list' }, `expected one of ${Object.keys(FILTERS).join(', ')}, came ${describe(kind)}`);
      const unknown = Object.keys(options).find((key) => !filter.keys.includes(key));
      if (unknown !== undefined) throw dataError({ file: task.file, field: 'filter_list' }, `${String(kind)}: "${unknown}" is not understood`);
      return filter.make(options);
    });
    return { name, apply: (answers, doc) => made.reduce<unknown>((now, step) => step(Array.isArray(now) ? now : [now], doc), answers) };
  });
}
