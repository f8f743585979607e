// From an automaton over bytes to the tokens that may come next: the vocabulary is walked as a trie, once for each state
// that is met, and the masks are kept.

import { EngineError } from '../../errors.js';
import { DEAD } from './automaton.js';
import type { Automaton, State } from './automaton.js';

/** What generation needs of a constraint: a state for each text, the tokens that may follow, what one leads to. */
export interface TokenConstraint {
  readonly start: State;
  /** Bit masks of the tokens that may come next: one bit a token, in words of 32. */
  mask(state: State): Int32Array;
  next(state: State, token: number): State;
  /** The text is complete and nothing may follow. */
  ended(state: State): boolean;
  /** The text is complete as it stands. */
  complete(state: State): boolean;
}

/** The part of a tokenizer that is needed. */
export interface TokenBytes {
  readonly size: number;
  /** Bytes that a token adds to a text; undefined for tokens that are no text, such as special ones. */
  textBytes(id: number): Uint8Array | undefined;
}

/** Masks kept; beyond that the oldest goes. */
const MOST_MASKS = 2048;

/** The vocabulary as a trie, in arrays: children of a node are linked by `sibling`. */
interface Trie {
  readonly byte: Uint8Array;
  readonly child: Int32Array;
  readonly sibling: Int32Array;
  /** First token that ends at the node, then the next one with the same bytes; -1: none. */
  readonly token: Int32Array;
  readonly same: Int32Array;
}

const tries = new WeakMap<TokenBytes, Trie>();

export class TokenMasks implements TokenConstraint {
  readonly start: State;
  readonly #automaton: Automaton;
  readonly #tokens: TokenBytes;
  readonly #trie: Trie;
  readonly #words: number;
  readonly #stop: readonly number[];
  readonly #masks = new Map<State, Int32Array>();

  /** `stop`: tokens that end a text; they may be drawn where it is complete. `vocabulary`: the model's, at least the tokenizer's. */
  constructor(automaton: Automaton, tokens: TokenBytes, options: { readonly stop: readonly number[]; readonly vocabulary: number }) {
    this.#automaton = automaton;
    this.#tokens = tokens;
    this.#stop = options.stop;
    this.#words = Math.ceil(options.vocabulary / 32);
    let trie = tries.get(tokens);
    if (trie === undefined) tries.set(tokens, trie = makeTrie(tokens));
    this.#trie = trie;
    this.start = automaton.start;
  }

  mask(state: State): Int32Array {
    let mask = this.#masks.get(state);
    if (mask !== undefined) return mask;
    mask = new Int32Array(this.#words);
    const found = this.#collect(state, mask);
    if (this.#automaton.accepts(state)) for (const id of this.#stop) set(mask, id);
    else if (!found) {
      throw new EngineError(
        'the constraint cannot go on here: no token of this model continues the text in an allowed way. Use characters that its tokenizer knows',
        { code: 'ERR_INVALID_ARGUMENT', argument: 'constraint', expected: 'texts that the tokenizer can write', received: 'a text that it cannot' });
    }
    if (this.#masks.size >= MOST_MASKS) this.#masks.delete(this.#masks.keys().next().value!);
    this.#masks.set(state, mask);
    return mask;
  }

  next(state: State, token: number): State {
    const bytes = this.#tokens.textBytes(token);
    if (bytes === undefined) return DEAD;
    let at = state;
    for (const byte of bytes) at = this.#automaton.next(at, byte);
    return at;
  }

  ended(state: State): boolean {
    return this.#automaton.accepts(state) && !this.#automaton.continues(state);
  }

  complete(state: State): boolean {
    return this.#automaton.accepts(state);
  }

  /** Walks trie and automaton together; whole branches end where the automaton does. */
  #collect(state: State, mask: Int32Array): boolean {
    const { byte, child, sibling, token, same } = this.#trie;
    const stack: [node: number, state: State][] = [[child[0]!, state]];
    let found = false;
    while (stack.length > 0) {
      const [first, at] = stack.pop()!;
      for (let node = first; node > 0; node = sibling[node]!) {
        const next = this.#automaton.next(at, byte[node]!);
        if (next === DEAD) continue;
        for (let id = token[node]!; id >= 0; id = same[id]!) {
          set(mask, id);
          found = true;
        }
        if (child[node]! > 0) stack.push([child[node]!, next]);
      }
    }
    return found;
  }
}

function set(mask: Int32Array, id: number): void {
  mask[id >>> 5]! |= 1 << (id & 31);
}

function makeTrie(tokens: TokenBytes): Trie {
  const entries: { readonly id: number; readonly bytes: Uint8Array }[] = [];
  let nodes = 1;
  for (let id = 0; id < tokens.size; id++) {
    const bytes = tokens.textBytes(id);
    if (bytes === undefined || bytes.length === 0) continue;
    entries.push({ id, bytes });
    nodes += bytes.length;
  }
  const trie: Trie = {
    byte: new Uint8Array(nodes), child: new Int32Array(nodes), sibling: new Int32Array(nodes),
    token: new Int32Array(nodes).fill(-1), same: new Int32Array(tokens.size).fill(-1),
  };
  // In order of bytes, a token shares the path of the one before as far as their bytes agree.
  entries.sort((a, b) => Buffer.compare(a.bytes, b.bytes) || b.id - a.id);
  const path = [0];
  let [used, before] = [1, new Uint8Array(0)];
  for (const { id, bytes } of entries) {
    let shared = 0;
    while (shared < before.length && shared < bytes.length && before[shared] === bytes[shared]) shared++;
    path.length = shared + 1;
    for (let i = shared; i < bytes.length; i++) {
      const [parent, node] = [path[i]!, used++];
      trie.byte[node] = bytes[i]!;
      trie.sibling[node] = trie.child[parent]!;
      trie.child[parent] = node;
      path.push(node);
    }
    const end = path[bytes.length]!;
    trie.same[id] = trie.token[end]!;
    trie.token[end] = id;
    before = bytes as Uint8Array<ArrayBuffer>;
  }
  return trie;
}
