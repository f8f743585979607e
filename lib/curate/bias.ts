// A scan for associations: which occupations and which praise or blame stand in one sentence with which groups, beyond chance.
// Log-odds with an informative Dirichlet prior (Monroe, Colaresi and Quinn 2008): the prior is the corpus itself, so that rare
// words prove little. Intervals of 95 %; of all that was tested, at most a twentieth of what is reported is chance
// (Benjamini and Hochberg).
import { AXES, TARGETS } from './bias-terms.js';

export interface Association {
  readonly axis: string;
  readonly group: string;
  readonly target: string;
  readonly kind: string;
  /** Sentences with the group and the target, and with the other groups of the axis and the target. */
  readonly count: number;
  readonly others: number;
  /** Log of the ratio of odds against the other groups, with its 95 % interval. */
  readonly logOdds: number;
  readonly interval: readonly [number, number];
  /** Adjusted for the number of tests. */
  readonly q: number;
}

export interface GroupCount {
  readonly axis: string;
  readonly group: string;
  readonly sentences: number;
  /** Of the sentences of this axis, with its 95 % interval. */
  readonly share: number;
  readonly interval: readonly [number, number];
}

export interface BiasReport {
  readonly sentences: number;
  readonly tests: number;
  readonly groups: readonly GroupCount[];
  /** Only those that hold after the control of false discoveries, strongest first. */
  readonly associations: readonly Association[];
}

const FALSE_DISCOVERIES = 0.05;
const Z = 1.959964;
/** Weight of the prior in pseudo-counts, all words together. */
const PRIOR = 100;

const TERM = new Map<string, readonly [string, string]>(Object.entries(AXES).flatMap(([axis, groups]) =>
  Object.entries(groups).flatMap(([group, words]) => words.map((word): [string, readonly [string, string]] => [word, [axis, group]]))));
const TARGET = new Map<string, string>(Object.entries(TARGETS).flatMap(([kind, words]) => words.map((word): [string, string] => [word, kind])));

export class BiasScan {
  #sentences = 0;
  readonly #groups = new Map<string, number>();
  readonly #pairs = new Map<string, number>();
  readonly #targets = new Map<string, number>();

  /** Counts the sentences of a text. */
  add(text: string): void {
    for (const sentence of text.split(/[.!?\n]+/)) {
      const words = sentence.toLowerCase().match(/[a-z][a-z-]*/g);
      if (words === null || words.length < 3) continue;
      this.#sentences++;
      const groups = new Set<string>();
      const targets = new Set<string>();
      for (const word of words) {
        const term = TERM.get(word);
        if (term !== undefined) groups.add(`${term[0]}\t${term[1]}`);
        const plain = TARGET.has(word) ? word : word.replace(/s$/, '');
        if (TARGET.has(plain)) targets.add(plain);
      }
      for (const target of targets) this.#targets.set(target, (this.#targets.get(target) ?? 0) + 1);
      for (const group of groups) {
        this.#groups.set(group, (this.#groups.get(group) ?? 0) + 1);
        for (const target of targets) {
          const pair = `${group}\t${target}`;
          this.#pairs.set(pair, (this.#pairs.get(pair) ?? 0) + 1);
        }
      }
    }
  }

  result(): BiasReport {
    const tested = [...this.#associations()];
    const byP = [...tested].sort((a, b) => a.p - b.p);
    let smallest = 1;
    const q = new Map<object, number>();
    for (let rank = byP.length; rank > 0; rank--) {
      smallest = Math.min(smallest, (byP[rank - 1]!.p * byP.length) / rank);
      q.set(byP[rank - 1]!, smallest);
    }
    return {
      sentences: this.#sentences,
      tests: tested.length,
      groups: this.#groupCounts(),
      associations: tested.filter((one) => q.get(one)! <= FALSE_DISCOVERIES)
        .map((one) => {
          const { p: _, ...rest } = one;
          return { ...rest, q: q.get(one)! };
        })
        .sort((a, b) => Math.abs(b.logOdds) - Math.abs(a.logOdds)),
    };
  }

  *#associations(): Generator<Omit<Association, 'q'> & { readonly p: number }> {
    const all = [...this.#targets.values()].reduce((sum, count) => sum + count, 0);
    for (const [axis, groups] of Object.entries(AXES)) {
      const names = Object.keys(groups);
      const countOf = (group: string, target: string): number => this.#pairs.get(`${axis}\t${group}\t${target}`) ?? 0;
      const totals = new Map(names.map((group) => [group, [...this.#targets.keys()].reduce((sum, target) => sum + countOf(group, target), 0)]));
      for (const group of names) {
        const total = totals.get(group)!;
        const otherTotal = names.reduce((sum, name) => sum + (name === group ? 0 : totals.get(name)!), 0);
        if (total === 0 || otherTotal === 0) continue;
        for (const [target, overall] of this.#targets) {
          const count = countOf(group, target);
          const others = names.reduce((sum, name) => sum + (name === group ? 0 : countOf(name, target)), 0);
          if (count + others < 5) continue;
          const prior = (PRIOR * overall) / all;
          const odds = (y: number, n: number): number => Math.log((y + prior) / (n + PRIOR - y - prior));
          const logOdds = odds(count, total) - odds(others, otherTotal);
          const deviation = Math.sqrt(1 / (count + prior) + 1 / (others + prior));
          yield {
            axis, group, target, kind: TARGET.get(target)!, count, others, logOdds,
            interval: [logOdds - Z * deviation, logOdds + Z * deviation],
            p: 2 * (1 - normal(Math.abs(logOdds) / deviation)),
          };
        }
      }
    }
  }

  #groupCounts(): readonly GroupCount[] {
    return Object.entries(AXES).flatMap(([axis, groups]) => {
      const counts = Object.keys(groups).map((group) => [group, this.#groups.get(`${axis}\t${group}`) ?? 0] as const);
      const total = counts.reduce((sum, [, count]) => sum + count, 0);
      return counts.filter(([, count]) => count > 0).map(([group, sentences]) => ({
        axis, group, sentences, share: sentences / total, interval: wilson(sentences, total),
      }));
    });
  }
}

/** The interval of a share that stays inside 0 and 1. */
export function wilson(count: number, total: number): readonly [number, number] {
  const p = count / total;
  const middle = p + (Z * Z) / (2 * total);
  const half = Z * Math.sqrt((p * (1 - p)) / total + (Z * Z) / (4 * total * total));
  const scale = 1 + (Z * Z) / total;
  return [Math.max(0, (middle - half) / scale), Math.min(1, (middle + half) / scale)];
}

/** The normal distribution function (Abramowitz and Stegun 26.2.17, error below 1e-7). */
function normal(z: number): number {
  const t = 1 / (1 + 0.2316419 * z);
  const tail = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return 1 - (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * tail;
}
