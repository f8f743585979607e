// How commands are declared: what program.ts and the command groups share.

import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import type { Output } from './output.js';

/** What a command does; resolves to its exit code. Arguments come after the options. */
export type Action<O> = (output: Output, options: O, ...args: string[]) => Promise<number>;

export interface CommandTools {
  /** A command of `parent` with the options that all commands have. */
  readonly command: (parent: Command, name: string, description: string) => Command;
  /** For `.action()`: loads a command's file only when it runs, and turns what it throws into an exit code. */
  readonly run: <O>(load: () => Promise<Action<O>>) => (...given: unknown[]) => Promise<void>;
}

/** Parses a number of at least `low`. */
export function number(low: number, whole = false): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && value >= low && (!whole || Number.isInteger(value))) return value;
    throw new InvalidArgumentError(`expected a ${whole ? 'whole ' : ''}number of at least ${low}.`);
  };
}

/** Collects the values of an option that may be given several times. */
export const list = (value: string, before: string[] = []): string[] => [...before, value];

/** Parses `ours=yours,ours=yours`: names of fields. Whether a name of ours is one is found out when rows are read. */
export function fieldMap(text: string): Record<string, string> {
  return Object.fromEntries(text.split(',').map((pair) => {
    const at = pair.indexOf('=');
    const [ours, yours] = [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
    if (at < 1 || ours === '' || yours === '') throw new InvalidArgumentError('expected names like prompt=question,completion=answer.');
    return [ours, yours];
  }));
}
