// The edits of TER: insertions, deletions, replacements and shifts of whole phrases. Shifts are found greedily, the one
// that saves most first, with the limits and the order of preference of Tercom as sacreBLEU has them.

import { BeamTable, INSERT, KEEP, REMOVE } from './beam.js';

const { max, min } = Math;
const MAX_LENGTH = 10;
const MAX_DISTANCE = 50;
const MAX_CANDIDATES = 1000;

/** Words as numbers against the words of a reference. */
export class ShiftSearch {
  readonly #table = new BeamTable();
  #candidates = 0;

  edits(answer: Int32Array, reference: Int32Array): number {
    if (reference.length === 0) return answer.length;
    this.#table.reset(reference, answer.length);
    this.#candidates = 0;
    let words = answer;
    let shifts = 0;
    for (;;) {
      const before = this.#table.distance(words);
      if (before === 0) return shifts;
      const better = this.#bestShift(words, reference, before);
      if (this.#candidates >= MAX_CANDIDATES || better === undefined) break;
      shifts++;
      words = better;
    }
    return shifts + this.#table.distance(words);
  }

  /** The words after the shift that saves most; undefined if none saves anything. */
  #bestShift(words: Int32Array, reference: Int32Array, before: number): Int32Array | undefined {
    const { place, wrongHere, wrongThere } = alignment(this.#table.trace(), words.length, reference.length);
    let [bestSaved, bestLength, bestStart, bestTarget] = [-Infinity, 0, 0, 0];
    let best: Int32Array | undefined;
    const tried = new Int32Array(words.length);
    for (let start = 0; start < words.length; start++) {
      const last = min(reference.length, start + MAX_DISTANCE + 1);
      for (let there = max(0, start - MAX_DISTANCE); there < last; there++) {
        for (let length = 1; length <= MAX_LENGTH; length++) {
          if (start + length > words.length || there + length > reference.length) break;
          if (words[start + length - 1] !== reference[there + length - 1]) break;
          // Both sides must be wrong somewhere, and the phrase may not move into itself.
          if (wrongHere[start] === wrongHere[start + length] || wrongThere[there] === wrongThere[there + length]) continue;
          const at = place[there]!;
          if (start <= at && at < start + length) continue;
          let previous = -1;
          for (let offset = -1; offset < length; offset++) {
            const position = there + offset;
            if (position >= reference.length) break;
            const target = position < 0 ? 0 : place[position]! + 1;
            if (target === previous) continue;
            previous = target;
            shift(words, start, length, target, tried);
            const saved = before - this.#table.distance(tried);
            this.#candidates++;
            const order = saved - bestSaved || length - bestLength || bestStart - start || bestTarget - target;
            if (best === undefined || order > 0) {
              [bestSaved, bestLength, bestStart, bestTarget] = [saved, length, start, target];
              best = tried.slice();
            }
          }
          if (this.#candidates >= MAX_CANDIDATES) return best;
        }
      }
    }
    return best !== undefined && bestSaved > 0 ? best : undefined;
  }
}

/** Where each word of the reference stands in the text, and running counts of the wrong words on both sides. */
function alignment(steps: readonly number[], here: number, there: number): {
  readonly place: Int32Array; readonly wrongHere: Int32Array; readonly wrongThere: Int32Array;
} {
  const place = new Int32Array(there);
  const wrongHere = new Int32Array(here + 1);
  const wrongThere = new Int32Array(there + 1);
  let [i, j] = [-1, -1];
  for (const step of steps) {
    const wrong = step === KEEP ? 0 : 1;
    if (step !== INSERT) {
      i++;
      wrongHere[i + 1] = wrongHere[i]! + wrong;
    }
    if (step !== REMOVE) {
      j++;
      place[j] = i;
      wrongThere[j + 1] = wrongThere[j]! + wrong;
    }
  }
  return { place, wrongHere, wrongThere };
}

/** Moves `length` words at `start` before the word that stands at `target`; inside themselves they swap with what follows. */
function shift(words: Int32Array, start: number, length: number, target: number, into: Int32Array): void {
  let at = 0;
  const copy = (from: number, to: number): void => {
    for (let i = from; i < min(to, words.length); i++) into[at++] = words[i]!;
  };
  if (target < start) {
    copy(0, target); copy(start, start + length); copy(target, start); copy(start + length, words.length);
  } else if (target > start + length) {
    copy(0, start); copy(start + length, target); copy(start, start + length); copy(target, words.length);
  } else {
    copy(0, start); copy(start + length, length + target); copy(start, start + length); copy(length + target, words.length);
  }
}
