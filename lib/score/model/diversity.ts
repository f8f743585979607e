// How varied texts are: distinct-n, the share of n-grams that are different (Li et al., 2016), and self-BLEU, the mean
// BLEU of each text against all others (Zhu et al., 2018), where lower is more varied.

import { Bleu } from '../bleu/bleu.js';
import type { BleuOptions } from '../bleu/bleu.js';
import { invalid } from '../invalid.js';
import { mean } from '../numeric/sums.js';
import { splitWords } from '../text/space.js';

/** Different n-grams by all n-grams, over all texts together; 0 if there are none. */
export function distinct(texts: readonly string[], n: number, words: (text: string) => readonly string[] = splitWords): number {
  if (!Number.isInteger(n) || n < 1) throw invalid('n', 'a whole number of at least 1', n);
  const seen = new Set<string>();
  let total = 0;
  for (const text of texts) {
    const all = words(text);
    for (let i = 0; i + n <= all.length; i++, total++) seen.add(all.slice(i, i + n).join('\0'));
  }
  return total === 0 ? 0 : seen.size / total;
}

/** Mean BLEU of each text with all other texts as its references, from 0 to 100. */
export function selfBleu(texts: readonly string[], options: BleuOptions = {}): number {
  if (texts.length < 2) throw invalid('texts', 'at least two', texts);
  const metric = new Bleu({ smoothing: 'floor', ...options });
  return mean(texts.map((text, i) => {
    const others = texts.filter((_, j) => j !== i);
    return metric.score(metric.statistics({ answers: [text], references: [others], count: others.length }), 'exact').score;
  }));
}
