// Where the hub is, where its cache lies and who we are: the same environment variables as Python's client reads.

import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { EngineError } from '../../errors.js';

export interface HubSettings {
  /** Without a slash at the end. */
  readonly endpoint: string;
  /** Folder of `models--org--name` folders. */
  readonly cache: string;
  /** Sent to the endpoint's origin and nowhere else. */
  readonly token?: string;
  readonly offline: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** HF_ENDPOINT, HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME, XDG_CACHE_HOME, HF_TOKEN, HF_TOKEN_PATH, HF_HUB_OFFLINE. */
export async function hubSettings(environment: Environment = process.env): Promise<HubSettings> {
  const path = (text: string): string => resolve(text.replace(/^~(?=\/|$)/, homedir()));
  const home = path(environment.HF_HOME || join(environment.XDG_CACHE_HOME || join(homedir(), '.cache'), 'huggingface'));
  const cache = environment.HF_HUB_CACHE || environment.HUGGINGFACE_HUB_CACHE;
  const token = await findToken(environment, path(environment.HF_TOKEN_PATH || join(home, 'token')));
  return {
    endpoint: checkEndpoint(environment.HF_ENDPOINT || 'https://huggingface.co'),
    cache: cache === undefined || cache === '' ? join(home, 'hub') : path(cache),
    offline: isTrue(environment.HF_HUB_OFFLINE) || isTrue(environment.TRANSFORMERS_OFFLINE),
    ...(token === undefined ? {} : { token }),
  };
}

function isTrue(value: string | undefined): boolean {
  return ['1', 'ON', 'YES', 'TRUE'].includes(value?.toUpperCase() ?? '');
}

function checkEndpoint(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || url.search !== '') {
    throw new EngineError(`HF_ENDPOINT: expected a plain http or https address, received ${JSON.stringify(text)}`,
      { code: 'ERR_HUB', url: text });
  }
  return url.href.replace(/\/+$/, '');
}

async function findToken(environment: Environment, file: string): Promise<string | undefined> {
  const given = environment.HF_TOKEN || environment.HUGGING_FACE_HUB_TOKEN;
  const text = (given ?? (await readFile(file, 'utf8').catch(() => ''))).trim();
  if (text === '') return undefined;
  if (!/^[\x21-\x7e]+$/.test(text)) {
    throw new EngineError('HF_TOKEN: expected printable characters without spaces. Copy the token again.', { code: 'ERR_HUB' });
  }
  return text;
}
