// AbortSignal to native tickets: one listener a call, removed when the promise settles.

/** Something with a `cancel(ticket)`: a native session, or the addon while a session opens. */
export type Cancel = (ticket: number) => void;

let lastTicket = 0;

/** Tickets are 32-bit numbers that no command under way has; 0 means "cannot be cancelled". */
export function nextTicket(): number {
  lastTicket = (lastTicket % 0xffffffff) + 1;
  return lastTicket;
}

/**
 * Runs `start` with a ticket that the signal cancels. An aborted signal rejects before anything starts; when the
 * command reports that it was cancelled, the promise rejects with `signal.reason`.
 */
export async function cancellable<T>(
  signal: AbortSignal | undefined,
  cancel: Cancel,
  start: (ticket: number) => Promise<T>,
): Promise<T> {
  if (signal === undefined) return start(0);
  signal.throwIfAborted();
  const ticket = nextTicket();
  const onAbort = (): void => cancel(ticket);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await start(ticket);
  } catch (error) {
    if (signal.aborted && isAborted(error)) throw signal.reason;
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function isAborted(error: unknown): boolean {
  return typeof error === 'object' && error !== null && (error as { code?: unknown }).code === 'ABORTED';
}
