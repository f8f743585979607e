// Python's random.Random for whole-number seeds: the Mersenne Twister, `sample` and `choices`, so that few-shot examples
// and bootstrap draws are those of the Python tools, seed for seed.

const [N, M] = [624, 397];

export class PythonRandom {
  readonly #state = new Uint32Array(N);
  #at = N;

  constructor(seed: number | bigint) {
    let rest = BigInt(seed);
    if (rest < 0n) rest = -rest;
    const key: number[] = [];
    do {
      key.push(Number(rest & 0xffffffffn));
      rest >>= 32n;
    } while (rest > 0n);
    this.#seedBy(key);
  }

  /** A whole number of 32 random bits. */
  next32(): number {
    if (this.#at >= N) this.#refill();
    let y = this.#state[this.#at++]!;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  /** In [0, 1), with 53 bits. */
  random(): number {
    const [a, b] = [this.next32() >>> 5, this.next32() >>> 6];
    return (a * 67108864 + b) / 9007199254740992;
  }

  /** A whole number below n, which is at most 2^32. */
  below(n: number): number {
    const bits = 32 - Math.clz32(n);
    for (;;) {
      const value = this.next32() >>> (32 - bits);
      if (value < n) return value;
    }
  }

  /** `count` different items, in the order in which Python draws them. */
  sample<T>(items: readonly T[], count: number): T[] {
    const n = items.length;
    if (count < 0 || count > n) throw new RangeError(`sample: expected at most ${n} items, got ${count}`);
    let setSize = 21;
    if (count > 5) setSize += 4 ** Math.ceil(Math.log(count * 3) / Math.log(4));
    if (n <= setSize) {
      const pool = [...items];
      return Array.from({ length: count }, (_, i) => {
        const j = this.below(n - i);
        const item = pool[j]!;
        pool[j] = pool[n - i - 1]!;
        return item;
      });
    }
    const taken = new Set<number>();
    return Array.from({ length: count }, () => {
      let j = this.below(n);
      while (taken.has(j)) j = this.below(n);
      taken.add(j);
      return items[j]!;
    });
  }

  /** `count` indices below n, each drawn anew, as `choices` draws them. */
  choices(n: number, count: number): Int32Array {
    return Int32Array.from({ length: count }, () => Math.floor(this.random() * n));
  }

  #seedBy(key: readonly number[]): void {
    const state = this.#state;
    state[0] = 19650218;
    for (let i = 1; i < N; i++) state[i] = Math.imul(1812433253, state[i - 1]! ^ (state[i - 1]! >>> 30)) + i;
    let [i, j] = [1, 0];
    for (let k = Math.max(N, key.length); k > 0; k--) {
      state[i] = (state[i]! ^ Math.imul(state[i - 1]! ^ (state[i - 1]! >>> 30), 1664525)) + key[j]! + j;
      if (++i >= N) {
        state[0] = state[N - 1]!;
        i = 1;
      }
      if (++j >= key.length) j = 0;
    }
    for (let k = N - 1; k > 0; k--) {
      state[i] = (state[i]! ^ Math.imul(state[i - 1]! ^ (state[i - 1]! >>> 30), 1566083941)) - i;
      if (++i >= N) {
        state[0] = state[N - 1]!;
        i = 1;
      }
    }
    state[0] = 0x80000000;
  }

  #refill(): void {
    const state = this.#state;
    for (let k = 0; k < N; k++) {
      const y = (state[k]! & 0x80000000) | (state[(k + 1) % N]! & 0x7fffffff);
      state[k] = state[(k + M) % N]! ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.#at = 0;
  }
}
