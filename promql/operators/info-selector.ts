import { compileMatcher, matcherMatchesEmpty } from '../../storage/model/compile-matcher.ts';
import { labelValue, METRIC_NAME } from '../../storage/model/labels.ts';
import type { Labels } from '../../storage/model/labels.ts';
import type { Matcher } from '../../storage/model/matcher.ts';

/** The labels that tell one target from another. Info series are found by them; not configurable in Prometheus either. */
export const IDENTIFYING_LABELS: readonly string[] = ['instance', 'job'];

const TARGET_INFO: Matcher = { name: METRIC_NAME, type: '=', value: 'target_info' };
const ANY_INFO: Matcher = { name: METRIC_NAME, type: '=~', value: '.+_info' };

/** Which series `info` takes labels from, and which labels. */
export class InfoSelector {
  readonly #nameMatchers: readonly Matcher[];
  readonly #nameTests: readonly ((name: string) => boolean)[];
  readonly #dataMatchers: readonly Matcher[];
  readonly #dataNames: ReadonlySet<string>;
  /** Whether a series without any info series passes. */
  readonly allowsMissing: boolean;

  constructor(matchers: readonly Matcher[] | undefined) {
    const given = matchers ?? [];
    this.#nameMatchers = withDefaults(given.filter((matcher) => matcher.name === METRIC_NAME));
    this.#nameTests = this.#nameMatchers.map(compileMatcher);
    this.#dataMatchers = given.filter((matcher) => matcher.name !== METRIC_NAME);
    this.#dataNames = new Set(this.#dataMatchers.map(({ name }) => name));
    this.allowsMissing = this.#dataMatchers.every(matcherMatchesEmpty);
  }

  /** Info series are not described by others of their kind. */
  isInfoSeries(labels: Labels): boolean {
    const name = labelValue(labels, METRIC_NAME);
    return this.#nameTests.every((test) => test(name));
  }

  /** Whether a label is among those asked for: all when none is named. */
  takesLabel(name: string): boolean {
    return name !== METRIC_NAME && (this.#dataNames.size === 0 || this.#dataNames.has(name));
  }

  /** The matchers that find the info series of these series; undefined when none of them has an identifying label. A label that one lacks its info series lacks too. */
  matchersFor(described: readonly Labels[]): readonly Matcher[] | undefined {
    const targets = described.filter(isIdentified);
    if (targets.length === 0) return undefined;
    const identifying = IDENTIFYING_LABELS.map((name): Matcher => {
      const values = new Set(targets.map((labels) => labelValue(labels, name)));
      return { name, type: '=~', value: [...values].map(quotePattern).join('|') };
    });
    return [...this.#nameMatchers, ...identifying, ...this.#dataMatchers];
  }
}

/** Whether a series says anything of its target. */
export function isIdentified(labels: Labels): boolean {
  return IDENTIFYING_LABELS.some((name) => labelValue(labels, name) !== '');
}

/** Without a matcher on the name it is target_info; with only negated ones it is at least something that ends in `_info`. */
function withDefaults(nameMatchers: readonly Matcher[]): readonly Matcher[] {
  if (nameMatchers.length === 0) return [TARGET_INFO];
  const isOnlyNegated = nameMatchers.every(({ type }) => type === '!=' || type === '!~');
  return isOnlyNegated ? [ANY_INFO, ...nameMatchers] : nameMatchers;
}

function quotePattern(text: string): string {
  return text.replace(/[\\.+*?()|[\]{}^$]/g, '\\$&');
}
