// Hands units to processes of their own: one that dies, hangs or loses its device costs the case it was at, and a
// fresh one goes on behind it.
import { fork, type ChildProcess } from 'node:child_process';
import type { Outcome, Place } from './outcomes.js';
import type { Unit } from './unit.js';
import { perform, type Message, type Order } from './worker.js';

/** One after the other in this process: for tools that watch a process. */
export async function runHere(units: readonly Unit[], onOutcome: (outcome: Outcome) => void): Promise<void> {
  for (const unit of units) {
    await perform(unit, (message) => {
      if (message.kind === 'outcome') onOutcome(message.outcome);
    });
  }
}

/** A backend that kills every process it runs in would take all day. */
const MOST_LOST = 8;

export interface Pool {
  readonly jobs: number;
  /** Seconds of silence after which a process is killed. */
  readonly patience: number;
  onOutcome(outcome: Outcome): void;
}

export async function runUnits(units: readonly Unit[], { jobs, patience, onOutcome }: Pool): Promise<void> {
  let next = 0;
  let lost = 0;

  /** One process at a time, until nothing is left. */
  async function lane(): Promise<void> {
    while (next < units.length && lost < MOST_LOST) await oneProcess();
  }

  function oneProcess(): Promise<void> {
    const child: ChildProcess = fork(process.argv[1]!, [...process.argv.slice(2), '--worker'], {
      serialization: 'advanced', stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    let unit: Unit | undefined;
    let place: Place = { backend: 'none' };
    let timer: NodeJS.Timeout | undefined;
    let silent = false;
    const watch = (): void => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        silent = true;
        child.kill('SIGKILL');
      }, patience * 1000);
    };
    const give = (): void => {
      unit = lost < MOST_LOST ? units[next] : undefined;
      if (unit === undefined) return child.disconnect();
      place = { backend: 'none' };
      child.send({ index: next, name: unit.name } satisfies Order, () => undefined); // a process that is gone says so itself
      next += 1;
    };
    child.on('message', (message: Message) => {
      if (unit === undefined) return;
      watch();
      if (message.kind === 'at') place = message.place;
      else if (message.kind === 'outcome') onOutcome(message.outcome);
      else if (message.fresh) {
        lost += message.lost ? 1 : 0;
        unit = undefined;
        child.disconnect();
      } else give();
    });
    watch();
    give();
    return new Promise((resolve) => {
      let ended: string | undefined;
      let read = false;
      // What it said before it ended may arrive after its end.
      const settle = (): void => {
        if (ended === undefined || !read) return;
        clearTimeout(timer);
        if (unit !== undefined) {
          const { group, op, name, dtype } = unit;
          const message = silent ? `no sign of life for ${patience} s` : `its process ended with ${ended}`;
          lost += 1;
          onOutcome({ group, op, name, dtype, ...place, outcome: 'failed', message, milliseconds: 0 });
        }
        resolve();
      };
      child.on('disconnect', () => {
        read = true;
        settle();
      });
      child.on('exit', (code, signal) => {
        ended = signal ?? `code ${code}`;
        settle();
      });
      child.on('error', (error) => { // it could not be started, or a message did not reach it
        ended ??= error.message;
        read ||= child.pid === undefined;
        settle();
      });
    });
  }

  await Promise.all(Array.from({ length: jobs }, lane));
  if (next < units.length) {
    const { group, op, name, dtype } = units[next]!;
    const message = `${lost} processes were lost: this and ${units.length - next - 1} further cases were not run`;
    onOutcome({ group, op, name, dtype, backend: 'none', outcome: 'failed', message, milliseconds: 0 });
  }
}
