// Event files: the checksum's published values, the framing byte by byte, and every scalar read back by a decoder that
// shares nothing with the writer.
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TensorBoardLog, crc32c, tfRecord } from '../../../lib/track/tensorboard.js';
import type { StepEvent, ValidationEvent } from '../../../lib/track/events.js';

const STEP: StepEvent = {
  type: 'step', step: 300, steps: 1000, epoch: 0.5, loss: 1.25, lr: 2e-4, gradNorm: 0.75, tokens: 100, scored: 80,
  tokensPerSecond: 1000, scoredPerSecond: 800, seconds: 0.1, eta: 70,
};
const VALID: ValidationEvent = { type: 'validation', step: 300, loss: 1.5, perplexity: 4.5, accuracy: 0.5, tokens: 50, seconds: 1, best: true };

let folder: string;
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'whetstone-tb-')); });
afterEach(() => rmSync(folder, { recursive: true }));

/** Minimal protobuf reader: field number to values, by wire type. */
function fields(bytes: Buffer): Map<number, (bigint | number | Buffer)[]> {
  const out = new Map<number, (bigint | number | Buffer)[]>();
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++]!;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    let value: bigint | number | Buffer;
    if ((tag & 7) === 0) value = varint();
    else if ((tag & 7) === 1) { value = bytes.readDoubleLE(at); at += 8; }
    else if ((tag & 7) === 5) { value = bytes.readFloatLE(at); at += 4; }
    else { const length = Number(varint()); value = bytes.subarray(at, at + length); at += length; }
    out.set(tag >> 3, [...(out.get(tag >> 3) ?? []), value]);
  }
  return out;
}

function readEvents(file: string) {
  const bytes = readFileSync(file);
  const events: { time: number; step: number; version?: string; tag?: string; value?: number }[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = Number(bytes.readBigUInt64LE(at));
    const data = bytes.subarray(at + 12, at + 12 + length);
    expect(bytes.subarray(at, at + 16 + length).equals(tfRecord(data))).toBe(true);
    const event = fields(data);
    const summary = event.get(5)?.[0] as Buffer | undefined;
    const value = summary && fields(fields(summary).get(1)![0] as Buffer);
    events.push({
      time: event.get(1)![0] as number, step: Number(event.get(2)?.[0] ?? 0), version: event.get(3)?.[0]?.toString(),
      tag: value?.get(1)?.[0]?.toString(), value: value?.get(2)?.[0] as number | undefined,
    });
    at += 16 + length;
  }
  return events;
}

test('CRC-32C gives the published values', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa);
  expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43);
});

test('a record is length, masked checksum, data, masked checksum', () => {
  const record = tfRecord(Buffer.from('123456789'));
  expect(record.length).toBe(25);
  expect(record.readBigUInt64LE(0)).toBe(9n);
  const crc = 0xe3069283;
  expect(record.readUInt32LE(21)).toBe((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0);
});

test('scalars are read back with tag, step and time', async () => {
  const log = new TensorBoardLog(folder, [], () => 1700000000.5);
  log.event(STEP);
  log.event(VALID);
  await log.close();
  const events = readEvents(log.file);
  expect(events[0]).toMatchObject({ version: 'brain.Event:2', time: 1700000000.5 });
  const scalars = events.slice(1);
  expect(scalars.map(({ tag }) => tag)).toEqual(['train/loss', 'train/learning_rate', 'train/grad_norm', 'train/epoch',
    'speed/tokens_per_second', 'speed/scored_per_second', 'valid/loss', 'valid/perplexity', 'valid/accuracy']);
  expect(scalars.every(({ step, time }) => step === 300 && time === 1700000000.5)).toBe(true);
  expect(scalars[0]!.value).toBe(1.25);
  expect(scalars[1]!.value).toBe(Math.fround(2e-4));
});

test('a run that goes on has one file again, with its history', async () => {
  const first = new TensorBoardLog(folder, [], () => 1000);
  first.event(STEP);
  await first.close();
  writeFileSync(join(folder, 'events.out.tfevents.1.somebody-else'), '');
  const second = new TensorBoardLog(folder, [{ ...STEP, step: 1 }], () => 2000);
  second.event({ ...STEP, step: 2 });
  await second.close();
  expect(readdirSync(folder).sort()).toEqual(['events.out.tfevents.1.somebody-else', 'events.out.tfevents.2000.whetstone']);
  expect(readEvents(second.file).filter(({ tag }) => tag === 'train/loss').map(({ step }) => step)).toEqual([1, 2]);
});

test('values that are not finite are left out', async () => {
  const log = new TensorBoardLog(folder);
  log.event({ ...VALID, perplexity: Infinity });
  await log.close();
  expect(readEvents(log.file).map(({ tag }) => tag).slice(1)).toEqual(['valid/loss', 'valid/accuracy']);
});
