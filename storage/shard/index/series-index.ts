import { grown } from '../../../proto/grown.ts';
import { compiledMatcher, type CompiledMatcher } from '../../model/compile-matcher.ts';
import { compareStrings, METRIC_NAME, sortStrings, type Labels } from '../../model/labels.ts';
import type { Matcher } from '../../model/matcher.ts';
import { SelectionWork } from '../select/selection-work.ts';
import { LabelSorter } from './label-order.ts';

const NO_SYMBOL = 0xffffffff;
/** Where so many times as many series are looked for as there are, marking them is cheaper than putting their refs into an order. */
const UNION_MARK_SHARE = 16;

/** Series in the order of their labels, as they were when it was asked for. Not to be written to; it does not change when series are added. */
export interface LabelOrder {
  /** By rank: the ref. */
  readonly refs: Uint32Array;
  /** By ref: the rank. */
  readonly ranks: Uint32Array;
  /** By rank: the symbol of the metric's name, for SeriesIndex.metricName. */
  readonly metrics: Uint32Array;
}

/**
 * The label index: from matchers to refs. Strings are interned as symbols; a series is a run of symbols; a postings list holds the refs,
 * rising, that carry one value of one label name. All of it is memory, rebuilt from the series blocks on waking.
 */
export class SeriesIndex {
  readonly #symbols: string[] = [];
  readonly #symbolOf = new Map<string, number>();
  /** By symbol, of the first ones: their order among themselves. */
  #symbolRanks = new Uint32Array(0);
  /** Symbols of all series, name and value in turn; those of series `ref` lie from `#labelStart[ref]` to `#labelEnd[ref]`. */
  #labelSymbols = new Uint32Array(64 * 1024);
  #symbolsEnd = 0;
  #labelStart = new Uint32Array(4096);
  #labelEnd = new Uint32Array(4096);
  /** By ref: the symbol of the metric's name, NO_SYMBOL where there is none. */
  #metricSymbol = new Uint32Array(4096);
  /** By name symbol: by value symbol: refs, rising but for the lists in `#unsorted`. */
  readonly #postings = new Map<number, Map<number, number[]>>();
  /** Lists to which a ref was added that is not the greatest: a new series has taken the place of one that is gone. */
  readonly #unsorted = new Set<number[]>();
  /** The lists that the series which was added last is in, by label. */
  readonly #lastLists: number[][] = [];
  /** Refs of all series, in no particular order, and the same in the order of their labels, as it was when it was last needed. */
  readonly #refs: number[] = [];
  readonly #sorter = new LabelSorter(this.#refs, (a, b) => this.#compare(a, b));
  #order: LabelOrder = { refs: new Uint32Array(0), ranks: new Uint32Array(0), metrics: new Uint32Array(0) };
  #refLimit = 0;

  get count(): number {
    return this.#refs.length;
  }

  /** Above all refs. */
  get refLimit(): number {
    return this.#refLimit;
  }

  get symbolCount(): number {
    return this.#symbols.length;
  }

  /** Adds a series; its ref is the number of series so far unless one is given. */
  add(labels: Labels, ref = this.#refs.length): void {
    this.addSymbols(labels.map((text) => this.intern(text)), ref);
  }

  /** The same of symbols, name and value in turn. */
  addSymbols(symbols: readonly number[], ref: number): void {
    this.#refs.push(ref);
    if (ref >= this.#refLimit) this.#refLimit = ref + 1;
    if (ref >= this.#labelStart.length) {
      this.#labelStart = grown(this.#labelStart, ref + 1);
      this.#labelEnd = grown(this.#labelEnd, ref + 1);
      this.#metricSymbol = grown(this.#metricSymbol, ref + 1);
    }
    if (this.#symbolsEnd + symbols.length > this.#labelSymbols.length) {
      this.#labelSymbols = grown(this.#labelSymbols, this.#symbolsEnd + symbols.length);
    }
    const labelSymbols = this.#labelSymbols;
    const start = this.#symbolsEnd;
    const metricName = this.#symbolOf.get(METRIC_NAME);
    let metric = NO_SYMBOL;
    const lists = this.#lastLists;
    const lastStart = start - lists.length * 2;
    for (let i = 0; i < symbols.length; i += 2) {
      const name = symbols[i]!;
      const value = symbols[i + 1]!;
      if (name === metricName) metric = value;
      labelSymbols[start + i] = name;
      labelSymbols[start + i + 1] = value;
      // Series that come together have most labels in common, in the same place.
      const isLast = i < lists.length * 2 && labelSymbols[lastStart + i] === name && labelSymbols[lastStart + i + 1] === value;
      const refs = isLast ? lists[i / 2]! : this.#listOf(name, value);
      if (refs.length > 0 && ref < refs[refs.length - 1]!) this.#unsorted.add(refs);
      refs.push(ref);
      lists[i / 2] = refs;
    }
    lists.length = symbols.length / 2;
    this.#labelStart[ref] = start;
    this.#labelEnd[ref] = this.#symbolsEnd = start + symbols.length;
    this.#metricSymbol[ref] = metric;
  }

  /** The postings list of a label, a new one where there is none. */
  #listOf(name: number, value: number): number[] {
    let values = this.#postings.get(name);
    if (values === undefined) this.#postings.set(name, (values = new Map<number, number[]>()));
    let refs = values.get(value);
    if (refs === undefined) values.set(value, (refs = []));
    return refs;
  }

  labelsOf(ref: number): Labels {
    const labels: string[] = [];
    for (let i = this.#labelStart[ref]!; i < this.#labelEnd[ref]!; i++) labels.push(this.#symbols[this.#labelSymbols[i]!]!);
    return labels;
  }

  /** The symbols of a series' labels, name and value in turn: a view that the next `add` may leave behind. */
  symbolsOf(ref: number): Uint32Array {
    return this.#labelSymbols.subarray(this.#labelStart[ref]!, this.#labelEnd[ref]!);
  }

  textOf(symbol: number): string {
    return this.#symbols[symbol]!;
  }

  metricNameOf(ref: number): string {
    return this.metricName(this.#metricSymbol[ref]!);
  }

  /** What an entry of LabelOrder.metrics stands for. */
  metricName(symbol: number): string {
    return symbol === NO_SYMBOL ? '' : this.#symbols[symbol]!;
  }

  /** The refs that all matchers match, in no particular order; no matcher means every series. Throws a limit error for what would take too long. */
  select(matchers: readonly Matcher[], work = new SelectionWork()): number[] {
    const filters: ((ref: number) => boolean)[] = [];
    let candidates: readonly number[] | undefined;
    for (const matcher of matchers) {
      const compiled = compiledMatcher(matcher);
      const lists = this.#listsOf(matcher.name, compiled, work);
      if (lists === undefined) {
        filters.push(this.#filterOf(matcher.name, compiled, work));
        continue;
      }
      work.see(lists.reduce((sum, { length }) => sum + length, 0));
      const refs = this.#union(lists);
      candidates = candidates === undefined ? refs : intersection(candidates, refs);
      if (candidates.length === 0) return [];
    }
    candidates ??= this.#refs;
    work.see(candidates.length * filters.length);
    const refs = filters.length === 0 ? candidates.slice() : candidates.filter((ref) => filters.every((filter) => filter(ref)));
    // Whoever asks puts them into an order, at least.
    work.see(refs.length);
    return refs;
  }

  /** The refs that any of the selectors selects, each once. Throws a limit error for what would take too long. */
  selectAny(selectors: readonly (readonly Matcher[])[]): Set<number> {
    const work = new SelectionWork();
    const refs = new Set<number>();
    for (const matchers of selectors) for (const ref of this.select(matchers, work)) refs.add(ref);
    return refs;
  }

  /**
   * Puts the texts of the series so far into order, which makes comparing these a third of the work: worth it where all series are still to be put into order. Nothing is done
   * where there are more texts than series, since that takes as long as comparing.
   */
  rankSymbols(): void {
    if (this.#symbols.length > this.#refs.length) return;
    const ranks = new Uint32Array(this.#symbols.length);
    sortStrings(this.#symbols.slice()).forEach((text, rank) => (ranks[this.#symbolOf.get(text)!] = rank));
    this.#symbolRanks = ranks;
  }

  /** Puts some of the series that have come into order, if there are any, so that `labelOrder` has little left to do: to be called with each batch. */
  sortOn(): void {
    this.#sorter.step();
  }

  /** All series in the order of their labels. Nothing is paid for it while none arrive. */
  labelOrder(): LabelOrder {
    if (this.#order.refs.length === this.#refs.length) return this.#order;
    const refs = this.#sorter.sorted();
    const ranks = new Uint32Array(this.#refLimit);
    const metrics = new Uint32Array(refs.length);
    for (let rank = 0; rank < refs.length; rank++) {
      ranks[refs[rank]!] = rank;
      metrics[rank] = this.#metricSymbol[refs[rank]!]!;
    }
    return (this.#order = { refs, ranks, metrics });
  }

  /** Sorts refs by their labels, in place. */
  sortByLabels(refs: number[]): number[] {
    const order = this.labelOrder();
    const ranks = new Uint32Array(refs.length);
    for (let i = 0; i < refs.length; i++) ranks[i] = order.ranks[refs[i]!]!;
    // Numbers sort without calls.
    ranks.sort();
    for (let i = 0; i < refs.length; i++) refs[i] = order.refs[ranks[i]!]!;
    return refs;
  }

  /** Whether the labels of a ref come behind `labels` in label order. */
  isBehind(ref: number, labels: Labels): boolean {
    const start = this.#labelStart[ref]!;
    const length = this.#labelEnd[ref]! - start;
    for (let i = 0; i < Math.min(length, labels.length); i++) {
      const order = compareStrings(this.#symbols[this.#labelSymbols[start + i]!]!, labels[i]!);
      if (order !== 0) return order > 0;
    }
    return length > labels.length;
  }

  /** The label names of the given series, or of all. Unsorted. */
  labelNames(refs: readonly number[] | undefined): string[] {
    if (refs === undefined) return [...this.#postings.keys()].map((symbol) => this.#symbols[symbol]!);
    const isFound = new Uint8Array(this.#symbols.length);
    const names: string[] = [];
    for (const ref of refs) {
      for (let i = this.#labelStart[ref]!; i < this.#labelEnd[ref]!; i += 2) {
        const name = this.#labelSymbols[i]!;
        if (isFound[name] === 1) continue;
        isFound[name] = 1;
        names.push(this.#symbols[name]!);
      }
    }
    return names;
  }

  /** The label names of the series that `isIn` has 1 for, by ref. Unsorted. */
  labelNamesIn(isIn: Uint8Array): string[] {
    const names: string[] = [];
    for (const [name, byValue] of this.#postings) {
      if (byValue.values().some((refs) => refs.some((ref) => isIn[ref] === 1))) names.push(this.#symbols[name]!);
    }
    return names;
  }

  /** The values that one label has in the series that `isIn` has 1 for, by ref. Unsorted. */
  labelValuesIn(name: string, isIn: Uint8Array): string[] {
    const values: string[] = [];
    for (const [value, refs] of this.#byValue(name) ?? []) {
      if (refs.some((ref) => isIn[ref] === 1)) values.push(this.#symbols[value]!);
    }
    return values;
  }

  /** How many label names there are. They are never fewer than before. */
  get labelNameCount(): number {
    return this.#postings.size;
  }

  /** How many values a label has. They are never fewer than before. */
  labelValueCount(name: string): number {
    return this.#byValue(name)?.size ?? 0;
  }

  /** The values that one label has in the given series, or in all. Unsorted. */
  labelValues(name: string, refs: readonly number[] | undefined): string[] {
    const nameSymbol = this.#symbolOf.get(name);
    const byValue = this.#byValue(name);
    if (byValue === undefined) return [];
    if (refs === undefined) return Array.from(byValue.keys(), (symbol) => this.#symbols[symbol]!);
    const isFound = new Uint8Array(this.#symbols.length);
    const values: string[] = [];
    for (const ref of refs) {
      for (let i = this.#labelStart[ref]!; i < this.#labelEnd[ref]!; i += 2) {
        if (this.#labelSymbols[i] !== nameSymbol) continue;
        const value = this.#labelSymbols[i + 1]!;
        if (isFound[value] === 0) values.push(this.#symbols[value]!);
        isFound[value] = 1;
        break;
      }
    }
    return values;
  }

  /** How many series have each value of one label, among the given series or all. */
  countValues(name: string, refs: readonly number[] | undefined): Map<string, number> {
    const counts = new Map<string, number>();
    const nameSymbol = this.#symbolOf.get(name);
    const byValue = this.#byValue(name);
    if (byValue === undefined) return counts;
    if (refs === undefined) {
      for (const [symbol, postings] of byValue) counts.set(this.#symbols[symbol]!, postings.length);
      return counts;
    }
    const bySymbol = new Map<number, number>();
    for (const ref of refs) {
      for (let i = this.#labelStart[ref]!; i < this.#labelEnd[ref]!; i += 2) {
        if (this.#labelSymbols[i] !== nameSymbol) continue;
        const symbol = this.#labelSymbols[i + 1]!;
        bySymbol.set(symbol, (bySymbol.get(symbol) ?? 0) + 1);
      }
    }
    for (const [symbol, count] of bySymbol) counts.set(this.#symbols[symbol]!, count);
    return counts;
  }

  /** The postings lists of a label by value symbol. */
  #byValue(name: string): ReadonlyMap<number, number[]> | undefined {
    const nameSymbol = this.#symbolOf.get(name);
    return nameSymbol === undefined ? undefined : this.#postings.get(nameSymbol);
  }

  /** The postings lists that a matcher stands for; `undefined` when it also takes series without the label: those it can only filter. */
  #listsOf(name: string, { test, literals, cost, slowWork }: CompiledMatcher, work: SelectionWork): (readonly number[])[] | undefined {
    if (test('')) return undefined;
    const byValue = this.#byValue(name);
    if (byValue === undefined) return [];
    const lists: (readonly number[])[] = [];
    if (literals !== undefined) {
      for (const literal of new Set(literals)) {
        const symbol = this.#symbolOf.get(literal);
        const refs = symbol === undefined ? undefined : byValue.get(symbol);
        if (refs !== undefined) lists.push(this.#rising(refs));
      }
      return lists;
    }
    const characterCount = cost.perCharacter === 0 ? 0 : byValue.keys().reduce((sum, symbol) => sum + this.#symbols[symbol]!.length, 0);
    work.test(byValue.size, characterCount, cost);
    for (const [symbol, refs] of byValue) {
      if (test(this.#symbols[symbol]!)) lists.push(this.#rising(refs));
      if (slowWork !== undefined) work.tested(slowWork());
    }
    return lists;
  }

  /** Of the lists of values of one label name: no series is in two of them. */
  #union(lists: readonly (readonly number[])[]): readonly number[] {
    if (lists.length === 1) return lists[0]!;
    const count = lists.reduce((sum, { length }) => sum + length, 0);
    if (count * UNION_MARK_SHARE < this.#refLimit) return Array.from(Uint32Array.from(lists.flat()).sort());
    const isIn = new Uint8Array(this.#refLimit);
    for (const list of lists) for (const ref of list) isIn[ref] = 1;
    const refs: number[] = [];
    for (let ref = 0; refs.length < count; ref++) if (isIn[ref] === 1) refs.push(ref);
    return refs;
  }

  #rising(refs: number[]): readonly number[] {
    if (this.#unsorted.delete(refs)) refs.sort((a, b) => a - b);
    return refs;
  }

  #filterOf(name: string, { test, cost, slowWork }: CompiledMatcher, work: SelectionWork): (ref: number) => boolean {
    const nameSymbol = this.#symbolOf.get(name);
    const matches = (value: string): boolean => {
      work.test(1, value.length, cost);
      const isMatch = test(value);
      if (slowWork !== undefined) work.tested(slowWork());
      return isMatch;
    };
    /** Each value is matched once. */
    const answers = new Map<number, boolean>();
    return (ref) => {
      for (let i = this.#labelStart[ref]!; i < this.#labelEnd[ref]!; i += 2) {
        if (this.#labelSymbols[i] !== nameSymbol) continue;
        const symbol = this.#labelSymbols[i + 1]!;
        let answer = answers.get(symbol);
        if (answer === undefined) answers.set(symbol, (answer = matches(this.#symbols[symbol]!)));
        return answer;
      }
      return true; // the matcher takes the empty value
    };
  }

  #compare(a: number, b: number): number {
    const startA = this.#labelStart[a]!;
    const startB = this.#labelStart[b]!;
    const lengthA = this.#labelEnd[a]! - startA;
    const lengthB = this.#labelEnd[b]! - startB;
    for (let i = 0; i < Math.min(lengthA, lengthB); i++) {
      const symbolA = this.#labelSymbols[startA + i]!;
      const symbolB = this.#labelSymbols[startB + i]!;
      // Equal strings are equal symbols: they are compared once a pair, where the sets part.
      if (symbolA !== symbolB) return this.#compareSymbols(symbolA, symbolB);
    }
    return lengthA - lengthB;
  }

  #compareSymbols(a: number, b: number): number {
    const ranks = this.#symbolRanks;
    return a < ranks.length && b < ranks.length ? ranks[a]! - ranks[b]! : compareStrings(this.#symbols[a]!, this.#symbols[b]!);
  }

  /** The symbol that stands for a text: a new one where no series has it. */
  intern(text: string): number {
    let symbol = this.#symbolOf.get(text);
    if (symbol === undefined) {
      symbol = this.#symbols.push(text) - 1;
      this.#symbolOf.set(text, symbol);
    }
    return symbol;
  }
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
