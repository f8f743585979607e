// The quickstart's task: how an English word sounds. Rows, the metric, and the naive baseline that a model must beat.

import { readFile } from 'node:fs/promises';
import { errorRate } from '../score/error-rate.js';
import type { ErrorRate } from '../score/error-rate.js';

export interface Word {
  readonly prompt: string;
  readonly letters: readonly string[];
  /** The right sounds, in ARPAbet. */
  readonly sounds: readonly string[];
}

interface Row {
  readonly prompt: string;
  readonly completion: string;
}

export async function readWords(file: string | URL): Promise<Word[]> {
  const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '');
  return lines.map((line) => {
    const { prompt, completion } = JSON.parse(line) as Row;
    return { prompt, letters: lettersOf(prompt), sounds: soundsOf(completion) };
  });
}

function lettersOf(prompt: string): readonly string[] {
  return /^Word: ([^\n]*)/.exec(prompt)?.[1]?.trim().split(/\s+/) ?? [];
}

/** Sounds of an answer: the first line, split at spaces. */
export function soundsOf(answer: string): readonly string[] {
  const line = answer.trimStart().split('\n')[0] ?? '';
  return line.split(/\s+/).filter((part) => part !== '');
}

/** Phoneme error rate of answers. */
export function score(words: readonly Word[], answers: readonly (readonly string[])[]): ErrorRate {
  return errorRate(words.map(({ sounds }, i) => ({ answer: answers[i] ?? [], right: sounds })));
}

/** How often each letter gave each piece (0 to 2 sounds, joined by spaces). */
type Table = Map<string, Map<string, number>>;

/**
 * The best that every letter can do on its own: it always gives the piece, of 0 to 2 sounds, that it gives most often.
 * Which piece belongs to which letter is found by aligning the training words again and again.
 */
export function naiveSpeller(training: readonly Word[], rounds = 3): (word: Word) => readonly string[] {
  let table: Table | undefined;
  for (let round = 0; round < rounds; round++) {
    const fresh: Table = new Map();
    const cost = costs(table);
    for (const { letters, sounds } of training) {
      align(letters, sounds, cost)?.forEach((piece, i) => {
        const of = fresh.get(letters[i]!) ?? new Map<string, number>();
        of.set(piece, (of.get(piece) ?? 0) + 1);
        fresh.set(letters[i]!, of);
      });
    }
    table = fresh;
  }
  const usual = new Map([...table ?? []].map(([letter, of]) => [letter, [...of].reduce((a, b) => (b[1] > a[1] ? b : a))[0]]));
  return ({ letters }) => letters.flatMap((letter) => (usual.get(letter) ?? '').split(' ').filter((sound) => sound !== ''));
}

type Cost = (letter: string, piece: string, size: number) => number;

/** Cost of a letter giving a piece: first that of a piece being longer or shorter than one, then by how often it did. */
function costs(table: Table | undefined): Cost {
  if (table === undefined) return (_letter, _piece, size) => Math.abs(1 - size) + 0.01 * size;
  const rows = new Map([...table].map(([letter, of]) => {
    const total = [...of.values()].reduce((a, b) => a + b) + 100;
    return [letter, { rare: -Math.log(0.1 / total), known: new Map([...of].map(([piece, count]) => [piece, -Math.log((count + 0.1) / total)])) }];
  }));
  return (letter, piece) => {
    const row = rows.get(letter);
    return row?.known.get(piece) ?? row?.rare ?? -Math.log(0.1 / 100);
  };
}

/** The cheapest way to cut the sounds into one piece for each letter; undefined when there are too many sounds. */
function align(letters: readonly string[], sounds: readonly string[], cost: Cost): string[] | undefined {
  const count = sounds.length + 1;
  const pieces = sounds.map((sound, at) => ['', sound, `${sound} ${sounds[at + 1] ?? ''}`] as const);
  const back = new Int8Array(letters.length * count);
  let best = [0, ...Array<number>(count - 1).fill(Infinity)];
  letters.forEach((letter, i) => {
    const next = Array<number>(count).fill(Infinity);
    for (let at = 0; at < count; at++) {
      for (let size = 0; size <= 2 && at + size < count && best[at]! < Infinity; size++) {
        const value = best[at]! + cost(letter, size === 0 ? '' : pieces[at]![size]!, size);
        if (value >= next[at + size]!) continue;
        next[at + size] = value;
        back[i * count + at + size] = size;
      }
    }
    best = next;
  });
  if (best[count - 1] === Infinity) return undefined;
  const out: string[] = [];
  for (let i = letters.length - 1, end = count - 1; i >= 0; i--) {
    const size = back[i * count + end]!;
    end -= size;
    out.unshift(size === 0 ? '' : pieces[end]![size]!);
  }
  return out;
}
