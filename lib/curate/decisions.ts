// What was decided about each row, in flat arrays: why it goes, which row it copies, how good it is, the hash of its text. 38 bytes a
// row. Saved in portions, so that a long examination can go on where it stopped.
import { appendFile, mkdir, open, readFile, rename, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { dataError } from '../errors.js';

const COLUMNS = { reason: Uint16Array, of: Int32Array, score: Float32Array, characters: Uint32Array, words: Uint32Array, tokens: Uint32Array, hash: BigUint64Array, second: BigUint64Array } as const;
type Column = keyof typeof COLUMNS;
type Columns = { [C in Column]: InstanceType<(typeof COLUMNS)[C]> };

const make = (capacity: number): Columns =>
  Object.fromEntries(Object.entries(COLUMNS).map(([name, Kind]) => [name, new Kind(capacity)])) as unknown as Columns;

export class Decisions {
  #columns = make(4096);
  #saved = 0;
  count = 0;
  /** Reasons by number; 0 keeps the row. "step: reason". */
  readonly reasons: string[] = [''];
  readonly #numbers = new Map<string, number>([['', 0]]);

  get columns(): Columns {
    return this.#columns;
  }

  /** Makes room for rows up to `count`. */
  grow(count: number): void {
    this.count = count;
    const capacity = this.#columns.reason.length;
    if (count <= capacity) return;
    const larger = make(Math.max(count, Math.ceil(capacity * 1.6)));
    for (const name of Object.keys(COLUMNS) as Column[]) (larger[name] as { set(values: unknown): void }).set(this.#columns[name]);
    this.#columns = larger;
  }

  numberOf(reason: string): number {
    const known = this.#numbers.get(reason);
    if (known !== undefined) return known;
    this.#numbers.set(reason, this.reasons.push(reason) - 1);
    return this.reasons.length - 1;
  }

  /** Takes a row out, unless something before did. */
  remove(row: number, reason: string, of = -1): void {
    if (this.#columns.reason[row] !== 0) return;
    this.#columns.reason[row] = this.numberOf(reason);
    this.#columns.of[row] = of;
  }

  isKept(row: number): boolean {
    return this.#columns.reason[row] === 0;
  }

  reasonOf(row: number): string {
    return this.reasons[this.#columns.reason[row]!]!;
  }

  /** Rows by reason, most first. */
  counts(): readonly (readonly [string, number])[] {
    const counts = Array.from({ length: this.reasons.length }, () => 0);
    for (let row = 0; row < this.count; row++) counts[this.#columns.reason[row]!]!++;
    return this.reasons.map((reason, at) => [reason, counts[at]!] as const).filter(([reason, rows]) => reason !== '' && rows > 0)
      .sort((a, b) => b[1] - a[1]);
  }

  /** Appends what is new, then the state that counts it: a crash in between loses nothing that counts. */
  async save(folder: string, state: object): Promise<void> {
    await mkdir(folder, { recursive: true });
    for (const [name, Kind] of Object.entries(COLUMNS)) {
      const part = this.#columns[name as Column].subarray(this.#saved, this.count);
      const path = join(folder, `${name}.bin`);
      if (this.#saved === 0) await writeFile(path, '');
      await truncate(path, this.#saved * Kind.BYTES_PER_ELEMENT);
      await appendFile(path, new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
    }
    this.#saved = this.count;
    await writeFile(join(folder, 'state.json.new'), JSON.stringify({ ...state, count: this.count, reasons: this.reasons }));
    await rename(join(folder, 'state.json.new'), join(folder, 'state.json'));
  }

  /** What was saved with a state of the same `key`; undefined if there is none. */
  static async load<S extends { readonly key: string }>(folder: string, key: string): Promise<{ readonly decisions: Decisions; readonly state: S } | undefined> {
    let state: S & { readonly count: number; readonly reasons: readonly string[] };
    try {
      state = JSON.parse(await readFile(join(folder, 'state.json'), 'utf8')) as typeof state;
    } catch {
      return undefined;
    }
    if (state.key !== key) return undefined;
    const decisions = new Decisions();
    decisions.grow(state.count);
    for (const reason of state.reasons) decisions.numberOf(reason);
    for (const [name, Kind] of Object.entries(COLUMNS)) {
      const column = decisions.#columns[name as Column];
      await readInto(join(folder, `${name}.bin`), new Uint8Array(column.buffer, 0, state.count * Kind.BYTES_PER_ELEMENT));
    }
    decisions.#saved = state.count;
    return { decisions, state };
  }
}

/** Fills an array from the start of a file; a file that is too short is an error. */
export async function readInto(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path);
  try {
    for (let at = 0; at < bytes.length;) {
      const { bytesRead } = await file.read(bytes, at, Math.min(bytes.length - at, 1 << 28), at);
      if (bytesRead === 0) throw dataError({ file: path }, `expected ${bytes.length} bytes, came ${at}. Start again without --resume`);
      at += bytesRead;
    }
  } finally {
    await file.close();
  }
}
