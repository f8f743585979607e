// The process that does units: it reports over its channel, and may die without taking the run with it.
import { removeFolders } from '../golden/fixture.js';
import type { Finding, Outcome, Place } from './outcomes.js';
import type { Unit } from './unit.js';

export type Message =
  | { readonly kind: 'at'; readonly place: Place }
  | { readonly kind: 'outcome'; readonly outcome: Outcome }
  /** `fresh`: another process must go on; `lost`: because this one's device is lost. */
  | { readonly kind: 'done'; readonly fresh: boolean; readonly lost: boolean };

/** Both sides make the same list of units. */
export interface Order {
  readonly index: number;
  readonly name: string;
}

const LOST = /device-lost|ERR_DEVICE_LOST/;

function sentence(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error ? `${String(error.code)}: ${error.message}` : error.message;
}

/** Returns what the process is good for afterwards. */
export async function perform(unit: Unit, send: (message: Message) => void): Promise<{ readonly fresh: boolean; readonly lost: boolean }> {
  const { group, op, name, dtype } = unit;
  let place: Place = { backend: 'none' };
  let since = performance.now();
  let lost = false;
  let leaving = false;
  const add = (finding: Finding): void => {
    lost ||= finding.outcome === 'failed' && LOST.test(finding.message ?? '');
    send({ kind: 'outcome', outcome: { group, op, name, dtype, ...place, ...finding, milliseconds: performance.now() - since } });
    since = performance.now();
  };
  try {
    await unit.run({
      add,
      at(next) {
        place = next;
        send({ kind: 'at', place });
      },
      leave() {
        leaving = true;
      },
    });
  } catch (error) {
    add({ outcome: 'failed', message: sentence(error) });
  }
  return { fresh: lost || leaving, lost };
}

export function work(units: readonly Unit[]): void {
  process.on('exit', removeFolders);
  process.on('message', ({ index, name }: Order) => {
    const unit = units[index];
    if (unit?.name !== name) throw new Error(`unit ${index}: expected "${name}", this process has "${unit?.name}"`);
    void perform(unit, (message) => process.send?.(message)).then((state) => process.send?.({ kind: 'done', ...state } satisfies Message));
  });
}
