// metrics.jsonl, the truth about a run: one JSON object a line, appended as events come. Everything else that shows
// metrics (TensorBoard, the curve) can be made from it again.

import { createWriteStream } from 'node:fs';
import type { WriteStream } from 'node:fs';
import { open, readFile, rename, writeFile } from 'node:fs/promises';
import type { Sink, TrainEvent } from './events.js';

export type Metric = Extract<TrainEvent, { type: 'step' | 'validation' | 'diagnosis' | 'checkpoint' | 'end' }>;

export function isMetric(event: TrainEvent): event is Metric {
  return event.type === 'step' || event.type === 'validation' || event.type === 'diagnosis' || event.type === 'checkpoint' || event.type === 'end';
}

/** Reads a metrics file; a last line cut short by a crash is left out. A missing file has no lines. */
export async function readMetrics(file: string): Promise<Metric[]> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  const metrics: Metric[] = [];
  for (const line of text.split('\n')) {
    try {
      if (line) metrics.push(JSON.parse(line) as Metric);
    } catch {
      break;
    }
  }
  return metrics;
}

/** Drops what came after update `step`, as when a run goes on from an earlier checkpoint. Returns what stays. */
export async function rewindMetrics(file: string, step: number): Promise<Metric[]> {
  const kept = (await readMetrics(file)).filter((metric) => metric.step <= step && metric.type !== 'end' && !(metric.type === 'diagnosis' && metric.final));
  const temporary = `${file}.tmp`;
  await writeFile(temporary, kept.map((metric) => `${JSON.stringify(metric)}\n`).join(''));
  await rename(temporary, file);
  return kept;
}

/** Appends metrics to a file. */
export class MetricsLog implements Sink {
  readonly #stream: WriteStream;
  #failure: Error | undefined;

  constructor(readonly file: string) {
    this.#stream = createWriteStream(file, { flags: 'a' });
    this.#stream.on('error', (error) => { this.#failure = error; });
  }

  event(event: TrainEvent): void {
    if (this.#failure) throw this.#failure;
    if (isMetric(event)) this.#stream.write(`${JSON.stringify(event)}\n`);
  }

  /** Resolves when everything so far is on the disk. */
  async flush(): Promise<void> {
    await new Promise<void>((resolve, reject) => this.#stream.write('', (error) => (error ? reject(error) : resolve())));
    const handle = await open(this.file, 'r+');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.#stream.end(resolve));
    if (this.#failure) throw this.#failure;
  }
}
