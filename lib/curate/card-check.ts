// The hub's rules for the front matter of a dataset card, checked before it is written: what the hub would refuse or
// misread is an error that names the key.
import { EngineError } from '../errors.js';

export const LICENSES: readonly string[] = (
  'apache-2.0 mit openrail bigscience-openrail-m creativeml-openrail-m bigscience-bloom-rail-1.0 bigcode-openrail-m afl-3.0 artistic-2.0 ' +
  'bsl-1.0 bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear c-uda cc cc0-1.0 cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 ' +
  'cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 ' +
  'cc-by-nc-sa-4.0 cdla-sharing-1.0 cdla-permissive-1.0 cdla-permissive-2.0 wtfpl ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1 eupl-1.2 ' +
  'agpl-3.0 gfdl gpl gpl-2.0 gpl-3.0 lgpl lgpl-2.1 lgpl-3.0 isc h-research intel-research lppl-1.3c ms-pl apple-ascl apple-amlr mpl-2.0 ' +
  'odc-by odbl openmdw-1.0 openrail++ osl-3.0 postgresql ofl-1.1 ncsa unlicense zlib pddl lgpl-lr deepfloyd-if-license ' +
  'fair-noncommercial-research-license llama2 llama3 llama3.1 llama3.2 llama3.3 llama4 grok2-community gemma unknown other'
).split(' ');

const SIZES = [
  ['n<1K', 1e3], ['1K<n<10K', 1e4], ['10K<n<100K', 1e5], ['100K<n<1M', 1e6], ['1M<n<10M', 1e7], ['10M<n<100M', 1e8], ['100M<n<1B', 1e9],
  ['1B<n<10B', 1e10], ['10B<n<100B', 1e11], ['100B<n<1T', 1e12], ['n>1T', Infinity],
] as const;

/** The hub's size category of so many rows. */
export function sizeCategory(rows: number): string {
  return SIZES.find(([, below]) => rows < below)![0];
}

export const TASKS: readonly string[] = [
  'text-generation', 'question-answering', 'summarization', 'translation', 'text-classification', 'token-classification', 'table-question-answering',
  'zero-shot-classification', 'feature-extraction', 'fill-mask', 'sentence-similarity', 'text-ranking', 'multiple-choice', 'text-retrieval',
  'reinforcement-learning', 'other',
];

/** A code of ISO 639-1 or 639-3 that the platform knows by name, perhaps with a script or region; or "code", "multilingual". */
export function isLanguage(code: string): boolean {
  if (code === 'code' || code === 'multilingual') return true;
  if (!/^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$/.test(code)) return false;
  try {
    return new Intl.DisplayNames(['en'], { type: 'language', fallback: 'none' }).of(code.split('-')[0]!) !== undefined;
  } catch {
    return false;
  }
}

export interface FrontMatter {
  readonly pretty_name?: string;
  readonly license: string;
  readonly license_name?: string;
  readonly license_link?: string;
  readonly language?: readonly string[];
  readonly task_categories?: readonly string[];
  readonly size_categories: readonly string[];
  readonly tags?: readonly string[];
  readonly configs: readonly { readonly config_name: string; readonly data_files: readonly { readonly split: string; readonly path: string }[] }[];
  readonly dataset_info: {
    readonly features: readonly Readonly<Record<string, unknown>>[];
    readonly splits: readonly { readonly name: string; readonly num_bytes: number; readonly num_examples: number }[];
    readonly download_size: number;
    readonly dataset_size: number;
  };
}

/** Throws for the first thing that the hub would not take. */
export function checkFrontMatter(card: FrontMatter): void {
  const refuse = (key: string, expected: string, received: string): never => {
    throw new EngineError(`the card's ${key}: expected ${expected}, came ${received}`, { code: 'ERR_INVALID_ARGUMENT', argument: key, expected, received });
  };
  const { license, license_name: name, license_link: link } = card;
  if (!LICENSES.includes(license)) {
    refuse('license', 'an identifier of the hub such as apache-2.0, mit or cc-by-4.0 (other, with a name and a link, for one that is not listed)', `"${license}"`);
  }
  if (license === 'other' && (name === undefined || link === undefined)) refuse('license', 'license_name and license_link beside "other"', name === undefined ? 'no name' : 'no link');
  if (name !== undefined && !/^[a-z0-9.-]+$/.test(name)) refuse('license_name', 'lower case letters, digits, dots and dashes', `"${name}"`);
  for (const code of card.language ?? []) if (!isLanguage(code)) refuse('language', 'a code of ISO 639 such as en, de or yue', `"${code}"`);
  for (const task of card.task_categories ?? []) if (!TASKS.includes(task)) refuse('task_categories', `one of ${TASKS.join(', ')}`, `"${task}"`);
  for (const size of card.size_categories) if (!SIZES.some(([one]) => one === size)) refuse('size_categories', `one of ${SIZES.map(([one]) => one).join(', ')}`, `"${size}"`);
  for (const tag of card.tags ?? []) if (tag.trim() === '' || tag.length > 120) refuse('tags', 'words of 1 to 120 characters', `"${tag}"`);
  if (card.configs.length === 0) refuse('configs', 'at least one configuration', 'none');
  for (const { config_name: config, data_files: files } of card.configs) {
    if (config === '' || /[<>:/\\|?*]/.test(config)) refuse('configs', 'a name without <>:/\\|?*', `"${config}"`);
    if (files.length === 0) refuse('configs', `data files in "${config}"`, 'none');
    for (const { split, path } of files) {
      if (!/^\w+(\.\w+)*$/.test(split)) refuse('configs', 'a split of letters, digits, _ and dots', `"${split}"`);
      if (path === '' || path.startsWith('/') || path.split('/').includes('..')) refuse('configs', 'a path inside the repository', `"${path}"`);
    }
    const splits = files.map(({ split }) => split);
    if (new Set(splits).size !== splits.length) refuse('configs', 'each split once', splits.join(', '));
  }
  const { splits, download_size: download, dataset_size: size } = card.dataset_info;
  for (const value of [download, size, ...splits.flatMap((one) => [one.num_bytes, one.num_examples])]) {
    if (!Number.isSafeInteger(value) || value < 0) refuse('dataset_info', 'whole numbers of at least 0', String(value));
  }
  if (size !== splits.reduce((sum, one) => sum + one.num_bytes, 0)) refuse('dataset_info', 'a dataset_size that is the sum of its splits', String(size));
}
