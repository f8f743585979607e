// What may be asked of a run while it goes: pause, go on, save and stop, stop now, another learning rate, something to
// be done between two updates. The loop asks `gate` before every update.

import { EngineError } from '../errors.js';

interface Task {
  readonly run: () => Promise<void>;
  readonly refuse: (error: Error) => void;
}

export class Control {
  readonly #abort = new AbortController();
  readonly #tasks: Task[] = [];
  #paused = false;
  #stopping = false;
  #closed = false;
  #wake: (() => void) | undefined;
  /** Peak learning rate that the schedule multiplies. */
  learningRate: number;

  constructor(learningRate: number, signal?: AbortSignal) {
    this.learningRate = learningRate;
    if (signal?.aborted) this.#abort.abort(signal.reason);
    else signal?.addEventListener('abort', () => this.cancel(signal.reason), { once: true, signal: this.#abort.signal });
  }

  /** Aborted by `cancel`. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get stopping(): boolean {
    return this.#stopping;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#wake?.();
  }

  /** The run saves and ends after the update under way. */
  stop(): void {
    this.#stopping = true;
    this.#wake?.();
  }

  /** The run ends now, between two layers; what was not saved is lost. */
  cancel(reason?: unknown): void {
    this.#abort.abort(reason);
    this.#wake?.();
  }

  /** Has something done between two updates. */
  between<T>(work: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const refuse = (error: Error): void => reject(error);
      if (this.#closed) return refuse(ended());
      this.#tasks.push({ run: () => work().then(resolve, reject), refuse });
      this.#wake?.();
    });
  }

  /** Waits while paused, does what was asked for, and says whether the run goes on. Throws when cancelled. */
  async gate(onPause: (paused: boolean) => void): Promise<boolean> {
    let told = false;
    for (;;) {
      this.signal.throwIfAborted();
      for (let task = this.#tasks.shift(); task; task = this.#tasks.shift()) await task.run();
      if (this.#stopping || !this.#paused) break;
      if (!told) onPause(told = true);
      await new Promise<void>((resolve) => { this.#wake = resolve; });
      this.#wake = undefined;
    }
    if (told) onPause(false);
    return !this.#stopping;
  }

  /** Refuses what is still waiting. */
  close(): void {
    this.#closed = true;
    for (const task of this.#tasks.splice(0)) task.refuse(ended());
  }
}

function ended(): EngineError {
  return new EngineError('the run has ended: ask before that, or read the adapter that it wrote', { code: 'ERR_CLOSED' });
}
