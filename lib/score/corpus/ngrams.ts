// Counts n-grams of one text and matches others against them. An n-gram is a number: a hash table gives each pair of a
// known (n-1)-gram and a next symbol a number of its own, so nothing is joined, copied or compared as text, and what
// the first text does not have is never stored.

const { imul } = Math;

export class NgramMatcher {
  #slots = 1 << 10;
  #prefix = new Int32Array(this.#slots);
  #symbol = new Int32Array(this.#slots);
  #number = new Int32Array(this.#slots);
  /** Which text a slot belongs to: emptying the table is one addition. */
  #stamp = new Int32Array(this.#slots);
  #text = 0;
  #used = 1;
  /** By number: how often in the first text, in the other text at hand, and at most in any other text so far. */
  #own = new Int32Array(this.#slots);
  #other = new Int32Array(this.#slots);
  #most = new Int32Array(this.#slots);
  #otherStamp = new Int32Array(this.#slots);
  #others = 0;
  #ids = new Int32Array(256);

  /** @param order longest n-gram */
  constructor(readonly order: number) {}

  /** Takes the text that others are matched against. */
  load(symbols: ArrayLike<number>, length: number): void {
    const wanted = 2 * this.order * length + 2;
    if (wanted > this.#slots) this.#grow(wanted);
    this.#text++;
    this.#used = 1;
    const ids = this.#idsFor(length);
    for (let n = 1; n <= this.order; n++) {
      for (let i = 0; i + n <= length; i++) {
        const id = this.#intern(ids[i]!, symbols[i + n - 1]!);
        ids[i] = id;
        this.#own[id] = this.#own[id]! + 1;
      }
    }
  }

  /** Adds to `matches[n-1]` the n-grams shared with one more text, of each no more than either text has. */
  match(symbols: ArrayLike<number>, length: number, matches: Int32Array | Float64Array, at = 0): void {
    this.#run(symbols, length, matches, at, false);
  }

  /** As `match`, but an n-gram that earlier texts matched already counts only as far as this text has more of it. */
  matchMore(symbols: ArrayLike<number>, length: number, matches: Int32Array | Float64Array, at = 0): void {
    this.#run(symbols, length, matches, at, true);
  }

  #run(symbols: ArrayLike<number>, length: number, matches: Int32Array | Float64Array, at: number, more: boolean): void {
    const stamp = ++this.#others;
    const ids = this.#idsFor(length);
    const [own, other, most, otherStamp] = [this.#own, this.#other, this.#most, this.#otherStamp];
    for (let n = 1; n <= this.order; n++) {
      let found = 0;
      let any = false;
      for (let i = 0; i + n <= length; i++) {
        const before = ids[i]!;
        if (before < 0) continue;
        const id = this.#find(before, symbols[i + n - 1]!);
        ids[i] = id;
        if (id < 0) continue;
        any = true;
        const count = otherStamp[id] === stamp ? other[id]! + 1 : 1;
        otherStamp[id] = stamp;
        other[id] = count;
        if (count > own[id]!) continue;
        if (!more) found++;
        else if (count > most[id]!) {
          most[id] = count;
          found++;
        }
      }
      matches[at + n - 1] = matches[at + n - 1]! + found;
      if (!any) break;
    }
  }

  #idsFor(length: number): Int32Array {
    if (this.#ids.length < length) this.#ids = new Int32Array(2 * length);
    return this.#ids.fill(0, 0, length);
  }

  #find(prefix: number, symbol: number): number {
    const mask = this.#slots - 1;
    let slot = hash(prefix, symbol) & mask;
    while (this.#stamp[slot] === this.#text) {
      if (this.#prefix[slot] === prefix && this.#symbol[slot] === symbol) return this.#number[slot]!;
      slot = (slot + 1) & mask;
    }
    return -1;
  }

  #intern(prefix: number, symbol: number): number {
    const mask = this.#slots - 1;
    let slot = hash(prefix, symbol) & mask;
    while (this.#stamp[slot] === this.#text) {
      if (this.#prefix[slot] === prefix && this.#symbol[slot] === symbol) return this.#number[slot]!;
      slot = (slot + 1) & mask;
    }
    this.#stamp[slot] = this.#text;
    this.#prefix[slot] = prefix;
    this.#symbol[slot] = symbol;
    const id = this.#used++;
    this.#number[slot] = id;
    this.#own[id] = 0;
    this.#most[id] = 0;
    this.#otherStamp[id] = 0;
    return id;
  }

  #grow(wanted: number): void {
    let slots = this.#slots;
    while (slots < wanted) slots *= 2;
    this.#slots = slots;
    this.#prefix = new Int32Array(slots);
    this.#symbol = new Int32Array(slots);
    this.#number = new Int32Array(slots);
    this.#stamp = new Int32Array(slots);
    this.#own = new Int32Array(slots);
    this.#other = new Int32Array(slots);
    this.#most = new Int32Array(slots);
    this.#otherStamp = new Int32Array(slots);
  }
}

function hash(prefix: number, symbol: number): number {
  const mixed = imul(prefix, 0x9e3779b1) ^ imul(symbol, 0x85ebca6b);
  return mixed ^ (mixed >>> 15);
}
