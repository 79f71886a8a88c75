import type { Labels } from '../../storage/model/labels.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { SeriesPage } from '../../storage/shard/select/series-page.ts';
import type { ByteText } from '../text/byte-text.ts';

/** Label sets in label order, each once, with what merging and writing them needs. */
export interface LabelSets {
  readonly count: number;
  /** Names and values in turn. */
  lengthOf(position: number): number;
  /** The `at`th name or value of a set. Strings of one `SharedTexts` mostly are the same object where they are equal. */
  textAt(position: number, at: number): string;
  labelsOf(position: number): Labels;
  /** Writes a set as a JSON object. */
  write(position: number, out: ByteText): void;
}

/**
 * Strings of several lists of label sets, each kept once: comparing two that are equal is then no work. Once they are many it begins anew,
 * since all of a long answer's are more than one should hold; two that are equal are then compared like any others.
 */
export class SharedTexts {
  readonly #texts = new Map<string, string>();
  #characters = 0;

  share(text: string): string {
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    this.#characters += text.length;
    if (this.#characters > LIMITS.seriesTextsCharactersMax) {
      this.#texts.clear();
      this.#characters = text.length;
    }
    this.#texts.set(text, text);
    return text;
  }
}

/** The sets of a shard's page: what is written are its bytes, and strings are made only if they are asked for. */
export class PageSets implements LabelSets {
  readonly count: number;
  readonly #page: SeriesPage;
  readonly #shared: SharedTexts;
  #symbols: readonly string[] | undefined;

  constructor(page: ArrayBuffer, shared: SharedTexts) {
    this.#page = new SeriesPage(page);
    this.#shared = shared;
    this.count = this.#page.seriesCount;
  }

  lengthOf(position: number): number {
    return this.#page.ends[position]! - this.#startOf(position);
  }

  textAt(position: number, at: number): string {
    this.#symbols ??= this.#page.symbols().map((text) => this.#shared.share(text));
    return this.#symbols[this.#page.numbers[this.#startOf(position) + at]!]!;
  }

  labelsOf(position: number): Labels {
    return Array.from({ length: this.lengthOf(position) }, (_, at) => this.textAt(position, at));
  }

  write(position: number, out: ByteText): void {
    const { numbers, ends, text, textStarts, textEnds } = this.#page;
    const start = this.#startOf(position);
    const end = ends[position]!;
    out.byte(OPEN);
    for (let i = start; i < end; i++) {
      if (i > start) out.byte((i - start) % 2 === 1 ? COLON : COMMA);
      const number = numbers[i]!;
      out.bytes(text, textStarts[number]!, textEnds[number]!);
    }
    out.byte(CLOSE);
  }

  #startOf(position: number): number {
    return position === 0 ? 0 : this.#page.ends[position - 1]!;
  }
}

const [OPEN, COLON, COMMA, CLOSE] = Array.from('{:,}', (character) => character.charCodeAt(0)) as [number, number, number, number];

/** The sets of a list in order, without repetitions. */
export class ListSets implements LabelSets {
  readonly #list: readonly Labels[];
  readonly #shared: SharedTexts;

  constructor(list: readonly Labels[], shared: SharedTexts) {
    this.#list = list;
    this.#shared = shared;
  }

  get count(): number {
    return this.#list.length;
  }

  lengthOf(position: number): number {
    return this.#list[position]!.length;
  }

  textAt(position: number, at: number): string {
    return this.#shared.share(this.#list[position]![at]!);
  }

  labelsOf(position: number): Labels {
    return this.#list[position]!;
  }

  write(position: number, out: ByteText): void {
    let separator = '{';
    this.#list[position]!.forEach((text, at) => {
      out.text(separator + JSON.stringify(text));
      separator = at % 2 === 0 ? ':' : ',';
    });
    out.ascii(separator === '{' ? '{}' : '}');
  }
}
