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

/**
 * Spells out each letter by the sound that most often stands at its place, counted over the training words that have
 * as many sounds as letters.
 */
export function naiveSpeller(training: readonly Word[]): (word: Word) => readonly string[] {
  const counts = new Map<string, Map<string, number>>();
  for (const { letters, sounds } of training) {
    if (letters.length !== sounds.length) continue;
    letters.forEach((letter, i) => {
      const of = counts.get(letter) ?? new Map<string, number>();
      of.set(sounds[i]!, (of.get(sounds[i]!) ?? 0) + 1);
      counts.set(letter, of);
    });
  }
  const usual = new Map([...counts].map(([letter, of]) => [letter, [...of].reduce((a, b) => (b[1] > a[1] ? b : a))[0]]));
  return ({ letters }) => letters.flatMap((letter) => usual.get(letter) ?? []);
}
