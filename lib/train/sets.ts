// The sets of rows that a configuration names, each with its own way of being read, weight and share.

import { basename } from 'node:path';
import type { Config } from './config/schema.js';

type Train = Config['data']['train'];
export type SetConfig = Exclude<Exclude<Train, string>[number], string>;

/** A set with a name that no other one has. */
export interface NamedSet extends Omit<SetConfig, 'name' | 'files'> {
  readonly name: string;
  readonly files: readonly string[];
}

/** File names alone are one set together; beside sets with settings of their own each of them is a set. */
export function setsOf(train: string | readonly (string | SetConfig)[]): readonly NamedSet[] {
  const list = typeof train === 'string' ? [train] : train;
  if (list.every((item) => typeof item === 'string')) return [{ name: 'train', files: list as readonly string[] }];
  const used = new Map<string, number>();
  return list.map((item) => {
    const { files, name, ...rest } = typeof item === 'string' ? { files: item, name: undefined } : item;
    const names = typeof files === 'string' ? [files] : files;
    const wanted = name ?? basename(names[0] as string).replace(/\.(gz|zst)$/, '').replace(/\.[^.]+$/, '');
    const before = used.get(wanted) ?? 0;
    used.set(wanted, before + 1);
    return { ...rest, name: before === 0 ? wanted : `${wanted}-${before + 1}`, files: names };
  });
}

/** Every file name of every set. */
export function filesOf(train: string | readonly (string | SetConfig)[]): readonly string[] {
  return setsOf(train).flatMap(({ files }) => files);
}
