// Turns tokens into text one by one, and never hands out half a character.

export interface StreamDecoder {
  /** The text that this token completes: possibly empty, never half a character. */
  push(id: number): string;
  /** What is left at the end: an unfinished character becomes U+FFFD. */
  end(): string;
}

/** For tokens with known bytes: exact and constant work for each token. */
export class ByteStreamDecoder implements StreamDecoder {
  readonly #bytesOf: (id: number) => Buffer | undefined;
  readonly #utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
  #dropSpace: boolean;

  /** `bytesOf` returns undefined for tokens to leave out. */
  constructor(bytesOf: (id: number) => Buffer | undefined, dropFirstSpace: boolean) {
    this.#bytesOf = bytesOf;
    this.#dropSpace = dropFirstSpace;
  }

  push(id: number): string {
    const bytes = this.#bytesOf(id);
    return bytes === undefined ? '' : this.#trim(this.#utf8.decode(bytes, { stream: true }));
  }

  end(): string {
    return this.#trim(this.#utf8.decode());
  }

  /** All tokens of a text at once: what `push` of each and `end` would say together. */
  whole(ids: ArrayLike<number>): string {
    const pieces: Buffer[] = [];
    for (let i = 0; i < ids.length; i++) {
      const bytes = this.#bytesOf(ids[i] as number);
      if (bytes !== undefined) pieces.push(bytes);
    }
    return this.#trim(this.#utf8.decode(Buffer.concat(pieces)));
  }

  #trim(text: string): string {
    if (!this.#dropSpace || text === '') return text;
    this.#dropSpace = false;
    return text.startsWith(' ') ? text.slice(1) : text;
  }
}

/** For other decoders: decodes a growing window and hands out what no longer changes. */
export class WindowStreamDecoder implements StreamDecoder {
  readonly #decode: (ids: readonly number[]) => string;
  #window: number[] = [];
  #shown = '';

  constructor(decode: (ids: readonly number[]) => string) {
    this.#decode = decode;
  }

  push(id: number): string {
    this.#window.push(id);
    const text = this.#decode(this.#window);
    if (text.endsWith('\ufffd') || !text.startsWith(this.#shown)) return '';
    const fresh = text.slice(this.#shown.length);
    // The last token stays in the window, so that the next one is decoded with its neighbour.
    this.#window = [id];
    this.#shown = this.#decode(this.#window);
    return fresh;
  }

  end(): string {
    const text = this.#window.length === 0 ? '' : this.#decode(this.#window);
    return text.startsWith(this.#shown) ? text.slice(this.#shown.length) : '';
  }
}
