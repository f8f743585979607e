// Edit distance of a changing text from a fixed one, along a band around the diagonal, with the operations that got
// there. Rows of the table are kept: a text that starts like the one before is only computed from where it differs.

const { ceil, floor, max, min } = Math;
const INFINITE = 1 << 28;
const BEAM = 25;

export const KEEP = 0;
export const REPLACE = 1;
/** A word of the reference that the text lacks. */
export const INSERT = 2;
/** A word of the text that the reference lacks. */
export const REMOVE = 3;

export class BeamTable {
  #reference: Int32Array = new Int32Array(0);
  #words: Int32Array = new Int32Array(0);
  #known = 0;
  #rows = 0;
  /** Only the band is kept: row i holds the columns from first[i] to end[i], at offset[i] of the two tables below. */
  #first = new Int32Array(0);
  #end = new Int32Array(0);
  #offset = new Int32Array(0);
  #cost = new Int32Array(0);
  #step = new Uint8Array(0);

  /** Starts over: texts of `length` words are to be held against `reference`. */
  reset(reference: Int32Array, length: number): void {
    const columns = reference.length + 1;
    this.#reference = reference;
    this.#rows = length;
    this.#words = new Int32Array(length);
    this.#known = 0;
    if (this.#first.length <= length) {
      this.#first = new Int32Array(2 * length + 1);
      this.#end = new Int32Array(2 * length + 1);
      this.#offset = new Int32Array(2 * length + 1);
    }
    const ratio = length > 0 ? reference.length / length : 1;
    // Lengths so different that two bands would not meet get a wider one.
    const beam = BEAM < ratio / 2 ? ceil(ratio / 2 + BEAM) : BEAM;
    this.#first[0] = 0;
    this.#end[0] = columns;
    this.#offset[0] = 0;
    let cells = columns;
    for (let i = 1; i <= length; i++) {
      const diagonal = floor(i * ratio);
      this.#first[i] = max(0, diagonal - beam);
      this.#end[i] = i === length ? columns : min(columns, diagonal + beam);
      this.#offset[i] = cells;
      cells += max(0, this.#end[i]! - this.#first[i]!);
    }
    if (this.#cost.length < cells) {
      this.#cost = new Int32Array(2 * cells);
      this.#step = new Uint8Array(2 * cells);
    }
    for (let j = 0; j < columns; j++) {
      this.#cost[j] = j;
      this.#step[j] = INSERT;
    }
  }

  /** Fewest edits that turn `words` into the reference. */
  distance(words: Int32Array): number {
    let same = 0;
    while (same < this.#known && this.#words[same] === words[same]) same++;
    for (let i = same + 1; i <= this.#rows; i++) this.#row(i, words[i - 1]!);
    this.#words.set(words);
    this.#known = this.#rows;
    return this.#cost[this.#offset[this.#rows]! + this.#end[this.#rows]! - 1 - this.#first[this.#rows]!]!;
  }

  #row(i: number, word: number): void {
    const [cost, step, reference] = [this.#cost, this.#step, this.#reference];
    const [first, end, aboveFirst, aboveEnd] = [this.#first[i]!, this.#end[i]!, this.#first[i - 1]!, this.#end[i - 1]!];
    const here = this.#offset[i]! - first; // the cell of column j is at here + j
    const above = this.#offset[i - 1]! - aboveFirst;
    let j = first;
    if (j === 0 && end > 0) {
      cost[here] = cost[above]! + 1;
      step[here] = REMOVE;
      j = 1;
    }
    for (; j < end; j++) {
      const equal = word === reference[j - 1];
      let best = j > aboveFirst && j <= aboveEnd ? cost[above + j - 1]! + (equal ? 0 : 1) : INFINITE;
      let how = equal ? KEEP : REPLACE;
      const removed = j >= aboveFirst && j < aboveEnd ? cost[above + j]! + 1 : INFINITE;
      if (best > removed) {
        best = removed;
        how = REMOVE;
      }
      const inserted = j > first ? cost[here + j - 1]! + 1 : INFINITE;
      if (best > inserted) {
        best = inserted;
        how = INSERT;
      }
      cost[here + j] = min(best, INFINITE);
      step[here + j] = how;
    }
  }

  /** Operations from the start of both texts to their ends; call after `distance`. */
  trace(): readonly number[] {
    const steps: number[] = [];
    let i = this.#rows;
    let j = this.#reference.length;
    while (i > 0 || j > 0) {
      const how = this.#step[this.#offset[i]! + j - this.#first[i]!]!;
      steps.push(how);
      if (how !== INSERT) i--;
      if (how !== REMOVE) j--;
    }
    return steps.reverse();
  }
}
