// A model behind an OpenAI-compatible endpoint, as a function from prompt to text: so many requests at once, a time
// limit for each, another try where that can help, and errors that say what the server said.

import { setTimeout as sleep } from 'node:timers/promises';
import { EngineError } from '../../errors.js';

export interface EndpointOptions {
  /** Up to and without /chat/completions, such as http://localhost:8000/v1. */
  readonly url: string;
  readonly model: string;
  readonly apiKey?: string;
  /** @default 0 */
  readonly temperature?: number;
  /** @default 1024 */
  readonly maxTokens?: number;
  /** What the model is told first. */
  readonly system?: string;
  /** For one try. @default 60000 */
  readonly timeoutMs?: number;
  /** Further tries after the first. @default 4 */
  readonly retries?: number;
  /** Wait before the second try; doubled for each one after. @default 500 */
  readonly backoffMs?: number;
  /** Requests at once. @default 4 */
  readonly atOnce?: number;
  readonly signal?: AbortSignal;
}

export interface Endpoint {
  (prompt: string): Promise<string>;
  /** Names the model and its settings: a part of the key of cached answers. */
  readonly id: string;
}

/** Statuses after which the same request may succeed. */
const AGAIN = new Set([408, 409, 425, 429, 500, 502, 503, 504]);

export function openEndpoint(options: EndpointOptions): Endpoint {
  const { url, model, apiKey, temperature = 0, maxTokens = 1024, system, timeoutMs = 60_000, retries = 4, backoffMs = 500, atOnce = 4, signal } = options;
  const address = `${url.replace(/\/+$/, '')}/chat/completions`;
  const waiting: (() => void)[] = [];
  let running = 0;

  const attempt = async (prompt: string): Promise<string> => {
    const stop = AbortSignal.timeout(timeoutMs);
    const response = await fetch(address, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }) },
      body: JSON.stringify({ model, temperature, max_tokens: maxTokens, messages: [...(system === undefined ? [] : [{ role: 'system', content: system }]), { role: 'user', content: prompt }] }),
      signal: signal === undefined ? stop : AbortSignal.any([signal, stop]),
    });
    const text = await response.text();
    if (!response.ok) throw failed(address, `${response.status} ${response.statusText}`.trim() + said(text), response.status, retryAfter(response));
    let content: unknown;
    try {
      content = (JSON.parse(text) as { choices?: { message?: { content?: unknown } }[] }).choices?.[0]?.message?.content;
    } catch {
      content = undefined;
    }
    if (typeof content !== 'string') throw failed(address, `an answer without choices[0].message.content${said(text)}`);
    return content;
  };

  const ask = async (prompt: string): Promise<string> => {
    for (let tries = 0; ; tries++) {
      signal?.throwIfAborted();
      try {
        return await attempt(prompt);
      } catch (error) {
        signal?.throwIfAborted();
        const known = error instanceof EndpointFailure;
        const last = tries >= retries || (known && (error.status === undefined || !AGAIN.has(error.status)));
        const reason = known ? error.message : (error as Error).name === 'TimeoutError' ? `no answer in ${timeoutMs} ms` : causeOf(error as Error);
        if (last) {
          throw new EngineError(`${address}: ${reason}${tries === 0 ? '' : ` (after ${tries + 1} tries)`}. ${advice(known ? error.status : undefined)}`,
            { code: 'ERR_HUB', url: address, ...(known && error.status !== undefined ? { status: error.status } : {}) }, { cause: error });
        }
        await sleep(Math.max(known ? error.waitMs : 0, backoffMs * 2 ** tries), undefined, signal === undefined ? {} : { signal });
      }
    }
  };

  const queued = async (prompt: string): Promise<string> => {
    if (running >= atOnce) await new Promise<void>((resolve) => waiting.push(resolve));
    running++;
    try {
      return await ask(prompt);
    } finally {
      running--;
      waiting.shift()?.();
    }
  };
  return Object.assign(queued, { id: JSON.stringify(['openai', model, temperature, maxTokens, system ?? null]) });
}

class EndpointFailure extends Error {
  constructor(message: string, readonly status: number | undefined, readonly waitMs: number) {
    super(message);
  }
}

function failed(_address: string, problem: string, status?: number, waitMs = 0): EndpointFailure {
  return new EndpointFailure(problem, status, waitMs);
}

/** The server's own words, if there are any. */
function said(text: string): string {
  let words = text;
  try {
    const { error } = JSON.parse(text) as { error?: { message?: unknown } | string };
    words = typeof error === 'string' ? error : typeof error?.message === 'string' ? error.message : text;
  } catch {
    // not JSON
  }
  return words.trim() === '' ? '' : `: ${words.trim().slice(0, 200)}`;
}

/** Milliseconds that the server asks to wait, a minute at most. */
function retryAfter(response: Response): number {
  const seconds = Number(response.headers.get('retry-after') ?? 0);
  return Number.isFinite(seconds) ? Math.min(60, Math.max(0, seconds)) * 1000 : 0;
}

function causeOf(error: Error): string {
  const cause = error.cause as { code?: string; message?: string } | undefined;
  return cause?.code ?? cause?.message ?? error.message;
}

function advice(status: number | undefined): string {
  if (status === 401 || status === 403) return 'Check the API key';
  if (status === 404) return 'Check the address (up to and without /chat/completions) and the name of the model';
  if (status === 429) return 'The server asks for fewer requests: lower the number at once';
  return 'Check that the server runs and is reached from here';
}
