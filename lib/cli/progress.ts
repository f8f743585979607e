// How far a command is: a line that is drawn over itself on a terminal, a line every few seconds elsewhere, and nothing for
// what is done within a second.

import type { Terminal } from '../track/terminal.js';

const QUIET_MS = 1000;
const LIVE_MS = 100;
const PLAIN_MS = 10_000;

export class Progress {
  readonly #began = performance.now();
  #last = 0;
  #shown = false;

  constructor(private readonly terminal: Terminal, private readonly what: string) {}

  show(text: string): void {
    const now = performance.now() - this.#began;
    const { live } = this.terminal;
    if (now < QUIET_MS || now - this.#last < (live ? LIVE_MS : PLAIN_MS)) return;
    this.#last = now;
    this.#shown ||= live;
    this.terminal.write(live ? `\r\u001b[2K${this.what}: ${text}` : `${this.what}: ${text}\n`);
  }

  end(): void {
    if (this.#shown) this.terminal.write('\r\u001b[2K');
  }
}
