// Events from one run to any number of readers. Each reader has its own queue; a run waits for a reader that is far
// behind instead of filling the memory, and forgets a reader that leaves its loop.

/** Events kept for a reader before the run waits for it. */
const HIGH_WATER = 1024;
/** Events from before the first reader came; older ones are forgotten. */
const KEPT_EARLY = 256;

interface Reader<T> {
  readonly queue: T[];
  wake: (() => void) | undefined;
}

export class EventStream<T> {
  readonly #readers = new Set<Reader<T>>();
  #early: T[] | undefined = [];
  #drained: (() => void)[] = [];
  #end: { readonly error?: unknown } | undefined;

  emit(event: T): void {
    if (this.#early) {
      this.#early.push(event);
      if (this.#early.length > KEPT_EARLY) this.#early.shift();
    }
    for (const reader of this.#readers) {
      reader.queue.push(event);
      reader.wake?.();
    }
  }

  /** Ends all readers, with an error if there was one. What is queued is read first. */
  end(failure?: { readonly error: unknown }): void {
    this.#end ??= failure ?? {};
    for (const reader of this.#readers) reader.wake?.();
  }

  /** Resolves when no reader is far behind. */
  async ready(): Promise<void> {
    while ([...this.#readers].some((reader) => reader.queue.length >= HIGH_WATER)) {
      await new Promise<void>((resolve) => this.#drained.push(resolve));
    }
  }

  read(): AsyncIterableIterator<T> {
    const reader: Reader<T> = { queue: this.#early ?? [], wake: undefined };
    this.#early = undefined;
    this.#readers.add(reader);
    const leave = (): void => {
      this.#readers.delete(reader);
      this.#notify();
    };
    return {
      next: async () => {
        while (reader.queue.length === 0) {
          if (this.#end) {
            leave();
            if ('error' in this.#end) throw this.#end.error;
            return { done: true, value: undefined };
          }
          await new Promise<void>((resolve) => { reader.wake = resolve; });
          reader.wake = undefined;
        }
        const value = reader.queue.shift()!;
        if (reader.queue.length < HIGH_WATER / 2) this.#notify();
        return { done: false, value };
      },
      return: async () => {
        leave();
        return { done: true, value: undefined };
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  #notify(): void {
    const waiting = this.#drained;
    this.#drained = [];
    for (const resolve of waiting) resolve();
  }
}
