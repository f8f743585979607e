// What a GPU refuses or loses, provoked: each becomes a typed error, and what did not fail lives on. Every case leaves
// its process, since the operations' own device is not opened again.
import { openSession } from '../../lib/engine/session.js';
import type { Session, SessionOptions } from '../../lib/engine/types.js';
import { isEngineError, type EngineErrorCode } from '../../lib/errors.js';
import { input, opCall, output } from '../support/calls.js';
import { runOp, supportsOp, type OpCall, type Store } from '../support/door.js';
import { linearCall } from '../support/cases/linear.js';
import { allModules, batchOf, stir } from '../support/engine.js';
import { examplesOf } from '../support/families.js';
import { tinySpec, writeTinyModel, type TinyModel } from '../support/tiny-model.js';
import type { Device } from './models.js';
import { findingOf } from './outcomes.js';
import type { Reporter, Unit } from './unit.js';

const batch = (model: TinyModel) => batchOf(examplesOf(model.spec.vocabulary));

async function open(model: TinyModel, device: Device, more: Partial<SessionOptions> = {}): Promise<Session> {
  const session = await openSession({ spec: model.spec, weights: model.weights, device, targets: ['q'], slots: 2, rank: 4, maxTokens: 128, maxSequences: 16, ...more });
  for (const slot of [0, 1]) {
    await session.addAdapter({ modules: allModules(model, 4, 1).filter(({ projection }) => projection === 'q'), seed: BigInt(slot) });
    await stir(session, slot, 7 + slot);
  }
  return session;
}

const losses = async (session: Session, model: TinyModel): Promise<string> => String((await session.accumulate(batch(model))).map((l) => l.lossSum));

/** A sentence unless the work is refused with this code, in words that fit. */
async function notRefused(work: Promise<unknown>, code: EngineErrorCode, words: RegExp): Promise<readonly string[]> {
  const error = await work.then((value) => `no error but ${String(value)}`, (e: unknown) => e);
  if (!isEngineError(error, code)) return [`expected ${code}, got ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`];
  return words.test(error.message) ? [] : [`expected ${String(words)} in "${error.message}"`];
}

/** Gathers a row that lies far outside of all memory. */
const astray = (): OpCall => opCall('rows', {
  src: input('store', [1, 1 << 15], new Float64Array(1 << 15)), dst: output('store', [1, 1 << 15]), index: input('i32', [1], [0x7fff0000]),
}, { scatter: 0, write: 0 });

/** More sequences than a launch takes in one of its dimensions, one row each. */
function tooMany(E = 8, T = 70_000): OpCall {
  const begin = Int32Array.from({ length: T + 1 }, (_, i) => i);
  const ones = new Int32Array(T).fill(1);
  const store = (role: typeof input) => role('store', [T, 1, E], new Float64Array(T * E));
  return opCall('attention', {
    q: store(input), k: store(input), v: store(input), o: output('store', [T, 1, E]), lse: output('real', [1, T]),
    qBegin: input('i32', [T + 1], begin), kBegin: input('i32', [T], begin.subarray(0, T)), kCount: input('i32', [T], ones),
  }, { qBeginHost: begin, kBeginHost: begin.subarray(0, T), kCountHost: ones, longest: 1, window: 0, scale: 1 });
}

const fine = (): OpCall => opCall('rows', {
  src: input('store', [2, 8], Float64Array.from({ length: 16 }, (_, i) => i)), dst: output('store', [1, 8]), index: input('i32', [1], [1]),
}, { scatter: 0, write: 0 });

const plugin = (): { readonly backend: string } => ({ backend: process.env['WHETSTONE_CUDA_PLUGIN'] ?? '' });

/** What `supports` says of a call, unless it is what is expected. */
function unsaid(call: OpCall, store: Store, status: string, words: RegExp): readonly string[] {
  const said = supportsOp(call, plugin(), store);
  return said.status === status && words.test(said.why) ? [] : [`${call.op} in ${store}: ${said.status}, "${said.why}", not ${status}, ${String(words)}`];
}

const linearOf = (K: number, N: number): OpCall => linearCall({ name: '', K, N: [N], rank: 16, segments: [[4, 0]] }, 1);

const cases: readonly (readonly [string, (model: TinyModel) => Promise<readonly string[]>])[] = [
  ['supports says in words what is missing and what is slower', async () => {
    const slow = process.env['WHETSTONE_CUDA_CAPABILITY'] ?? ''; // or a build without code for Hopper
    const portable = /portable kernels/.test(supportsOp(linearOf(64, 64), plugin(), 'bf16').why);
    return [
      ...(slow === '' || portable ? [] : [`capability ${slow}, and no word of portable kernels`]),
      ...unsaid(linearOf(64, 64), 'bf16', 'ok', portable ? /without matrix instructions/ : /^$/),
      ...unsaid(linearOf(64, 64), 'f32', 'ok', /without matrix instructions/),
      ...unsaid(linearOf(65, 64), 'bf16', 'ok', /multiples of 8/),
      ...unsaid(linearOf(64, 64), 'f64', 'unsupported', /f32 or bf16, not f64/),
      ...unsaid(tooMany(8, 3), 'bf16', 'ok', /heads of 8: the fast kernels take 64 and 128/),
      ...unsaid(tooMany(257, 3), 'bf16', 'unsupported', /heads of 257: at most 256/),
    ];
  }],
  ['more memory than the card has is refused; a session beside it goes on, and another opens', async (model) => {
    const beside = await open(model, 'cuda');
    const before = await losses(beside, model);
    const problems = await notRefused(open(model, 'cuda', { cacheTokens: 1_000_000_000, cacheSequences: 4 }), 'ERR_OUT_OF_MEMORY', /MiB are free/);
    await beside.dropGradients();
    const after = await losses(beside, model);
    const again = await open(model, 'cuda');
    const fresh = await losses(again, model);
    await Promise.all([beside.close(), again.close()]);
    return [...problems, ...(after === before && fresh === before ? [] : [`losses were ${before}, then ${after} and ${fresh}`])];
  }],
  ['a launch that the device refuses is an error in words; the next one runs', async () => {
    const refused = runOp(tooMany(), plugin(), 'f32');
    const next = runOp(fine(), plugin(), 'f32');
    return [
      ...(refused.status === 'internal' && /launch of attention/.test(refused.message) ? [] : [`refused: ${refused.status} ${refused.message}`]),
      ...(next.status === 'ok' && next.outputs['dst']![7] === 15 ? [] : [`afterwards: ${next.status} ${next.message}`]),
    ];
  }],
  ['a lost device is a typed error in every session on it; the CPU goes on; a new session opens or says that the process must end', async (model) => {
    const onCuda = await open(model, 'cuda');
    const onCpu = await open(model, 'cpu');
    const want = await losses(onCuda, model);
    const cpu = await losses(onCpu, model);
    const lost = runOp(astray(), plugin(), 'f32');
    const problems = [
      ...(lost.status === 'device-lost' ? [] : [`a gather from nowhere: ${lost.status} ${lost.message}`]),
      ...await notRefused(onCuda.accumulate(batch(model)), 'ERR_DEVICE_LOST', /lost by an earlier operation/),
      ...await notRefused(onCuda.evaluate(batch(model)), 'ERR_DEVICE_LOST', /where a new one is refused too, end the process/),
    ];
    await onCpu.dropGradients();
    const still = await losses(onCpu, model);
    await Promise.all([onCuda.close(), onCpu.close()]);
    if (still !== cpu) problems.push(`the CPU said ${cpu}, then ${still}`);
    const again = await open(model, 'cuda').catch((error: unknown) => error);
    process.stderr.write(`a new session after a lost device: ${again instanceof Error ? again.message : 'opens'}\n`);
    // Not every driver gives a process a second context: then the refusal must say what to do.
    if (again instanceof Error) {
      if (!isEngineError(again, 'ERR_DEVICE_LOST') || !/end the process/.test(again.message)) problems.push(`a new session: ${String(again)}`);
      return problems;
    }
    const session = again as Session;
    const got = await losses(session, model);
    await session.close();
    return got === want ? problems : [...problems, `losses were ${want}, in the new session ${got}`];
  }],
];

export function failureUnits(devices: readonly Device[]): readonly Unit[] {
  if (!devices.includes('cuda')) return [];
  return cases.map(([name, check]): Unit => ({
    group: 'failures', op: 'failures', name, dtype: '-',
    async run(report: Reporter) {
      report.at({ backend: 'cuda' });
      const model = writeTinyModel(tinySpec({}), 3);
      try {
        report.add(findingOf([], await check(model)));
      } finally {
        model.remove();
        report.leave();
      }
    },
  }));
}
