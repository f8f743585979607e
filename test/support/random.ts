// Repeatable random numbers for tests: one 32-bit seed, printed in the name of the case that uses it.

const { cos, floor, imul, log, PI, sqrt } = Math; // looked up once: jest's global object is slow

/** mulberry32: 32 bits of state, good enough for test data. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  bits(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let x = this.#state;
    x = imul(x ^ (x >>> 15), x | 1);
    x ^= x + imul(x ^ (x >>> 7), x | 61);
    return (x ^ (x >>> 14)) >>> 0;
  }

  /** [0, 1) */
  uniform(): number {
    return this.bits() / 4294967296;
  }

  /** low, low + 1, … high - 1 */
  integer(low: number, high: number): number {
    return low + floor(this.uniform() * (high - low));
  }

  normal(): number {
    return sqrt(-2 * log(1 - this.uniform())) * cos(2 * PI * this.uniform());
  }

  normals(count: number, scale = 1): Float64Array {
    const values = new Float64Array(count);
    for (let i = 0; i < count; ++i) values[i] = scale * this.normal();
    return values;
  }

  integers(count: number, low: number, high: number): Int32Array {
    const values = new Int32Array(count);
    for (let i = 0; i < count; ++i) values[i] = this.integer(low, high);
    return values;
  }

  /** 0 … count - 1 in random order. */
  permutation(count: number): Int32Array {
    const order = Int32Array.from({ length: count }, (_, i) => i);
    for (let i = count - 1; i > 0; --i) {
      const j = this.integer(0, i + 1);
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    return order;
  }
}
