// Where a command's words go. Results belong on stdout; with --json stdout carries one JSON object and nothing else,
// and everything meant for people goes to stderr.

import { isEngineError } from '../errors.js';
import { terminalOf } from '../track/terminal.js';
import type { Terminal } from '../track/terminal.js';

export interface Streams {
  readonly stdout: { write(text: string): unknown; readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean; readonly columns?: number };
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly env: NodeJS.ProcessEnv;
}

export interface OutputOptions {
  readonly json?: boolean;
  readonly debug?: boolean;
}

export class Output {
  readonly json: boolean;
  readonly debug: boolean;
  /** For progress and remarks: stdout, or stderr with --json. */
  readonly terminal: Terminal;

  constructor(readonly streams: Streams, options: OutputOptions) {
    this.json = options.json ?? false;
    this.debug = options.debug ?? false;
    this.terminal = terminalOf(this.json ? streams.stderr : streams.stdout, streams.env);
  }

  /** Questions can be asked. */
  get interactive(): boolean {
    return !this.json && this.streams.stdin.isTTY === true && this.terminal.live;
  }

  /** A line for people. */
  say(text = ''): void {
    this.terminal.write(`${text}\n`);
  }

  /** The command's result: as one JSON line, or as text for people. */
  result(value: object, text: string | (() => string)): void {
    if (this.json) this.streams.stdout.write(`${JSON.stringify(value)}\n`);
    else this.say(typeof text === 'string' ? text : text());
  }

  /** What went wrong and what to do about it; the stack only with --debug. */
  error(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    const known = isEngineError(error);
    if (this.json) {
      const body = { code: known ? error.code : 'ERR_INTERNAL', message, ...(known ? { details: error.details } : {}) };
      this.streams.stdout.write(`${JSON.stringify({ error: body })}\n`);
    }
    const colors = terminalOf(this.streams.stderr, this.streams.env).colors;
    this.streams.stderr.write(`${colors.red('error')}${known ? ` (${error.code})` : ''}: ${message}\n`);
    if (this.debug && error instanceof Error) this.streams.stderr.write(`${stackOf(error)}\n`);
    else if (!known) this.streams.stderr.write('This was not foreseen. Run again with --debug to see where it happened.\n');
  }
}

function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by: ${stackOf(error.cause)}` : '';
  return `${error.stack ?? error.message}${cause}`;
}
