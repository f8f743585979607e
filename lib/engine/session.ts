// The public session over the native one: checks arguments in words, turns failures into typed errors with the
// stack of the call, follows abort signals. Classes and arrays are made here, never in native code.
import type { AdapterSlot, Batch } from '../batch.js';
import { EngineError, type MemoryLine } from '../errors.js';
import type { HostTensor, ModelSpec } from '../tensors.js';
import { cancellable } from './abort.js';
import { toNativeAdapter, toNativeBatch, toNativeOptions, toNativeRule, toNativeSequence } from './arguments.js';
import type { NativeAddon, NativeBatch, NativeSession, NativeSessionOptions } from './binding.js';
import { findPlugin, probePlugin } from './devices.js';
import { type CallSite, callSite, ints, refuse, seed64, typed, integer } from './failure.js';
import { loadAddon } from './native.js';
import type {
  AdapterOptions, AdapterState, Cancellable, Evaluation, GenerateSequence, GenerateStep, Generation, NextOptions, RecomputeLayers, Session,
  SessionOptions, SlotLoss, UpdateReport, UpdateRule,
} from './types.js';

/**
 * Opens a session: plans and takes all its memory, reads and packs the weights. Nothing is allocated afterwards.
 *
 * Rejects with ERR_CHECKPOINT for weights that are missing, damaged or of the wrong shape (before memory is taken),
 * with ERR_OUT_OF_MEMORY and the plan when it does not fit. Aborting stops the loading between pieces of a tensor.
 */
export async function openSession(options: SessionOptions): Promise<Session> {
  const at = callSite(openSession);
  const native = toNativeOptions(options);
  if (native.device !== 'cuda') return open(loadAddon(), native, options, at);
  const plugin = findPlugin();
  await probePlugin(plugin);
  return open(loadAddon(), { ...native, plugin }, options, at);
}

/** {@link openSession} with a given addon and device: for tests, whose device "oracle" computes in f64. */
export async function openSessionWith(addon: NativeAddon, device: string, options: SessionOptions): Promise<Session> {
  const native = { ...toNativeOptions({ ...options, device: 'cpu' }), device } as NativeSessionOptions;
  return open(addon, native, options, callSite(openSessionWith));
}

async function open(
  addon: NativeAddon, native: NativeSessionOptions, options: SessionOptions, at: CallSite,
): Promise<Session> {
  let thrown: { readonly error: unknown } | undefined;
  const stop = new AbortController();
  // What a listener throws stops the opening and comes out of its promise, instead of out of native code.
  const onProgress = options.onProgress && ((done: number, total: number): void => {
    try {
      options.onProgress?.(done, total);
    } catch (error) {
      thrown ??= { error };
      stop.abort(error);
    }
  });
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
  try {
    const session = await cancellable(signal, (ticket) => addon.cancelOpen(ticket),
      (ticket) => typed(addon.openSession(ticket, native, onProgress), at));
    if (thrown !== undefined) {
      await session.close();
      throw thrown.error;
    }
    return new EngineSession(session, options.spec, (native.device as string) === 'oracle');
  } catch (error) {
    throw thrown === undefined ? error : thrown.error;
  }
}

type Floats = Float32Array;

class EngineSession implements Session {
  readonly spec: ModelSpec;
  readonly memory: readonly MemoryLine[];
  readonly recompute: RecomputeLayers;
  readonly #native: NativeSession;
  readonly #wide: boolean;
  #staged: { readonly batch: Batch; readonly native: NativeBatch; readonly number: number } | undefined;

  constructor(native: NativeSession, spec: ModelSpec, wide: boolean) {
    this.#native = native;
    this.#wide = wide;
    this.spec = spec;
    this.memory = native.memory().map((line) => ({ name: line.name, bytes: line.bytes }));
    this.recompute = { ...native.recompute() };
  }

  // In the oracle's sessions numbers are f64; its callers, all tests, know.
  #floats(length: number): Floats {
    return this.#wide ? (new Float64Array(length) as unknown as Floats) : new Float32Array(length);
  }

  #cancellable<T>(options: Cancellable | undefined, at: CallSite, start: (ticket: number) => Promise<T>): Promise<T> {
    return cancellable(options?.signal, (ticket) => this.#native.cancel(ticket), (ticket) => typed(start(ticket), at));
  }

  async addAdapter(options: AdapterOptions): Promise<AdapterSlot> {
    const at = callSite(this.addAdapter);
    return typed(this.#native.addAdapter(toNativeAdapter(options)), at);
  }

  async removeAdapter(slot: AdapterSlot): Promise<void> {
    const at = callSite(this.removeAdapter);
    return typed(this.#native.removeAdapter(slot), at);
  }

  stage(batch: Batch): void {
    let native;
    try {
      native = toNativeBatch(batch);
    } catch {
      return;  // accumulate says what is wrong with it
    }
    this.#staged = { batch, native, number: this.#native.stage(native) };
  }

  async accumulate(batch: Batch, options?: Cancellable): Promise<readonly SlotLoss[]> {
    const at = callSite(this.accumulate);
    const staged = this.#staged?.batch === batch ? this.#staged : undefined;
    if (staged !== undefined) this.#staged = undefined;
    const native = staged?.native ?? toNativeBatch(batch);
    const losses = await this.#cancellable(options, at, (ticket) => this.#native.accumulate(ticket, native, staged?.number ?? 0));
    return losses.map(({ slot, lossSum, weightSum, scored }) => ({ slot, lossSum, weightSum, scored }));
  }

  async applyGradients(rules: readonly UpdateRule[], options?: Cancellable): Promise<readonly UpdateReport[]> {
    const at = callSite(this.applyGradients);
    const native = rules.map(toNativeRule);
    const reports = await this.#cancellable(options, at, (ticket) => this.#native.applyGradients(ticket, native));
    return reports.map(({ slot, gradNorm, clipFactor, step }) => ({ slot, gradNorm, clipFactor, step }));
  }

  async dropGradients(): Promise<void> {
    const at = callSite(this.dropGradients);
    return typed(this.#native.dropGradients(), at);
  }

  async evaluate(batch: Batch, options?: Cancellable & { readonly top1?: boolean }): Promise<Evaluation> {
    const at = callSite(this.evaluate);
    const native = toNativeBatch(batch);
    const rowLoss = this.#floats(batch.tokens.length);
    const top1 = options?.top1 === true ? new Int32Array(batch.tokens.length) : undefined;
    await this.#cancellable(options, at, (ticket) => this.#native.evaluate(ticket, native, rowLoss, top1));
    return top1 === undefined ? { rowLoss } : { rowLoss, top1 };
  }

  async logits(batch: Batch, rows: Int32Array, options?: Cancellable): Promise<Float32Array> {
    const at = callSite(this.logits);
    const native = toNativeBatch(batch);
    const out = this.#floats(ints('rows', rows).length * this.spec.vocabulary);
    await this.#cancellable(options, at, (ticket) => this.#native.logits(ticket, native, rows, out));
    return out;
  }

  async generate(sequences: readonly GenerateSequence[], options?: Cancellable): Promise<Generation> {
    const at = callSite(this.generate);
    const native = sequences.map(toNativeSequence);
    const handle = await this.#cancellable(options, at, (ticket) => this.#native.generateBegin(ticket, native));
    return new EngineGeneration(this.#native, handle);
  }

  async readAdapter(slot: AdapterSlot, what: 'weights' | 'optimizer' | 'gradients'): Promise<readonly HostTensor[]> {
    const at = callSite(this.readAdapter);
    const run = async (): Promise<readonly HostTensor[]> => {
      const infos = this.#native.adapterTensors(slot, what);
      const tensors = infos.map((info) => ({
        name: info.name, shape: [...info.shape], data: this.#floats(info.shape.reduce((a, b) => a * b, 1)),
      }));
      await this.#native.readAdapter(slot, what, tensors.map((tensor) => tensor.data));
      return tensors;
    };
    return typed(run(), at);
  }

  async writeAdapter(slot: AdapterSlot, what: 'weights' | 'optimizer', tensors: readonly HostTensor[]): Promise<void> {
    const at = callSite(this.writeAdapter);
    return typed(this.#native.writeAdapter(slot, what, tensors.map((t) => t.name), tensors.map((t) => t.data)), at);
  }

  async adapterState(slot: AdapterSlot): Promise<AdapterState> {
    const at = callSite(this.adapterState);
    const { step, tick, seed } = await typed(this.#native.adapterState(slot), at);
    return { step, tick, seed };
  }

  async setAdapterState(slot: AdapterSlot, state: AdapterState): Promise<void> {
    const at = callSite(this.setAdapterState);
    integer('state.step', state.step, 0, Number.MAX_SAFE_INTEGER);
    integer('state.tick', state.tick, 0, 2 ** 32 - 2);
    seed64('state.seed', state.seed);
    return typed(this.#native.setAdapterState(slot, state), at);
  }

  async close(): Promise<void> {
    return this.#native.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

class EngineGeneration implements Generation {
  readonly #native: NativeSession;
  readonly #handle: number;
  #ended = false;

  constructor(native: NativeSession, handle: number) {
    this.#native = native;
    this.#handle = handle;
  }

  async next(options: NextOptions = {}): Promise<GenerateStep> {
    const at = callSite(this.next);
    if (this.#ended) refuse('generation', 'one that has not ended', 'an ended one');
    const finished = Int32Array.from(options.finished ?? [], (index) => integer('finished', index, 0));
    const { tokens, logprobs } = await cancellable(options.signal, (ticket) => this.#native.cancel(ticket),
      (ticket) => typed(this.#native.generateNext(ticket, this.#handle, finished, options.allow), at));
    return { tokens: Int32Array.from(tokens), logprobs: Float32Array.from(logprobs) };
  }

  async end(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    try {
      await typed(this.#native.generateEnd(this.#handle), callSite(this.end));
    } catch (error) {
      if (!(error instanceof EngineError && error.code === 'ERR_CLOSED')) throw error;  // a closed session has freed it
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    return this.end();
  }
}
