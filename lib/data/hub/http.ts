// Requests to the hub: redirects followed by hand so that the token stays with its origin, retries with growing
// pauses, and errors that say what to do.

import { setTimeout as sleep } from 'node:timers/promises';
import { EngineError } from '../../errors.js';
import type { HubSettings } from './settings.js';

export interface HttpOptions {
  readonly settings: HubSettings;
  readonly signal?: AbortSignal;
  /** Pause before the second try; doubles with each. @default 500 */
  readonly retryDelayMs?: number;
  /** Tries of one request, or of one file without a byte of progress. @default 5 */
  readonly tries?: number;
  /** A server that sends nothing for so long is given up on. @default 60000 */
  readonly stallMs?: number;
}

const REDIRECTS = new Set([301, 302, 303, 307, 308]);

export interface Answer {
  readonly response: Response;
  /** Where it came from, after redirects. */
  readonly url: string;
}

/**
 * One request, redirects followed. With `stopAtForeign` a redirect to another origin is returned as it is: the
 * hub's own answer carries the file's hash, the storage's behind it does not.
 */
export async function request(
  method: 'GET' | 'HEAD', url: string, options: HttpOptions, headers: Record<string, string> = {}, stopAtForeign = false,
): Promise<Answer> {
  const { settings, signal } = options;
  const home = new URL(settings.endpoint).origin;
  let target = new URL(url);
  for (let hop = 0; hop <= 5; hop += 1) {
    const response = await fetch(target, {
      method, redirect: 'manual',
      headers: {
        'accept-encoding': 'identity', 'user-agent': 'whetstone', ...headers,
        ...(settings.token !== undefined && target.origin === home ? { authorization: `Bearer ${settings.token}` } : {}),
      },
      ...(signal === undefined ? {} : { signal }),
    });
    const location = response.headers.get('location');
    if (!REDIRECTS.has(response.status) || location === null) return { response, url: target.href };
    const next = new URL(location, target);
    const described = response.headers.has('x-linked-etag') || response.headers.has('etag');
    if (stopAtForeign && next.origin !== home && described) return { response, url: target.href };
    await response.body?.cancel();
    if (!/^https?:$/.test(next.protocol) || (target.protocol === 'https:' && next.protocol !== 'https:')) {
      throw new EngineError(`${url}: refused a redirect from ${target.protocol} to ${next.protocol}`, { code: 'ERR_HUB', url });
    }
    target = next;
  }
  throw new EngineError(`${url}: more than 5 redirects`, { code: 'ERR_HUB', url });
}

/** A passing trouble: of the network, or of a server that is busy. */
export class Passing extends Error {
  constructor(message: string, readonly status?: number, readonly waitMs?: number, options?: ErrorOptions) {
    super(message, options);
  }
}

/** Throws {@link Passing} for what may go away, ERR_HUB with advice for what will not. */
export async function checkStatus({ response, url }: Answer, what: string, options: HttpOptions): Promise<void> {
  const { status, headers } = response;
  if (status < 400) return;
  await response.body?.cancel();
  if (status === 408 || status === 429 || status >= 500) {
    const seconds = Number(headers.get('retry-after') ?? Number.NaN);
    throw new Passing(`the server answered ${status}`, status, Number.isFinite(seconds) ? Math.min(seconds, 60) * 1000 : undefined);
  }
  throw new EngineError(`${what}: the server answered ${status}${advice(status, headers.get('x-error-code'), options.settings)} (${url})`,
    { code: 'ERR_HUB', url, status });
}

function advice(status: number, code: string | null, { token, endpoint }: HubSettings): string {
  if (code === 'EntryNotFound') return ': there is no such file in the repository';
  if (code === 'RevisionNotFound') return ': there is no such revision; check the branch, tag or commit';
  if (code === 'GatedRepo') return `: the repository is gated. Accept its terms at ${endpoint}, then set HF_TOKEN`;
  if (status === 401 || status === 403) {
    return token === undefined
      ? ': the name is wrong, or the repository is private or gated. Check the name; for a private one set HF_TOKEN'
      : ': the token does not give access, or the name is wrong. Check both, and accept the terms if it is gated';
  }
  return status === 404 ? ': there is no such repository, revision or file. Check the name' : '';
}

/** Runs `work` until it succeeds; after a passing trouble it is tried again, unless `tries` in a row got nowhere. */
export async function withRetries<T>(what: string, url: string, options: HttpOptions, work: (progress: () => void) => Promise<T>): Promise<T> {
  const { tries = 5, retryDelayMs = 500, signal } = options;
  let failures = 0;
  for (;;) {
    signal?.throwIfAborted();
    try {
      return await work(() => void (failures = 0));
    } catch (error) {
      signal?.throwIfAborted();
      const passing = asPassing(error);
      if (passing === undefined) throw error;
      failures += 1;
      if (failures >= tries) {
        throw new EngineError(`${what}: ${passing.message}, ${tries} times in a row (${url}). ` +
          'Check the network and HF_ENDPOINT; what has arrived is kept, so that a later try goes on from there.',
        { code: 'ERR_HUB', url, ...(passing.status === undefined ? {} : { status: passing.status }) }, { cause: error });
      }
      const pause = passing.waitMs ?? retryDelayMs * 2 ** (failures - 1) * (0.75 + Math.random() / 2);
      await sleep(pause, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
    }
  }
}

/** Errors of fetch and of a body that breaks off are passing; so is nothing else that we did not say. */
function asPassing(error: unknown): Passing | undefined {
  if (error instanceof Passing) return error;
  if (error instanceof EngineError) return undefined;
  const { name, cause, code } = error as { name?: string; cause?: { code?: string; message?: string }; code?: string };
  if (name === 'TypeError' || cause?.code !== undefined || /^(UND_ERR|ECONN|ETIMEDOUT|EPIPE|ENOTFOUND|EAI_)/.test(code ?? '')) {
    return new Passing(`the connection failed (${cause?.code ?? cause?.message ?? (error as Error).message})`, undefined, undefined, { cause: error });
  }
  return undefined;
}
