// Speed and time left, from the last updates: pure arithmetic over a short window.

const WINDOW = 20;

export interface Speed {
  readonly tokensPerSecond: number;
  readonly scoredPerSecond: number;
  readonly eta: number;
}

export class Meter {
  readonly #updates: { readonly tokens: number; readonly scored: number; readonly seconds: number }[] = [];

  /** Notes one update and returns the speed of the last ones; `left` updates are still to come. */
  note(tokens: number, scored: number, seconds: number, left: number): Speed {
    this.#updates.push({ tokens, scored, seconds });
    if (this.#updates.length > WINDOW) this.#updates.shift();
    const total = this.#updates.reduce((sum, u) => ({
      tokens: sum.tokens + u.tokens, scored: sum.scored + u.scored, seconds: sum.seconds + u.seconds,
    }));
    const time = Math.max(total.seconds, 1e-9);
    return {
      tokensPerSecond: total.tokens / time,
      scoredPerSecond: total.scored / time,
      eta: (left * total.seconds) / this.#updates.length,
    };
  }
}
