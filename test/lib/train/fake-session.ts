// A session without an engine: one adapter with one number w, whose loss on a token x is (w - x)^2 / 2. Gradients are
// exact sums, updates are plain gradient descent, so the loop's bookkeeping can be checked by hand.
import type { AdapterState, Evaluation, GenerateStep, Generation, Session, SlotLoss, UpdateReport, UpdateRule } from '../../../lib/engine/types.js';
import type { Batch } from '../../../lib/batch.js';
import { EngineError } from '../../../lib/errors.js';
import type { HostTensor, ModelSpec } from '../../../lib/tensors.js';

export class FakeSession implements Session {
  readonly spec = {} as ModelSpec;
  readonly memory = [];
  stage(): void {}
  readonly recompute = { keep: 0, cheap: 0, again: 0 };
  w = 0;
  gradient = 0;
  weights = 0;
  updates = 0;
  closed = false;
  /** Batches with the engine at once, and the most there ever were. */
  waiting = 0;
  mostWaiting = 0;
  readonly log: string[] = [];
  /** Throws from the update with this number. */
  failAt = 0;
  delay = 0;

  async accumulate(batch: Batch, options: { signal?: AbortSignal } = {}): Promise<readonly SlotLoss[]> {
    this.log.push(`accumulate ${[...batch.tokens].join(',')}`);
    this.mostWaiting = Math.max(this.mostWaiting, ++this.waiting);
    await new Promise<void>((resolve) => (this.delay > 0 ? setTimeout(resolve, this.delay) : setImmediate(resolve)));
    this.waiting--;
    options.signal?.throwIfAborted();
    if (this.failAt === this.updates + 1) {
      throw new EngineError('loss is NaN', { code: 'ERR_NOT_FINITE', where: 'loss', slot: 0 });
    }
    let lossSum = 0;
    for (const x of batch.tokens) {
      lossSum += (this.w - x) ** 2 / 2;
      this.gradient += this.w - x;
    }
    this.weights += batch.tokens.length;
    return [{ slot: 0, lossSum, weightSum: batch.tokens.length, scored: batch.tokens.length }];
  }

  async applyGradients(rules: readonly UpdateRule[]): Promise<readonly UpdateReport[]> {
    while (this.waiting > 0) await new Promise((resolve) => setImmediate(resolve));
    this.log.push('update');
    if (this.failAt === this.updates + 1) throw new EngineError('dropGradients first', { code: 'ERR_DIRTY' });
    const gradient = this.gradient / this.weights;
    this.w -= rules[0]!.lr * gradient;
    this.gradient = this.weights = 0;
    return [{ slot: 0, gradNorm: Math.abs(gradient), clipFactor: 1, step: ++this.updates }];
  }

  async dropGradients(): Promise<void> {
    this.gradient = this.weights = 0;
  }

  async addAdapter(): Promise<number> { return 0; }
  async removeAdapter(): Promise<void> {}
  async evaluate(batch: Batch): Promise<Evaluation> {
    return { rowLoss: Float32Array.from(batch.tokens, (x) => (this.w - x) ** 2 / 2) };
  }
  async logits(): Promise<Float32Array> { return new Float32Array(); }
  async generate(): Promise<Generation> {
    return {
      next: async (): Promise<GenerateStep> => ({ tokens: new Int32Array(), logprobs: new Float32Array() }),
      end: async () => {},
      [Symbol.asyncDispose]: async () => {},
    };
  }
  async readAdapter(): Promise<readonly HostTensor[]> { return [{ name: 'w', shape: [1], data: Float32Array.of(this.w) }]; }
  async writeAdapter(_slot: number, _what: string, tensors: readonly HostTensor[]): Promise<void> { this.w = tensors[0]!.data[0]!; }
  async adapterState(): Promise<AdapterState> { return { step: this.updates, tick: 0, seed: 0n }; }
  async setAdapterState(): Promise<void> {}
  async close(): Promise<void> { this.closed = true; }
  async [Symbol.asyncDispose](): Promise<void> { await this.close(); }
}

export function fakeBatch(...tokens: number[]): Batch {
  return {
    tokens: Int32Array.from(tokens), labels: Int32Array.from(tokens), positions: Int32Array.from(tokens, (_, i) => i),
    seqBegin: Int32Array.of(0, tokens.length), segments: [{ begin: 0, end: tokens.length, slot: 0 }],
  };
}
