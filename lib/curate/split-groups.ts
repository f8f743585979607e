// Which rows belong together: rows that share a key (content, prompt, conversation, user) or a near-duplicate cluster,
// and rows that are joined through others. A forest of rows, and for each tree the key that decides its part.
import { isBelow, KeyIndex } from './key64.js';
import type { Key } from './key64.js';

/** Groups of rows, filled row by row. */
export class RowGroups {
  #parent = new Int32Array(1024);
  #high = new Uint32Array(1024);
  #low = new Uint32Array(1024);
  #rows = 0;
  readonly #index = new KeyIndex();

  get rows(): number {
    return this.#rows;
  }

  /**
   * Adds a row. `own` is the key of its content; `shared` are keys that it has in common with others (a user, a
   * conversation, a prompt). Rows with any key in common are one group. `deciding` is the key that the row brings into
   * the draw of its group.
   */
  add(own: Key, shared: readonly Key[], deciding: Key = own): number {
    const row = this.#rows++;
    if (row === this.#parent.length) this.#grow();
    this.#parent[row] = row;
    this.#high[row] = deciding.high;
    this.#low[row] = deciding.low;
    for (const key of [own, ...shared]) this.join(this.#index.add(key, row), row);
    return row;
  }

  /** Makes two rows, and all that belong to them, one group. */
  join(a: number, b: number): void {
    const [x, y] = [this.rootOf(a), this.rootOf(b)];
    if (x !== y) this.#parent[Math.max(x, y)] = Math.min(x, y);
  }

  /** Joins rows that a clustering put together: `clusters[row]` is any row of its cluster. */
  joinAll(clusters: Int32Array): void {
    for (let row = 0; row < this.#rows; row++) this.join(row, clusters[row]!);
  }

  /** The lowest row of the group. */
  rootOf(row: number): number {
    let root = row;
    while (this.#parent[root] !== root) root = this.#parent[root]!;
    for (let at = row; at !== root;) {
      const next = this.#parent[at]!;
      this.#parent[at] = root;
      at = next;
    }
    return root;
  }

  /** The key that the row brought. */
  keyOf(row: number): Key {
    return { high: this.#high[row]!, low: this.#low[row]! };
  }

  /** All groups, in the order of their lowest rows; `groupOf[row]` is a place in this list. */
  finish(): Grouping {
    const groupOf = new Int32Array(this.#rows);
    const sizes: number[] = [];
    const keyRows: number[] = [];
    for (let row = 0; row < this.#rows; row++) {
      const root = this.rootOf(row);
      const group = root === row ? sizes.push(0) - 1 : groupOf[root]!;
      if (root === row) keyRows.push(row);
      groupOf[row] = group;
      sizes[group]!++;
      if (isBelow(this.keyOf(row), this.keyOf(keyRows[group]!))) keyRows[group] = row;
    }
    return { groupOf, sizes: Int32Array.from(sizes), keyRows: Int32Array.from(keyRows), keys: keyRows.map((row) => this.keyOf(row)) };
  }

  #grow(): void {
    const size = this.#parent.length * 2;
    const parent = new Int32Array(size);
    parent.set(this.#parent);
    const [high, low] = [new Uint32Array(size), new Uint32Array(size)];
    high.set(this.#high);
    low.set(this.#low);
    [this.#parent, this.#high, this.#low] = [parent, high, low];
  }
}

export interface Grouping {
  readonly groupOf: Int32Array;
  /** Rows of each group. */
  readonly sizes: Int32Array;
  /** The row of each group that brought its smallest key. */
  readonly keyRows: Int32Array;
  /** The smallest key in each group: what decides its part. */
  readonly keys: readonly Key[];
}
