// Which names of tasks, groups and tags there are in a folder: all its YAML files are read once, when a name is first
// looked for. Of two files with the same name the first by path counts.

import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Plain, YamlFiles } from './yaml.js';

export type Entry =
  | { readonly kind: 'task'; readonly file: string; readonly keys: Plain }
  | { readonly kind: 'group'; readonly file: string; readonly keys: Plain }
  | { readonly kind: 'tag'; readonly tasks: Set<string> };

interface Folder {
  readonly names: ReadonlyMap<string, Entry>;
  /** Files that could not be read, and why. */
  readonly broken: readonly string[];
}

export class TaskIndex {
  readonly #folders = new Map<string, Promise<Folder>>();
  readonly #read = new Map<string, Folder>();

  constructor(private readonly files: YamlFiles) {}

  /** The first folder that has the name decides. */
  async find(name: string, folders: readonly string[]): Promise<Entry | undefined> {
    for (const folder of folders) {
      const found = (await this.#folder(resolve(folder))).names.get(name);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** A sentence about files that could not be read, for messages. */
  broken(folders: readonly string[]): string {
    const [first, ...others] = folders.flatMap((folder) => this.#read.get(resolve(folder))?.broken ?? []);
    return first === undefined ? '' : `. ${others.length + 1} of the files there cannot be read: ${first}`;
  }

  #folder(folder: string): Promise<Folder> {
    let known = this.#folders.get(folder);
    if (known === undefined) this.#folders.set(folder, known = this.#scan(folder));
    return known;
  }

  async #scan(folder: string): Promise<Folder> {
    const names = new Map<string, Entry>();
    const broken: string[] = [];
    const found = await readdir(folder, { recursive: true });
    for (const file of found.filter((name) => name.endsWith('.yaml')).map((name) => join(folder, name)).sort()) {
      try {
        add(names, file, await this.files.read(file));
      } catch (error) {
        broken.push((error as Error).message);
      }
    }
    const result = { names, broken };
    this.#read.set(folder, result);
    return result;
  }
}

function add(names: Map<string, Entry>, file: string, keys: Plain): void {
  const kind = keys.group === undefined ? 'task' : 'group';
  const name = keys[kind];
  if (typeof name !== 'string' || names.has(name)) return; // a file that only others include, or a second one
  names.set(name, { kind, file, keys });
  if (kind === 'group') return;
  for (const tag of keys.tag === undefined || keys.tag === null ? [] : [keys.tag].flat()) {
    const entry: Entry = names.get(String(tag)) ?? { kind: 'tag', tasks: new Set() };
    names.set(String(tag), entry);
    if (entry.kind === 'tag') entry.tasks.add(name);
  }
}
