// The normal distribution: its tail from the incomplete-gamma series and continued fraction of erfc, its quantile by
// Newton's method on that.

/** 1 - Φ(x). */
export function normalTail(x: number): number {
  if (x < 0) return 1 - normalTail(-x);
  const z = x / Math.SQRT2;
  return z < 2 ? 0.5 - erfSeries(z) / 2 : erfcFraction(z) / 2;
}

function erfSeries(z: number): number {
  let [term, sum] = [z, z];
  for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum) && n < 200; n++) {
    term *= 2 * z * z / (2 * n + 1);
    sum += term;
  }
  return 2 / Math.sqrt(Math.PI) * Math.exp(-z * z) * sum;
}

function erfcFraction(z: number): number {
  let fraction = 0;
  for (let n = 120; n >= 1; n--) fraction = n / 2 / (z + fraction);
  return Math.exp(-z * z) / Math.sqrt(Math.PI) / (z + fraction);
}

/** x with Φ(x) = p. */
export function normalQuantile(p: number): number {
  if (!(p > 0 && p < 1)) return p === 0 ? -Infinity : p === 1 ? Infinity : NaN;
  if (p < 0.5) return -normalQuantile(1 - p);
  if (p === 0.5) return 0;
  const tail = 1 - p;
  let x = Math.sqrt(-2 * Math.log(tail)) - 0.5; // close enough for Newton's method, which the convex tail keeps on course
  for (let step = 0; step < 60; step++) {
    const density = Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
    const change = (normalTail(x) - tail) / density;
    const next = x + change / Math.max(0.5, 1 - x * change / 2);
    if (Math.abs(next - x) <= 1e-15 * Math.abs(next)) return next;
    x = next;
  }
  return x;
}
