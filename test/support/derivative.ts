// Directional derivatives in double: two evaluations check every element of a gradient at once, at any size.
//   (<c, f(x + h v)> - <c, f(x - h v)>) / 2h  against  <gradient, v>
// for random directions v. The difference must fall as h^2, as a central difference's error does, to below 1e-8.
import type { Random } from './random.js';

export type Values = Readonly<Record<string, Float64Array>>;

export interface Derivative {
  /** Outputs of the forward pass for these inputs. */
  forward(inputs: Values): Values;
  readonly inputs: Values;
  /** c: one for every output that matters. */
  readonly cotangents: Values;
  /** Of <c, f> with respect to every input that moves. */
  readonly gradients: Values;
}

const STEPS = [1e-2, 1e-3, 1e-4, 1e-5] as const;

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; ++i) sum += a[i]! * b[i]!;
  return sum;
}

function moved(x: Float64Array, v: Float64Array, h: number): Float64Array {
  const y = new Float64Array(x.length);
  for (let i = 0; i < x.length; ++i) y[i] = x[i]! + h * v[i]!;
  return y;
}

/** Relative difference for each of STEPS. */
export function derivativeErrors(d: Derivative, random: Random): readonly number[] {
  const names = Object.keys(d.gradients);
  const v = Object.fromEntries(names.map((name) => [name, random.normals(d.inputs[name]!.length)]));
  const along = (h: number): number => {
    const at = { ...d.inputs, ...Object.fromEntries(names.map((name) => [name, moved(d.inputs[name]!, v[name]!, h)])) };
    const outputs = d.forward(at);
    return Object.entries(d.cotangents).reduce((sum, [name, c]) => sum + dot(c, outputs[name]!), 0);
  };
  const exact = names.reduce((sum, name) => sum + dot(d.gradients[name]!, v[name]!), 0);
  const norm = (values: Values) => Math.sqrt(Object.values(values).reduce((sum, x) => sum + dot(x, x), 0));
  // A gradient that all but vanishes (a norm of one element) is held against the cotangents instead.
  const size = Math.max(norm(d.gradients), 0.01 * norm(d.cotangents));
  return STEPS.map((h) => Math.abs((along(h) - along(-h)) / (2 * h) - exact) / size);
}

/** Checks a gradient along `directions` random directions. */
export function expectGradient(d: Derivative, random: Random, directions = 2): void {
  for (let i = 0; i < directions; ++i) {
    const errors = derivativeErrors(d, random);
    expect(Math.min(...errors)).toBeLessThan(1e-8);
    // From 1e-2 to 1e-3 the error falls about a hundredfold, unless it is at the floor of rounding already.
    expect(errors[1]).toBeLessThanOrEqual(Math.max(errors[0]! / 40, 1e-9));
  }
}
