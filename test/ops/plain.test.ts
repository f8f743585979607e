// What plain code loses, the measure of every bf16 budget of a GPU, is itself held to what it claims: in f32 it is the
// oracle's own code, and in bf16 it loses about a rounding to eight bits where f32 results are made of bf16 ones.
import { linearBwdCall, linearShapes } from '../support/cases/linear.js';
import { headCall, headShapes } from '../support/cases/head-loss.js';
import { differing, truthOf } from '../support/compare.js';
import { outputsOf } from '../support/door.js';

const calls = [
  ...linearShapes.filter(({ name }) => /^(primes|dropout|real widths)/.test(name)).map((s) => [`linear, ${s.name}`, linearBwdCall(s, 3)] as const),
  ...headShapes.filter(({ name }) => /^(primes|segments|dropout)/.test(name)).map((s) => [`head, ${s.name}`, headCall(s, 3)] as const),
];

test.each(calls)('%s: in f32 there is nothing to round', (_name, call) => {
  expect(differing(outputsOf(call, { backend: 'plain' }, 'f32'), outputsOf(call, { backend: 'oracle' }, 'f32'))).toEqual([]);
});

test.each(calls)('%s: in bf16 f32 gradients lose a rounding to eight bits, and stay near the truth', (_name, call) => {
  const truth = truthOf(call, 'bf16');
  for (const name of Object.keys(truth.want).filter((each) => each.startsWith('gradients'))) {
    expect(truth.plain[name]!.norm).toBeLessThan(1e-6);
    expect(truth.framework()[name]!.norm).toBeGreaterThan(2 ** -13);
    expect(truth.framework()[name]!.norm).toBeLessThan(2 ** -7);
  }
});
