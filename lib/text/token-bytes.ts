// What bytes of text each token stands for. Decoding, streaming and token offsets all follow from it.

/** The parts of tokenizer.json that say how tokens become text. */
export interface DecoderSpec {
  readonly type?: string;
  readonly decoders?: readonly DecoderSpec[];
  readonly content?: string;
  readonly start?: number;
  readonly prepend_scheme?: string;
}

export interface TokenSurface {
  /** Bytes of each id; undefined for ids that the vocabulary lacks. */
  bytes(id: number): Buffer | undefined;
  /** The decoder drops one space at the start of a whole text. */
  readonly dropsFirstSpace: boolean;
}

/** Byte-level BPE writes bytes as printable characters: this is the way back. */
const BYTE_OF_CHAR: ReadonlyMap<string, number> = (() => {
  const map = new Map<string, number>();
  let extra = 256;
  for (let byte = 0; byte < 256; byte++) {
    const plain = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    map.set(String.fromCharCode(plain ? byte : extra++), byte);
  }
  return map;
})();

/**
 * Understands the two kinds that language models use: byte-level BPE, and SentencePiece style ("▁" for a space,
 * "<0x0A>" for bytes). Returns undefined for any other decoder: its text is then only known by decoding.
 */
export function tokenSurface(
  decoder: DecoderSpec | null,
  token: (id: number) => string | undefined,
  added: ReadonlySet<number>,
): TokenSurface | undefined {
  const chain = flatten(decoder);
  const types = new Set(chain.map(({ type }) => type));
  const byteLevel = types.has('ByteLevel');
  const pieces =
    types.has('Metaspace') ||
    (types.has('Replace') && chain.some((part) => part.type === 'Replace' && part.content === ' '));
  if (!byteLevel && !pieces) return undefined;
  const byteFallback = types.has('ByteFallback');
  const cache: (Buffer | undefined)[] = [];
  const convert = (text: string): Buffer => {
    if (byteLevel) {
      const bytes = Array.from(text, (char) => BYTE_OF_CHAR.get(char));
      return bytes.includes(undefined) ? Buffer.from(text) : Buffer.from(bytes as number[]);
    }
    const byte = byteFallback ? /^<0x([0-9A-Fa-f]{2})>$/.exec(text) : null;
    return byte === null
      ? Buffer.from(text.replaceAll('\u2581', ' '))
      : Buffer.from([Number.parseInt(byte[1] as string, 16)]);
  };
  return {
    bytes(id) {
      const known = cache[id];
      if (known !== undefined) return known;
      const text = token(id);
      if (text === undefined) return undefined;
      return (cache[id] = added.has(id) ? Buffer.from(text) : convert(text));
    },
    dropsFirstSpace: chain.some(
      (part) =>
        (part.type === 'Strip' && part.content === ' ' && (part.start ?? 0) > 0) ||
        (part.type === 'Metaspace' && part.prepend_scheme !== 'never'),
    ),
  };
}

function flatten(decoder: DecoderSpec | null): readonly DecoderSpec[] {
  if (decoder === null) return [];
  return decoder.type === 'Sequence' ? (decoder.decoders ?? []).flatMap(flatten) : [decoder];
}
