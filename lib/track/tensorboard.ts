// TensorBoard event files, written by hand: TFRecord framing with masked CRC32C around the few protobuf fields that a
// scalar needs. A run has one file, made again from metrics.jsonl when the run goes on after a stop.

import { closeSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Sink, TrainEvent } from './events.js';
import { isMetric } from './metrics.js';
import type { Metric } from './metrics.js';

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

/** CRC-32C (Castagnoli). */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ CRC_TABLE[(crc ^ byte) & 0xff]!;
  return (crc ^ 0xffffffff) >>> 0;
}

function masked(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** One TFRecord: length, its checksum, the bytes, their checksum. */
export function tfRecord(data: Uint8Array): Buffer {
  const record = Buffer.alloc(16 + data.length);
  record.writeBigUInt64LE(BigInt(data.length), 0);
  record.writeUInt32LE(masked(record.subarray(0, 8)), 8);
  record.set(data, 12);
  record.writeUInt32LE(masked(data), 12 + data.length);
  return record;
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt(value);
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest > 0n ? low | 0x80 : low);
  } while (rest > 0n);
  return Buffer.from(bytes);
}

function lengthDelimited(field: number, payload: Uint8Array): Buffer {
  return Buffer.concat([varint((field << 3) | 2), varint(payload.length), payload]);
}

function double(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(9);
  bytes.writeUInt8((field << 3) | 1, 0);
  bytes.writeDoubleLE(value, 1);
  return bytes;
}

function float(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes.writeUInt8((field << 3) | 5, 0);
  bytes.writeFloatLE(value, 1);
  return bytes;
}

/** A tensorboard.Event with one scalar (wall_time = 1, step = 2, summary = 5 > value = 1 > tag = 1, simple_value = 2). */
export function scalarEvent(tag: string, value: number, step: number, wallTime: number): Buffer {
  const entry = Buffer.concat([lengthDelimited(1, Buffer.from(tag)), float(2, value)]);
  return Buffer.concat([double(1, wallTime), varint(2 << 3), varint(step), lengthDelimited(5, lengthDelimited(1, entry))]);
}

function versionEvent(wallTime: number): Buffer {
  return Buffer.concat([double(1, wallTime), lengthDelimited(3, Buffer.from('brain.Event:2'))]);
}

/** The scalars that a metric shows, by tag. */
export function scalarsOf(metric: Metric): readonly (readonly [string, number])[] {
  if (metric.type === 'step') {
    return [
      ['train/loss', metric.loss], ['train/learning_rate', metric.lr], ['train/grad_norm', metric.gradNorm],
      ['train/epoch', metric.epoch], ['speed/tokens_per_second', metric.tokensPerSecond],
      ['speed/scored_per_second', metric.scoredPerSecond],
    ];
  }
  if (metric.type === 'validation') {
    return [['valid/loss', metric.loss], ['valid/perplexity', metric.perplexity], ['valid/accuracy', metric.accuracy]];
  }
  return [];
}

/** Writes a run's scalars into `folder`, replacing an earlier file of the same run. */
export class TensorBoardLog implements Sink {
  readonly file: string;
  #handle: number | undefined;
  #pending: Buffer[] = [];

  constructor(folder: string, history: readonly Metric[] = [], private readonly now: () => number = () => Date.now() / 1000) {
    for (const name of readdirSync(folder)) {
      if (/^events\.out\.tfevents\..*\.whetstone$/.test(name)) rmSync(join(folder, name));
    }
    const began = now();
    this.file = join(folder, `events.out.tfevents.${Math.floor(began)}.whetstone`);
    this.#handle = openSync(this.file, 'w');
    this.#pending.push(tfRecord(versionEvent(began)));
    for (const metric of history) this.event(metric);
    this.#write();
  }

  event(event: TrainEvent): void {
    if (!isMetric(event)) return;
    for (const [tag, value] of scalarsOf(event)) {
      if (Number.isFinite(value)) this.#pending.push(tfRecord(scalarEvent(tag, value, event.step, this.now())));
    }
    if (this.#pending.length >= 64 || event.type !== 'step') this.#write();
  }

  async flush(): Promise<void> {
    this.#write();
  }

  async close(): Promise<void> {
    this.#write();
    if (this.#handle !== undefined) closeSync(this.#handle);
    this.#handle = undefined;
  }

  #write(): void {
    if (this.#handle === undefined || this.#pending.length === 0) return;
    writeSync(this.#handle, Buffer.concat(this.#pending));
    this.#pending = [];
  }
}
