import { compileMatcher, literalValues, matcherMatchesEmpty } from '../model/compile-matcher.ts';
import { compareStrings, METRIC_NAME, type Labels } from '../model/labels.ts';
import type { Matcher } from '../model/matcher.ts';

/**
 * The label index: from matchers to refs. Strings are interned as symbols; a series is a run of symbols; a postings list holds the refs,
 * rising, that carry one value of one label name. All of it is memory, rebuilt from the series blocks on waking.
 */
export class SeriesIndex {
  readonly #symbols: string[] = [];
  readonly #symbolOf = new Map<string, number>();
  /** Symbols of all series, name and value in turn; series `ref` begins at `#labelStart[ref]`. */
  #labelSymbols = new Uint32Array(64 * 1024);
  #labelEnd = 0;
  #labelStart = new Uint32Array(4096);
  #count = 0;
  /** By name symbol: by value symbol: refs, rising. */
  readonly #postings = new Map<number, Map<number, number[]>>();
  /** All refs in the order of their labels; those from `#sorted.length` on are not in it yet. */
  #sorted: number[] = [];
  #rank = new Uint32Array(0);

  get count(): number {
    return this.#count;
  }

  get symbolCount(): number {
    return this.#symbols.length;
  }

  /** Adds the next ref's labels. */
  add(labels: Labels): void {
    const ref = this.#count++;
    if (ref + 1 >= this.#labelStart.length) this.#labelStart = enlarged(this.#labelStart, ref + 2);
    if (this.#labelEnd + labels.length > this.#labelSymbols.length) {
      this.#labelSymbols = enlarged(this.#labelSymbols, this.#labelEnd + labels.length);
    }
    for (let i = 0; i < labels.length; i += 2) {
      const name = this.#intern(labels[i]!);
      const value = this.#intern(labels[i + 1]!);
      this.#labelSymbols[this.#labelEnd++] = name;
      this.#labelSymbols[this.#labelEnd++] = value;
      let values = this.#postings.get(name);
      if (values === undefined) this.#postings.set(name, (values = new Map()));
      const refs = values.get(value);
      if (refs === undefined) values.set(value, [ref]);
      else refs.push(ref);
    }
    this.#labelStart[ref + 1] = this.#labelEnd;
  }

  labelsOf(ref: number): Labels {
    const labels: string[] = [];
    for (let i = this.#labelStart[ref]!; i < this.#labelStart[ref + 1]!; i++) labels.push(this.#symbols[this.#labelSymbols[i]!]!);
    return labels;
  }

  metricNameOf(ref: number): string {
    const nameSymbol = this.#symbolOf.get(METRIC_NAME);
    for (let i = this.#labelStart[ref]!; i < this.#labelStart[ref + 1]!; i += 2) {
      if (this.#labelSymbols[i] === nameSymbol) return this.#symbols[this.#labelSymbols[i + 1]!]!;
    }
    return '';
  }

  /** The refs that all matchers match, in no particular order; no matcher means every series. */
  select(matchers: readonly Matcher[]): number[] {
    const filters: ((ref: number) => boolean)[] = [];
    let candidates: readonly number[] | undefined;
    for (const matcher of matchers) {
      const lists = this.#listsOf(matcher);
      if (lists === undefined) {
        filters.push(this.#filterOf(matcher));
        continue;
      }
      const refs = union(lists);
      candidates = candidates === undefined ? refs : intersection(candidates, refs);
      if (candidates.length === 0) return [];
    }
    candidates ??= Array.from({ length: this.#count }, (_, ref) => ref);
    return filters.length === 0 ? [...candidates] : candidates.filter((ref) => filters.every((filter) => filter(ref)));
  }

  /** Sorts refs by their labels, in place. */
  sortByLabels(refs: number[]): number[] {
    this.#updateRanks();
    const rank = this.#rank;
    return refs.sort((a, b) => rank[a]! - rank[b]!);
  }

  /** Whether the labels of a ref come behind `labels` in label order. */
  isBehind(ref: number, labels: Labels): boolean {
    const start = this.#labelStart[ref]!;
    const length = this.#labelStart[ref + 1]! - start;
    for (let i = 0; i < Math.min(length, labels.length); i++) {
      const order = compareStrings(this.#symbols[this.#labelSymbols[start + i]!]!, labels[i]!);
      if (order !== 0) return order > 0;
    }
    return length > labels.length;
  }

  /** The label names of the given series, or of all. Unsorted. */
  labelNames(refs: readonly number[] | undefined): string[] {
    if (refs === undefined) return [...this.#postings.keys()].map((symbol) => this.#symbols[symbol]!);
    const names = new Set<number>();
    for (const ref of refs) {
      for (let i = this.#labelStart[ref]!; i < this.#labelStart[ref + 1]!; i += 2) names.add(this.#labelSymbols[i]!);
    }
    return [...names].map((symbol) => this.#symbols[symbol]!);
  }

  /** The values that one label has in the given series, or in all. Unsorted. */
  labelValues(name: string, refs: readonly number[] | undefined): string[] {
    const nameSymbol = this.#symbolOf.get(name);
    const byValue = nameSymbol === undefined ? undefined : this.#postings.get(nameSymbol);
    if (byValue === undefined) return [];
    if (refs === undefined) return [...byValue.keys()].map((symbol) => this.#symbols[symbol]!);
    const values = new Set<number>();
    for (const ref of refs) {
      for (let i = this.#labelStart[ref]!; i < this.#labelStart[ref + 1]!; i += 2) {
        if (this.#labelSymbols[i] === nameSymbol) values.add(this.#labelSymbols[i + 1]!);
      }
    }
    return [...values].map((symbol) => this.#symbols[symbol]!);
  }

  /** The postings lists that a matcher stands for; `undefined` when it also takes series without the label: those it can only filter. */
  #listsOf(matcher: Matcher): (readonly number[])[] | undefined {
    if (matcherMatchesEmpty(matcher)) return undefined;
    const nameSymbol = this.#symbolOf.get(matcher.name);
    const byValue = nameSymbol === undefined ? undefined : this.#postings.get(nameSymbol);
    if (byValue === undefined) return [];
    const literals = literalValues(matcher);
    const lists: (readonly number[])[] = [];
    if (literals !== undefined) {
      for (const literal of new Set(literals)) {
        const symbol = this.#symbolOf.get(literal);
        const refs = symbol === undefined ? undefined : byValue.get(symbol);
        if (refs !== undefined) lists.push(refs);
      }
      return lists;
    }
    const matches = compileMatcher(matcher);
    for (const [symbol, refs] of byValue) {
      if (matches(this.#symbols[symbol]!)) lists.push(refs);
    }
    return lists;
  }

  #filterOf(matcher: Matcher): (ref: number) => boolean {
    const nameSymbol = this.#symbolOf.get(matcher.name);
    const matches = compileMatcher(matcher);
    /** Each value is matched once. */
    const answers = new Map<number, boolean>();
    return (ref) => {
      for (let i = this.#labelStart[ref]!; i < this.#labelStart[ref + 1]!; i += 2) {
        if (this.#labelSymbols[i] !== nameSymbol) continue;
        const symbol = this.#labelSymbols[i + 1]!;
        let answer = answers.get(symbol);
        if (answer === undefined) answers.set(symbol, (answer = matches(this.#symbols[symbol]!)));
        return answer;
      }
      return true; // the matcher takes the empty value
    };
  }

  /** Brings the order of all series up to date: new ones are sorted and merged in, so that nothing is paid while none arrive. */
  #updateRanks(): void {
    if (this.#sorted.length === this.#count) return;
    const added: number[] = [];
    for (let ref = this.#sorted.length; ref < this.#count; ref++) added.push(ref);
    added.sort((a, b) => this.#compare(a, b));
    const old = this.#sorted;
    const merged: number[] = [];
    let i = 0;
    for (const ref of added) {
      while (i < old.length && this.#compare(old[i]!, ref) < 0) merged.push(old[i++]!);
      merged.push(ref);
    }
    while (i < old.length) merged.push(old[i++]!);
    this.#sorted = merged;
    if (this.#rank.length < merged.length) this.#rank = new Uint32Array(Math.max(merged.length, this.#rank.length * 2));
    for (let position = 0; position < merged.length; position++) this.#rank[merged[position]!] = position;
  }

  #compare(a: number, b: number): number {
    const startA = this.#labelStart[a]!;
    const startB = this.#labelStart[b]!;
    const lengthA = this.#labelStart[a + 1]! - startA;
    const lengthB = this.#labelStart[b + 1]! - startB;
    for (let i = 0; i < Math.min(lengthA, lengthB); i++) {
      const symbolA = this.#labelSymbols[startA + i]!;
      const symbolB = this.#labelSymbols[startB + i]!;
      // Equal strings are equal symbols: strings are compared once a pair, where the sets part.
      if (symbolA !== symbolB) return compareStrings(this.#symbols[symbolA]!, this.#symbols[symbolB]!);
    }
    return lengthA - lengthB;
  }

  #intern(text: string): number {
    let symbol = this.#symbolOf.get(text);
    if (symbol === undefined) {
      symbol = this.#symbols.push(text) - 1;
      this.#symbolOf.set(text, symbol);
    }
    return symbol;
  }
}

function union(lists: readonly (readonly number[])[]): readonly number[] {
  if (lists.length === 1) return lists[0]!;
  // Values of one label name: no series is in two of the lists.
  return lists.flat().sort((a, b) => a - b);
}

/** Of two rising lists. */
function intersection(a: readonly number[], b: readonly number[]): readonly number[] {
  const common: number[] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    if (a[i]! < b[j]!) i++;
    else if (a[i]! > b[j]!) j++;
    else {
      common.push(a[i]!);
      i++;
      j++;
    }
  }
  return common;
}

function enlarged(column: Uint32Array, least: number): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(Math.max(least, column.length * 2));
  larger.set(column);
  return larger;
}
