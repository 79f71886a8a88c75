import { LruCache } from '../runtime/lru-cache.ts';
import type { StoredValue } from './value.ts';

/** Answers remembered for one key: a dashboard asks the same few times again. */
const TIMES_PER_KEY_MAX = 64;
const ENTRY_CHARACTERS = 64;

interface KeyAnswers {
  readonly byTimeMs: Map<number, StoredValue | undefined>;
  characters: number;
}

/** Remembers what a key's value was at a time, also that it had none. What may have changed an answer has to be told. */
export class AsOfCache {
  readonly #keys: LruCache<string, KeyAnswers>;

  constructor(charactersMax: number) {
    this.#keys = new LruCache(charactersMax);
  }

  get(key: string, timeMs: number): { readonly value: StoredValue | undefined } | undefined {
    const answers = this.#keys.get(key);
    return answers?.byTimeMs.has(timeMs) === true ? { value: answers.byTimeMs.get(timeMs) } : undefined;
  }

  set(key: string, timeMs: number, value: StoredValue | undefined): void {
    const answers = this.#keys.get(key) ?? { byTimeMs: new Map<number, StoredValue | undefined>(), characters: key.length };
    // Two reads of the archive that are under way together bring the same answer.
    if (answers.byTimeMs.has(timeMs)) this.#drop(answers, timeMs);
    if (answers.byTimeMs.size >= TIMES_PER_KEY_MAX) this.#drop(answers, answers.byTimeMs.keys().next().value!);
    answers.byTimeMs.set(timeMs, value);
    answers.characters += charactersOf(value);
    this.#keys.set(key, answers, answers.characters);
  }

  /** A value came at `timestampMs`: it may be the answer from then on. */
  forgetFrom(key: string, timestampMs: number): void {
    const answers = this.#keys.get(key);
    if (answers === undefined) return;
    for (const timeMs of [...answers.byTimeMs.keys()]) {
      if (timeMs >= timestampMs) this.#drop(answers, timeMs);
    }
    if (answers.byTimeMs.size === 0) this.#keys.delete(key);
    else this.#keys.set(key, answers, answers.characters);
  }

  clear(): void {
    this.#keys.clear();
  }

  #drop(answers: KeyAnswers, timeMs: number): void {
    answers.characters -= charactersOf(answers.byTimeMs.get(timeMs));
    answers.byTimeMs.delete(timeMs);
  }
}

function charactersOf(value: StoredValue | undefined): number {
  return ENTRY_CHARACTERS + (value?.kind === 'document' ? value.text.length : 0);
}
