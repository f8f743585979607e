// Encodes a stream of records on worker threads, in order. Small data sets are encoded here, in short turns, because a
// worker has to load the tokenizer first.
import { availableParallelism } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { EngineError } from '../errors.js';
import type { ChatMessage, DataRecord } from '../record.js';
import { encodeBatch } from './encode-batch.js';
import type { RecordEncoder } from './encode.js';
import type { WorkerFailure } from './encode-worker.js';
import type { EncodedBatch } from './encoded-set.js';
import { specOf, type EncoderSpec } from './encoder-spec.js';

export interface PoolOptions {
  /** Worker threads; 0: none. Default 'auto': up to 4, and none for less than half a megabyte of text. */
  readonly workers?: number | 'auto';
  readonly signal?: AbortSignal;
}

const SMALL_TEXT = 512 * 1024;
const RECORDS_PER_TASK = 64;

/** Encoded batches in the order of the records. Workers end when the stream ends, fails, or is left. */
export async function* encodeStream(
  encoder: RecordEncoder,
  records: AsyncIterable<readonly DataRecord[]>,
  options: PoolOptions = {},
): AsyncGenerator<EncodedBatch> {
  const { workers = 'auto', signal } = options;
  const tasks = inTasks(records, signal);
  const first: (readonly DataRecord[])[] = [];
  let size = 0;
  let threads = workers === 'auto' ? Math.min(4, availableParallelism()) : workers;
  if (workers === 'auto') {
    while (size < SMALL_TEXT) {
      const next = await tasks.next();
      if (next.done === true) {
        threads = 0;
        break;
      }
      first.push(next.value);
      size += next.value.reduce((sum, record) => sum + sizeOf(record), 0);
    }
  }
  const all = async function* () {
    yield* first;
    yield* tasks;
  };
  yield* threads === 0 ? encodeHere(encoder, all(), signal) : encodeThere(specOf(encoder), all(), threads, signal);
}

async function* inTasks(
  records: AsyncIterable<readonly DataRecord[]>,
  signal?: AbortSignal,
): AsyncGenerator<readonly DataRecord[]> {
  for await (const batch of records) {
    signal?.throwIfAborted();
    for (let at = 0; at < batch.length; at += RECORDS_PER_TASK) yield batch.slice(at, at + RECORDS_PER_TASK);
  }
}

/** A rough size in characters. */
function sizeOf(record: DataRecord): number {
  switch (record.kind) {
    case 'text':
      return record.text.length;
    case 'completion':
      return record.prompt.length + record.completion.length;
    case 'alpaca':
      return record.instruction.length + record.input.length + record.output.length;
    case 'messages':
      return sizeOfAll(record.messages);
    case 'preference':
      return sizeOfAll(record.prompt) + sizeOfAll(record.chosen) + sizeOfAll(record.rejected);
    case 'labelled':
      return sizeOfAll(record.prompt) + sizeOfAll(record.completion);
  }
}

function sizeOfAll(messages: readonly ChatMessage[]): number {
  return messages.reduce((sum, { content }) => sum + (content?.length ?? 0), 0);
}

async function* encodeHere(
  encoder: RecordEncoder,
  tasks: AsyncIterable<readonly DataRecord[]>,
  signal?: AbortSignal,
): AsyncGenerator<EncodedBatch> {
  for await (const task of tasks) {
    let from = 0;
    while (from < task.length) {
      // A few hundred characters, or one row, a turn: the event loop gets its turn every millisecond or so.
      let to = from;
      for (let size = 0; to < task.length && size < 256; to++) size += sizeOf(task[to] as DataRecord);
      yield encodeBatch(encoder, task.slice(from, to));
      from = to;
      await setImmediate();
      signal?.throwIfAborted();
    }
  }
}

async function* encodeThere(
  spec: EncoderSpec,
  tasks: AsyncIterable<readonly DataRecord[]>,
  threads: number,
  signal?: AbortSignal,
): AsyncGenerator<EncodedBatch> {
  const pool = new Pool(spec, threads, signal);
  const waiting: Promise<EncodedBatch>[] = [];
  try {
    for await (const task of tasks) {
      const result = pool.run(task);
      // Failures are reported when their turn comes, so that the first bad row is named, whichever worker met it.
      result.catch(() => undefined);
      waiting.push(result);
      if (waiting.length >= threads * 3) yield await (waiting.shift() as Promise<EncodedBatch>);
    }
    while (waiting.length > 0) yield await (waiting.shift() as Promise<EncodedBatch>);
  } finally {
    await pool.close();
  }
}

interface Pending {
  readonly resolve: (batch: EncodedBatch) => void;
  readonly reject: (error: unknown) => void;
}

class Pool {
  readonly #workers: readonly Worker[];
  readonly #load: number[];
  readonly #pending = new Map<number, Pending & { worker: number }>();
  readonly #signal: AbortSignal | undefined;
  #next = 0;
  #failed: unknown;

  constructor(spec: EncoderSpec, threads: number, signal?: AbortSignal) {
    this.#signal = signal;
    this.#load = Array.from({ length: threads }, () => 0);
    this.#workers = this.#load.map((_, number) => {
      const worker = new Worker(workerEntry(), { workerData: spec, execArgv: [], name: 'whetstone-encode' });
      worker.on('message', (message: { id: number; batch: EncodedBatch } | WorkerFailure) =>
        this.#settle(number, message),
      );
      worker.on('error', (error) => this.#fail(error));
      worker.on('exit', (code) =>
        this.#fail(
          new EngineError(`a tokenizing worker ended with code ${code}; start again`, { code: 'ERR_INTERNAL' }),
        ),
      );
      return worker;
    });
    signal?.addEventListener('abort', this.#abort, { once: true });
    if (signal?.aborted) this.#abort();
  }

  run(records: readonly DataRecord[]): Promise<EncodedBatch> {
    if (this.#failed !== undefined) return Promise.reject(this.#failed);
    return new Promise((resolve, reject) => {
      const id = this.#next++;
      const worker = this.#load.indexOf(Math.min(...this.#load));
      (this.#load[worker] as number)++;
      this.#pending.set(id, { resolve, reject, worker });
      this.#workers[worker]?.postMessage({ id, records });
    });
  }

  async close(): Promise<void> {
    this.#signal?.removeEventListener('abort', this.#abort);
    this.#failed ??= new EngineError('the tokenizing workers are closed', { code: 'ERR_CLOSED' });
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  readonly #abort = () => this.#fail(this.#signal?.reason);

  #settle(number: number, message: { id: number; batch: EncodedBatch } | WorkerFailure): void {
    const pending = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    (this.#load[number] as number)--;
    if ('batch' in message) pending?.resolve(message.batch);
    else pending?.reject(revive(message.failure));
  }

  #fail(error: unknown): void {
    if (this.#failed !== undefined) return;
    this.#failed = error ?? new Error('aborted');
    for (const { reject } of this.#pending.values()) reject(this.#failed);
    this.#pending.clear();
  }
}

function revive({ message, stack, details }: WorkerFailure['failure']): Error {
  const error =
    details === undefined ? new EngineError(message, { code: 'ERR_INTERNAL' }) : new EngineError(message, details);
  if (stack !== undefined) error.stack = stack;
  return error;
}

/** The built worker from dist/, or the sources' one through tsx. */
function workerEntry(): URL {
  const name = import.meta.url.endsWith('.ts') ? './encode-worker.dev.mjs' : './encode-worker.js';
  return new URL(name, import.meta.url);
}
