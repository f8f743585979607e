// The texts that a corpus score takes: answers, and beside each one reference or several.

import { invalid, sameLength } from '../invalid.js';

/** One reference, or several that count alike. */
export type References = readonly (string | readonly string[])[];

/** How many references every answer has; 'var' if not all have the same number. */
export type ReferenceCount = number | 'var';

export interface Segments {
  readonly answers: readonly string[];
  readonly references: readonly (readonly string[])[];
  readonly count: ReferenceCount;
}

/** Checks texts from outside and brings them into one form. */
export function checkSegments(answers: readonly string[], references: References): Segments {
  if (!Array.isArray(answers)) throw invalid('hypotheses', 'a list of texts', answers);
  if (!Array.isArray(references)) throw invalid('references', 'a list with a text, or a list of texts, for each hypothesis', references);
  if (answers.length === 0) throw invalid('hypotheses', 'at least one text', answers);
  if (references.length !== answers.length && references.length > 0 && references.every((part) => Array.isArray(part) && part.length === answers.length)) {
    throw invalid('references', `one entry a hypothesis (${answers.length})`, references,
      'these look like whole streams, one a reference: give references[i] all references of hypothesis i');
  }
  sameLength('references', references.length, 'hypotheses', answers.length);
  const lists = references.map((entry: unknown, row): readonly string[] => {
    const list: unknown[] = Array.isArray(entry) ? entry : [entry];
    if (list.length === 0) throw invalid(`references[${row}]`, 'at least one text', entry);
    list.forEach((text, i) => {
      if (typeof text !== 'string') throw invalid(Array.isArray(entry) ? `references[${row}][${i}]` : `references[${row}]`, 'a text', text);
    });
    return list as string[];
  });
  answers.forEach((text: unknown, row) => {
    if (typeof text !== 'string') throw invalid(`hypotheses[${row}]`, 'a text', text);
  });
  const first = lists[0]!.length;
  return { answers, references: lists, count: lists.every((list) => list.length === first) ? first : 'var' };
}
