// A worker thread that encodes batches of records with its own tokenizer and template.
import { parentPort, workerData } from 'node:worker_threads';
import { isEngineError, type EngineError } from '../errors.js';
import type { DataRecord } from '../record.js';
import { encodeBatch } from './encode-batch.js';
import { makeEncoder, type EncoderSpec } from './encoder-spec.js';

export interface WorkerRequest {
  readonly id: number;
  readonly records: readonly DataRecord[];
}

/** Errors lose their class on the way between threads; the pool makes them again from this. */
export interface WorkerFailure {
  readonly id: number;
  readonly failure: {
    readonly message: string;
    readonly stack: string | undefined;
    readonly details: EngineError['details'] | undefined;
  };
}

const port = parentPort;
if (port !== null) {
  const encoder = makeEncoder(workerData as EncoderSpec);
  port.on('message', ({ id, records }: WorkerRequest) => {
    try {
      const batch = encodeBatch(encoder, records);
      const { lengths, rows, runCounts, runs, runWeights } = batch.tables;
      port.postMessage(
        { id, batch },
        [batch.tokens, lengths, rows, runCounts, runs, runWeights].map((array) => array.buffer as ArrayBuffer),
      );
    } catch (error) {
      const { message, stack } = error as Error;
      port.postMessage({
        id,
        failure: { message, stack, details: isEngineError(error) ? error.details : undefined },
      } satisfies WorkerFailure);
    }
  });
}
