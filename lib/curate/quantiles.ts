// Lengths in constant memory: exact counts up to 4,096, then bins of 1/32 of an octave, so that a quantile is off by
// about one percent at most.

const EXACT = 4096;
const PER_OCTAVE = 32;

export class Lengths {
  readonly #counts: number[] = [];
  #rows = 0;
  #sum = 0;
  #most = 0;
  #least = Infinity;

  add(length: number): void {
    const bin = length < EXACT ? length : EXACT + Math.floor(Math.log2(length / EXACT) * PER_OCTAVE);
    this.#counts[bin] = (this.#counts[bin] ?? 0) + 1;
    this.#rows++;
    this.#sum += length;
    this.#most = Math.max(this.#most, length);
    this.#least = Math.min(this.#least, length);
  }

  get report(): LengthReport {
    const at = [0.05, 0.25, 0.5, 0.75, 0.95, 0.99].map((share) => this.#quantile(share));
    return {
      rows: this.#rows, mean: this.#rows === 0 ? 0 : this.#sum / this.#rows, least: this.#rows === 0 ? 0 : this.#least, most: this.#most,
      p5: at[0]!, p25: at[1]!, median: at[2]!, p75: at[3]!, p95: at[4]!, p99: at[5]!, total: this.#sum,
    };
  }

  /** Rows in each of these bins: counts[i] is the number with edges[i] ≤ length < edges[i + 1], the last bin closed. */
  histogram(edges: readonly number[]): number[] {
    const counts = Array.from({ length: edges.length - 1 }, () => 0);
    this.#counts.forEach((count, bin) => {
      const value = placeOf(bin);
      let i = counts.length - 1;
      while (i > 0 && value < edges[i]!) i--;
      counts[i]! += count;
    });
    return counts;
  }

  #quantile(share: number): number {
    let seen = 0;
    for (const [bin, count] of this.#counts.entries()) {
      seen += count ?? 0;
      if (seen > 0 && seen >= share * this.#rows) return Math.min(this.#most, placeOf(bin));
    }
    return 0;
  }
}

function placeOf(bin: number): number {
  return bin < EXACT ? bin : Math.round(EXACT * 2 ** ((bin - EXACT + 0.5) / PER_OCTAVE));
}

export interface LengthReport {
  readonly rows: number;
  readonly mean: number;
  readonly least: number;
  readonly most: number;
  readonly p5: number;
  readonly p25: number;
  readonly median: number;
  readonly p75: number;
  readonly p95: number;
  readonly p99: number;
  readonly total: number;
}
