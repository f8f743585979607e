// How far two arrays are apart, as one number that a test can bound. A NaN anywhere makes it NaN, which fails.

/** Norm of the difference over the norm of the expected values. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) throw new Error(`expected ${expected.length} values, received ${actual.length}`);
  let difference = 0;
  let size = 0;
  for (let i = 0; i < expected.length; i++) {
    difference += (actual[i]! - expected[i]!) ** 2;
    size += expected[i]! ** 2;
  }
  return Math.sqrt(difference / size);
}

/** The named arrays that are further apart than the bound (or not numbers), with their errors; empty when all is well. */
export function beyond(
  bound: number, actual: Iterable<readonly [string, ArrayLike<number>]>, expected: (name: string) => ArrayLike<number>,
): readonly string[] {
  return [...actual].map(([name, data]) => ({ name, error: relativeError(data, expected(name)) }))
    .filter(({ error }) => !(error <= bound)).map(({ name, error }) => `${name}: ${error.toExponential(1)} > ${bound}`);
}
