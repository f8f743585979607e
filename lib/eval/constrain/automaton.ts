// Reads a text byte by byte and always knows whether it can still become allowed. The grammar is a network of nodes
// with calls; a state is the set of stacks in which the reading may be, made when first met and kept.

import { EngineError } from '../../errors.js';
import type { Expression, Grammar } from './expression.js';
import { byteSequences } from './utf8.js';

/** Number of a state; see {@link Automaton}. */
export type State = number;
/** No allowed text begins like this. */
export const DEAD: State = -1;

/** Nodes of the network: edges by bytes, free edges, calls; the end of a rule returns to the caller. */
interface Node {
  readonly bytes: { from: number; to: number; target: number }[];
  readonly free: number[];
  readonly calls: { rule: string; target: number }[];
  returns: boolean;
}

/** A place in the network and where to go on when its rule ends. */
interface Frame {
  readonly id: number;
  readonly node: number;
  readonly parent: Frame | undefined;
}

interface Known {
  /** Frames with an edge by bytes. */
  readonly frames: readonly Frame[];
  readonly accepts: boolean;
  /** Next states by byte: 0 not known yet, else the state plus 2. */
  readonly next: Int32Array;
}

const MOST_NODES = 200_000;
const MOST_FRAMES = 20_000;

export class Automaton {
  readonly start: State;
  readonly #nodes: Node[] = [];
  readonly #entries = new Map<string, number>();
  readonly #grammar: Grammar;
  readonly #frames = new Map<string, Frame>();
  readonly #states: Known[] = [];
  readonly #ids = new Map<string, State>();

  constructor(grammar: Grammar) {
    this.#grammar = grammar;
    const first = this.#node();
    this.#nodes[this.#build(grammar.start, first)]!.returns = true;
    this.start = this.#state([this.#frame(first, undefined)]);
  }

  /** States made so far. */
  get size(): number {
    return this.#states.length;
  }

  /** The state after one more byte, or DEAD. */
  next(state: State, byte: number): State {
    if (state === DEAD) return DEAD;
    const known = this.#states[state]!;
    const cached = known.next[byte]!;
    if (cached !== 0) return cached - 2;
    const reached: Frame[] = [];
    for (const frame of known.frames) {
      for (const edge of this.#nodes[frame.node]!.bytes) {
        if (byte >= edge.from && byte <= edge.to) reached.push(this.#frame(edge.target, frame.parent));
      }
    }
    const target = reached.length === 0 ? DEAD : this.#state(reached);
    known.next[byte] = target + 2;
    return target;
  }

  /** The text may end here. */
  accepts(state: State): boolean {
    return state !== DEAD && this.#states[state]!.accepts;
  }

  /** The text may go on here. */
  continues(state: State): boolean {
    return state !== DEAD && this.#states[state]!.frames.length > 0;
  }

  /** Whether the whole text is allowed. */
  matches(text: string): boolean {
    let state = this.start;
    for (const byte of Buffer.from(text)) state = this.next(state, byte);
    return this.accepts(state);
  }

  #node(): number {
    if (this.#nodes.length >= MOST_NODES) {
      throw new EngineError('the constraint is too large: its repetitions, written out, have more than 200,000 parts. Use smaller bounds',
        { code: 'ERR_INVALID_ARGUMENT', argument: 'constraint', expected: 'smaller bounds', received: 'more than 200,000 parts' });
    }
    return this.#nodes.push({ bytes: [], free: [], calls: [], returns: false }) - 1;
  }

  /** Adds what the expression reads after `from`; returns the node where it ends. */
  #build(expression: Expression, from: number): number {
    switch (expression.kind) {
      case 'chars': {
        const end = this.#node();
        for (const bytes of byteSequences(expression.ranges)) {
          let at = from;
          for (const [i, [low, high]] of bytes.entries()) {
            const target = i === bytes.length - 1 ? end : this.#node();
            this.#nodes[at]!.bytes.push({ from: low, to: high, target });
            at = target;
          }
        }
        return end;
      }
      case 'sequence':
        return expression.parts.reduce((at, part) => this.#build(part, at), from);
      case 'either': {
        const end = this.#node();
        for (const part of expression.parts) {
          const begin = this.#node();
          this.#nodes[from]!.free.push(begin);
          this.#nodes[this.#build(part, begin)]!.free.push(end);
        }
        return end;
      }
      case 'repeat': {
        const { part, min, max } = expression;
        let at = from;
        for (let i = 0; i < min; i++) at = this.#build(part, at);
        if (max === Infinity) {
          const loop = this.#node();
          this.#nodes[at]!.free.push(loop);
          this.#nodes[this.#build(part, loop)]!.free.push(loop);
          const end = this.#node(); // so that nothing added later becomes a part of the loop
          this.#nodes[loop]!.free.push(end);
          return end;
        }
        const end = this.#node();
        for (let i = min; i < max; i++) {
          this.#nodes[at]!.free.push(end);
          const begin = this.#node();
          this.#nodes[at]!.free.push(begin);
          at = this.#build(part, begin);
        }
        this.#nodes[at]!.free.push(end);
        return end;
      }
      default: {
        const end = this.#node();
        this.#nodes[from]!.calls.push({ rule: expression.rule, target: end });
        return end;
      }
    }
  }

  #entry(rule: string): number {
    const known = this.#entries.get(rule);
    if (known !== undefined) return known;
    const first = this.#node();
    this.#entries.set(rule, first);
    this.#nodes[this.#build(this.#grammar.rules.get(rule)!, first)]!.returns = true;
    return first;
  }

  #frame(node: number, parent: Frame | undefined): Frame {
    const key = `${node}:${parent?.id ?? -1}`;
    let frame = this.#frames.get(key);
    if (frame === undefined) this.#frames.set(key, frame = { id: this.#frames.size, node, parent });
    return frame;
  }

  /** Follows free edges, calls and returns; the state is what remains to be read. */
  #state(frames: readonly Frame[]): State {
    const all = new Set(frames);
    let accepts = false;
    for (const frame of all) { // grows while it is walked
      const node = this.#nodes[frame.node]!;
      for (const target of node.free) all.add(this.#frame(target, frame.parent));
      for (const { rule, target } of node.calls) all.add(this.#frame(this.#entry(rule), this.#frame(target, frame.parent)));
      if (node.returns && frame.parent !== undefined) all.add(frame.parent);
      else if (node.returns) accepts = true;
      if (all.size > MOST_FRAMES) {
        throw new EngineError('the constraint has no end: a rule calls itself before anything is read, or it is too ambiguous. Put something before the $ref',
          { code: 'ERR_INVALID_ARGUMENT', argument: 'constraint', expected: 'rules that read something before they call themselves', received: 'a loop' });
      }
    }
    const reading = [...all].filter(({ node }) => this.#nodes[node]!.bytes.length > 0).sort((a, b) => a.id - b.id);
    const key = `${accepts ? 1 : 0}/${reading.map(({ id }) => id).join(',')}`;
    let id = this.#ids.get(key);
    if (id === undefined) {
      id = this.#states.push({ frames: reading, accepts, next: new Int32Array(256) }) - 1;
      this.#ids.set(key, id);
    }
    return id;
  }
}
