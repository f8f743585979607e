// Words as numbers, the same word the same number, for as long as one score takes.

export class Vocabulary {
  readonly #numbers = new Map<string, number>();

  number(word: string): number {
    let id = this.#numbers.get(word);
    if (id === undefined) {
      id = this.#numbers.size + 1;
      this.#numbers.set(word, id);
    }
    return id;
  }

  numbers(words: readonly string[]): Int32Array {
    const ids = new Int32Array(words.length);
    for (let i = 0; i < words.length; i++) ids[i] = this.number(words[i]!);
    return ids;
  }
}
