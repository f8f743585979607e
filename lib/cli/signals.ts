// Ctrl-C while something long is running: once saves and stops, twice stops now. SIGTERM is like once.

import { EXIT } from './exit.js';

export interface Interruptible {
  /** Save and end soon. */
  stop(): void;
  /** End now. */
  cancel(reason: unknown): void;
}

export interface SignalWatch extends Disposable {
  /** Exit code of the signal that came, if one did. */
  readonly exitCode: number | undefined;
}

/** Watches until disposed. `say` tells what is going on. */
export function watchSignals(target: Interruptible, say: (text: string) => void): SignalWatch {
  let exitCode: number | undefined;
  const onSignal = (signal: NodeJS.Signals): void => {
    const again = exitCode !== undefined;
    exitCode ??= signal === 'SIGTERM' ? EXIT.terminated : EXIT.interrupted;
    if (again) {
      say('stopping now; the last checkpoint stays as it is');
      target.cancel(new Error('interrupted twice'));
    } else {
      say('saving and stopping; once more stops at once');
      target.stop();
    }
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return {
    get exitCode() {
      return exitCode;
    },
    [Symbol.dispose]() {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
    },
  };
}
