// Answers of a model on the disk, keyed by everything that they depend on: what was interrupted goes on where it was,
// and what was asked before is not asked again. One JSON line an answer, appended.

import { createHash } from 'node:crypto';
import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';

export class AnswerCache {
  readonly #file: string | undefined;
  readonly #known = new Map<string, unknown>();
  #hits = 0;

  private constructor(file: string | undefined) {
    this.#file = file;
  }

  /** Without a file answers are kept for the time of the run only. */
  static async open(file?: string): Promise<AnswerCache> {
    const cache = new AnswerCache(file);
    if (file === undefined) return cache;
    const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '';
      throw error;
    });
    for (const line of text.split('\n')) {
      try {
        if (line === '') continue;
        const { key, answer } = JSON.parse(line) as { key: string; answer: unknown };
        cache.#known.set(key, answer);
      } catch {
        // a line cut short by a crash: it is asked again
      }
    }
    if (text !== '' && !text.endsWith('\n')) await appendFile(file, '\n');
    await mkdir(dirname(file), { recursive: true });
    return cache;
  }

  /** Answers taken from the cache so far. */
  get hits(): number {
    return this.#hits;
  }

  static key(...parts: readonly unknown[]): string {
    return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
  }

  get<T>(key: string): T | undefined {
    const answer = this.#known.get(key) as T | undefined;
    if (answer !== undefined) this.#hits++;
    return answer;
  }

  async put(entries: readonly { readonly key: string; readonly answer: unknown }[]): Promise<void> {
    for (const { key, answer } of entries) this.#known.set(key, answer);
    if (this.#file !== undefined && entries.length > 0) await appendFile(this.#file, entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
  }
}
