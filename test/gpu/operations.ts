// Every operation case of test/support/cases on every target, held against the oracle as jest does it; and f64, which
// backends that ship decline in words.
import { suites, type Suite } from '../support/cases/all.js';
import { sampleCall } from '../support/cases/sample.js';
import { truthOf, verdictOf, type Truth, type Verdict } from '../support/compare.js';
import { isas, rounded, runOp, type OpCall, type OpResult, type Store, type Target } from '../support/door.js';
import { logprobBudget, mixedDraws, mixedSizes } from '../support/sampling.js';
import { findingOf, type Finding, type Place } from './outcomes.js';
import type { Reporter, Unit } from './unit.js';

export interface Spot {
  readonly place: Place;
  readonly target: Target;
}

/** The CPU with the instruction sets asked for, on one and on three threads; the plugin at `plugin`. */
export function spots(backends: readonly string[], isa: string, plugin: string): readonly Spot[] {
  const known = isas();
  const chosen = isa === 'all' ? known : isa === 'best' ? known.slice(-1) : known.filter((name) => name === isa);
  if (chosen.length === 0) throw new Error(`--isa: expected "all", "best" or one of ${known.join(', ')}, got "${isa}"`);
  const cpu = chosen.flatMap((name) => [1, 3].map((threads) => ({ backend: 'cpu', isa: name, threads })));
  return [
    ...(backends.includes('cpu') ? cpu.map((place) => ({ place, target: place })) : []),
    ...(backends.includes('cuda') ? [{ place: { backend: 'cuda' }, target: { backend: plugin } }] : []),
  ];
}

/** What is wrong with a result whatever its numbers are. */
function problemsOf({ status, message, broken, repeats }: Omit<OpResult, 'outputs'>): readonly string[] {
  return [
    ...(status === 'ok' ? [] : [`${status}: ${message}`]),
    ...(broken.length === 0 ? [] : [`wrote to ${broken.join(', ')}`]),
    ...(status === 'ok' && !repeats ? ['two runs differ'] : []),
  ];
}

function finding(verdict: Verdict): Finding {
  const measures = verdict.outputs.flatMap(({ name, error, budget }) => [
    { what: `${name} (norm)`, error: error.norm, budget: budget.norm },
    { what: `${name} (largest)`, error: error.largest, budget: budget.largest },
  ]);
  return findingOf(measures, problemsOf(verdict));
}

/** A refusal in words is no failure, but for what jest asks of the CPU. */
function declined(result: Omit<OpResult, 'outputs'>, must: boolean): Finding | undefined {
  if (must || result.status !== 'unsupported' || result.broken.length > 0 || result.message === '') return undefined;
  return { outcome: 'declined', message: result.message };
}

/** How a backend declines f64: by the operation, or when it is given a weight to pack. */
function refusalOf(call: OpCall, target: Target, must: boolean): Finding | undefined {
  try {
    return declined(runOp(rounded(call, 'f64'), target, 'f64'), must);
  } catch (error) {
    const { message } = error as Error;
    if (must || !message.startsWith('weight_pack: ')) throw error;
    return { outcome: 'declined', message };
  }
}

function unitOf(suite: Suite, index: number, store: Store, everywhere: readonly Spot[]): Unit {
  const each = suite.cases[index]!;
  return {
    group: 'operations', op: suite.op, name: each.name, dtype: store,
    run(report: Reporter) {
      const call = each.make();
      let known: Truth | undefined;
      const truth = (): Truth => (known ??= truthOf(call, store));
      for (const { place, target } of everywhere) {
        report.at(place);
        const must = place.backend === 'cpu' && suite.stores.includes(store);
        // The oracle's f64 costs as much as all the rest: it is asked only about backends that take f64.
        const early = store === 'f64' ? refusalOf(call, target, must) : undefined;
        if (early === undefined) {
          const verdict = verdictOf(truth(), target, store);
          report.add(declined(verdict, must) ?? finding(verdict));
        } else {
          report.add(early);
        }
      }
    },
  };
}

function sampleUnit(V: number, count: number, everywhere: readonly Spot[]): Unit {
  return {
    group: 'operations', op: 'sample', name: `${count} rows over ${V} tokens`, dtype: 'f32',
    run(report: Reporter) {
      const { rows, want } = mixedDraws(V, count);
      const call = sampleCall(rows);
      for (const { place, target } of everywhere) {
        report.at(place);
        const { outputs, ...result } = runOp(call, target, 'f32', 2);
        const refusal = declined(result, place.backend === 'cpu');
        if (refusal !== undefined || result.status !== 'ok') {
          report.add(refusal ?? findingOf([], problemsOf(result)));
          continue;
        }
        const tokens = outputs['token']!, logprobs = outputs['logprob']!;
        const odd = want.flatMap(({ token }, q) => (tokens[q] === token ? [] : [`row ${q} drew ${tokens[q]}, not ${token}`]));
        const error = want.reduce((most, { logprob }, q) => Math.max(most, Math.abs(logprobs[q]! - logprob)), 0);
        report.add(findingOf([{ what: 'logprob (largest)', error, budget: logprobBudget(want) }], [...problemsOf(result), ...odd.slice(0, 3)]));
      }
    },
  };
}

export function operationUnits(everywhere: readonly Spot[]): readonly Unit[] {
  // f64 is refused alike on any number of threads.
  const once = everywhere.filter(({ place }) => place.threads === undefined || place.threads === 1);
  return [
    ...suites.flatMap((suite) => suite.cases.flatMap((_, i) => [
      ...suite.stores.map((store) => unitOf(suite, i, store, everywhere)), unitOf(suite, i, 'f64', once),
    ])),
    ...mixedSizes.map(([V, count]) => sampleUnit(V, count, everywhere)),
  ];
}
