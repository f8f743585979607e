// From names to a session that can score, generate or train: model, tokenizer, chat template, adapter, device. Used by
// training, evaluation, generation and the quickstart alike.

import type { AdapterSlot } from '../batch.js';
import { readAdapter } from '../checkpoint/adapter.js';
import type { LoadedAdapter } from '../checkpoint/adapter.js';
import type { DownloadProgress } from '../data/hub.js';
import { devices } from '../engine/devices.js';
import { openSession } from '../engine/session.js';
import type { AdapterOptions, Session, SessionOptions } from '../engine/types.js';
import { loadModel } from '../model/load.js';
import type { LoadedModel } from '../model/load.js';
import { loadChatTemplate } from '../text/chat-template.js';
import type { ChatTemplate } from '../text/chat-template.js';
import { TextTokenizer } from '../text/tokenizer.js';

export interface PartsOptions {
  /** Folder of a model, or its name on the hub. */
  readonly model: string;
  readonly revision?: string;
  /** PEFT folder. */
  readonly adapter?: string;
  readonly signal?: AbortSignal;
  /** A file of the hub is on its way. */
  readonly onDownload?: (progress: DownloadProgress) => void;
}

/** What is known before any weight is read. */
export interface Parts {
  readonly model: LoadedModel;
  readonly tokenizer: TextTokenizer;
  readonly template: ChatTemplate | undefined;
  readonly adapter: LoadedAdapter | undefined;
}

export async function loadParts(options: PartsOptions): Promise<Parts> {
  const { revision, signal, onDownload: onProgress } = options;
  const model = await loadModel(options.model, {
    ...(revision === undefined ? {} : { revision }), ...(signal === undefined ? {} : { signal }), ...(onProgress === undefined ? {} : { onProgress }),
  });
  const tokenizer = await TextTokenizer.load(model.folder);
  tokenizer.checkVocabulary(model.spec.vocabulary);
  const [template, adapter] = await Promise.all([
    loadChatTemplate(tokenizer),
    options.adapter === undefined ? undefined : readAdapter(options.adapter, model.spec),
  ]);
  return { model, tokenizer, template, adapter };
}

export type Limits = Pick<SessionOptions,
  'device' | 'dtype' | 'recompute' | 'threads' | 'maxTokens' | 'maxSequences' | 'cacheTokens' | 'cacheSequences' | 'training' | 'signal' | 'onProgress'>;

export interface Opened extends AsyncDisposable {
  readonly session: Session;
  /** The adapter's, or -1 without one. */
  readonly slot: AdapterSlot | -1;
  /** As resolved from "auto". */
  readonly device: string;
}

/**
 * Opens a session with room for one adapter: the one that `parts` came with, or a new one as `fresh` says, or none.
 */
export async function openParts(parts: Parts, limits: Limits, fresh?: AdapterOptions): Promise<Opened> {
  const adapter: AdapterOptions | undefined = fresh ?? (parts.adapter && { modules: parts.adapter.modules });
  const device = await resolveDevice(limits.device ?? 'auto');
  const session = await openSession({
    ...limits, device, spec: parts.model.spec, weights: parts.model.weights,
    ...(adapter === undefined ? { targets: [], slots: 0 } : {
      targets: [...new Set(adapter.modules.map(({ projection }) => projection))],
      slots: 1,
      rank: Math.max(...adapter.modules.map(({ rank }) => rank)),
    }),
    training: limits.training ?? false,
  });
  try {
    const slot = adapter === undefined ? -1 : await session.addAdapter(adapter);
    if (slot >= 0 && fresh === undefined) await session.writeAdapter(slot, 'weights', parts.adapter!.tensors);
    return { session, slot, device, [Symbol.asyncDispose]: () => session.close() };
  } catch (error) {
    await session.close();
    throw error;
  }
}

/** "auto" is the first GPU that works, else the CPU. */
export async function resolveDevice(device: string): Promise<string> {
  if (device !== 'auto') return device;
  const gpu = (await devices()).find(({ kind }) => kind === 'cuda');
  return gpu === undefined ? 'cpu' : `cuda:${gpu.ordinal}`;
}
