// Edit distance of a changing text from a fixed one, along a band around the diagonal, with the operations that got
// there. Rows of the table are kept: a text that starts like the one before is only computed from where it differs.

const { floor, max, min } = Math;
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
  #columns = 0;
  #words: Int32Array = new Int32Array(0);
  #known = 0;
  #cost = new Int32Array(0);
  #step = new Uint8Array(0);
  #ratio = 1;
  #beam = BEAM;
  #rows = 0;

  /** Starts over: texts of `length` words are to be held against `reference`. */
  reset(reference: Int32Array, length: number): void {
    const columns = reference.length + 1;
    const cells = columns * (length + 1);
    if (this.#cost.length < cells) {
      this.#cost = new Int32Array(2 * cells);
      this.#step = new Uint8Array(2 * cells);
    }
    this.#reference = reference;
    this.#columns = columns;
    this.#rows = length;
    this.#words = new Int32Array(length);
    this.#known = 0;
    this.#ratio = length > 0 ? reference.length / length : 1;
    // Lengths so different that two bands would not meet get a wider one.
    this.#beam = BEAM < this.#ratio / 2 ? Math.ceil(this.#ratio / 2 + BEAM) : BEAM;
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
    return this.#cost[this.#rows * this.#columns + this.#columns - 1]!;
  }

  #row(i: number, word: number): void {
    const [cost, step, columns, reference] = [this.#cost, this.#step, this.#columns, this.#reference];
    const here = i * columns;
    const above = here - columns;
    const diagonal = floor(i * this.#ratio);
    const first = max(0, diagonal - this.#beam);
    const end = i === this.#rows ? columns : min(columns, diagonal + this.#beam);
    cost.fill(INFINITE, here, here + columns);
    let j = first;
    if (j === 0 && end > 0) {
      cost[here] = cost[above]! + 1;
      step[here] = REMOVE;
      j = 1;
    }
    for (; j < end; j++) {
      const equal = word === reference[j - 1];
      let best = cost[above + j - 1]! + (equal ? 0 : 1);
      let how = equal ? KEEP : REPLACE;
      const removed = cost[above + j]! + 1;
      if (best > removed) {
        best = removed;
        how = REMOVE;
      }
      const inserted = cost[here + j - 1]! + 1;
      if (best > inserted) {
        best = inserted;
        how = INSERT;
      }
      if (best < INFINITE) {
        cost[here + j] = best;
        step[here + j] = how;
      }
    }
  }

  /** Operations from the start of both texts to their ends; call after `distance`. */
  trace(): readonly number[] {
    const steps: number[] = [];
    let i = this.#rows;
    let j = this.#columns - 1;
    while (i > 0 || j > 0) {
      const how = this.#step[i * this.#columns + j]!;
      steps.push(how);
      if (how !== INSERT) i--;
      if (how !== REMOVE) j--;
    }
    return steps.reverse();
  }
}
