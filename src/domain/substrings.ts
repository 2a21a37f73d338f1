/** Finds many texts within another in one pass, however alike they are (Aho and Corasick, 1975). Pure. */

/** What a state stands for is the longest end of what was read that begins one of the texts. 0: none does. */
type State = number;

const CODES = 0x1_0000;

export class Substrings {
  /** From a state and the next UTF-16 code unit. One map, because one for each state takes a hundred times the memory. */
  readonly #next = new Map<number, State>();
  /** The state without the first characters of this one, as few as possible. */
  readonly #shorter: State[] = [0];
  /** The length of the longest text that ends in this state; 0: none does. */
  readonly #longest: number[] = [0];

  constructor(texts: Iterable<string>) {
    const added: {
      readonly from: State;
      readonly code: number;
      readonly to: State;
      readonly depth: number;
    }[] = [];
    for (const text of texts) {
      let state: State = 0;
      for (let at = 0; at < text.length; at += 1) {
        const code = text.charCodeAt(at);
        let to = this.#next.get(state * CODES + code);
        if (to === undefined) {
          to = this.#longest.push(0) - 1;
          this.#shorter.push(0);
          this.#next.set(state * CODES + code, to);
          added.push({ from: state, code, to, depth: at });
        }
        state = to;
      }
      if (state > 0) this.#longest[state] = text.length;
    }
    // Shorter states first, because a state is linked to one of those.
    for (const { from, code, to, depth } of added.sort((a, b) => a.depth - b.depth)) {
      if (depth > 0) this.#shorter[to] = this.#step(this.#shorter[from] ?? 0, code);
      this.#longest[to] ||= this.#longest[this.#shorter[to] ?? 0] ?? 0;
    }
  }

  /** Where one of the texts ends, reports the longest of those that end there: it covers the others. */
  find(text: string, onFound: (start: number, length: number) => void): void {
    let state: State = 0;
    for (let at = 0; at < text.length; at += 1) {
      state = this.#step(state, text.charCodeAt(at));
      const length = this.#longest[state] ?? 0;
      if (length > 0) onFound(at + 1 - length, length);
    }
  }

  #step(from: State, code: number): State {
    for (let state = from; ; state = this.#shorter[state] ?? 0) {
      const next = this.#next.get(state * CODES + code);
      if (next !== undefined || state === 0) return next ?? 0;
    }
  }
}
