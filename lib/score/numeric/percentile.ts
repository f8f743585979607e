// numpy.percentile with its default, linear interpolation, to the last bit.

/** @param level from 0 to 1 */
export function percentile(values: ArrayLike<number>, level: number): number {
  const sorted = Float64Array.from(values).sort();
  const place = (sorted.length - 1) * level;
  const below = Math.floor(place);
  const [a, b] = [sorted[below]!, sorted[Math.min(below + 1, sorted.length - 1)]!];
  const part = place - below;
  return part >= 0.5 ? b - (b - a) * (1 - part) : a + (b - a) * part;
}
