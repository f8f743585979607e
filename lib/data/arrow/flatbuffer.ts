// Reads tables of a FlatBuffer, as far as Arrow's metadata needs it. Every access is checked by Buffer itself: damage is
// a RangeError.

export class Table {
  readonly bytes: Buffer;
  readonly #at: number;
  readonly #fields: number;
  readonly #count: number;

  constructor(bytes: Buffer, at: number) {
    this.bytes = bytes;
    this.#at = at;
    this.#fields = at - bytes.readInt32LE(at);
    this.#count = (bytes.readUInt16LE(this.#fields) - 4) / 2;
  }

  static root(bytes: Buffer): Table {
    return new Table(bytes, bytes.readUInt32LE(0));
  }

  int8(field: number, missing = 0): number {
    const at = this.#place(field);
    return at === undefined ? missing : this.bytes.readInt8(at);
  }

  uint8(field: number, missing = 0): number {
    return this.int8(field, missing) & 0xff;
  }

  int16(field: number, missing = 0): number {
    const at = this.#place(field);
    return at === undefined ? missing : this.bytes.readInt16LE(at);
  }

  int32(field: number, missing = 0): number {
    const at = this.#place(field);
    return at === undefined ? missing : this.bytes.readInt32LE(at);
  }

  int64(field: number): number {
    const at = this.#place(field);
    return at === undefined ? 0 : int64At(this.bytes, at);
  }

  text(field: number): string | undefined {
    const at = this.#target(field);
    if (at === undefined) return undefined;
    return slice(this.bytes, at + 4, this.bytes.readUInt32LE(at)).toString('utf8');
  }

  table(field: number): Table | undefined {
    const at = this.#target(field);
    return at === undefined ? undefined : new Table(this.bytes, at);
  }

  tables(field: number): Table[] {
    return this.#vector(field, 4).map((at) => new Table(this.bytes, at + this.bytes.readUInt32LE(at)));
  }

  /** A vector of structs of two 64-bit integers: Arrow's FieldNode and Buffer. */
  pairs(field: number): (readonly [number, number])[] {
    return this.#vector(field, 16).map((at) => [int64At(this.bytes, at), int64At(this.bytes, at + 8)] as const);
  }

  int64s(field: number): number[] {
    return this.#vector(field, 8).map((at) => int64At(this.bytes, at));
  }

  #place(field: number): number | undefined {
    if (field >= this.#count) return undefined;
    const offset = this.bytes.readUInt16LE(this.#fields + 4 + 2 * field);
    return offset === 0 ? undefined : this.#at + offset;
  }

  #target(field: number): number | undefined {
    const at = this.#place(field);
    return at === undefined ? undefined : at + this.bytes.readUInt32LE(at);
  }

  #vector(field: number, size: number): number[] {
    const at = this.#target(field);
    if (at === undefined) return [];
    const count = this.bytes.readUInt32LE(at);
    if (at + 4 + count * size > this.bytes.length) throw new RangeError(`a list of ${count} leads outside the metadata`);
    return Array.from({ length: count }, (_, i) => at + 4 + i * size);
  }
}

export function int64At(bytes: Buffer, at: number): number {
  const value = Number(bytes.readBigInt64LE(at));
  if (!Number.isSafeInteger(value)) throw new RangeError(`the number ${value} is too large`);
  return value;
}

/** As subarray, but an error where that would silently give less. */
export function slice(bytes: Buffer, begin: number, size: number): Buffer {
  if (begin < 0 || size < 0 || begin + size > bytes.length) {
    throw new RangeError(`bytes ${begin} to ${begin + size} of ${bytes.length}`);
  }
  return bytes.subarray(begin, begin + size);
}
