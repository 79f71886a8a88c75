/**
 * A label set as one flat array: name, value, name, value, …
 *
 * Sorted by name in code point order (the order of the UTF-8 bytes, as Prometheus sorts), no name twice, no empty value: a label with an
 * empty value and a label that is absent are the same thing. Flat because it crosses RPC and is compared more often than it is read.
 */
export type Labels = readonly string[];

export const METRIC_NAME = '__name__';

/** Code point order, which is also the order of the UTF-8 bytes. `<` alone compares UTF-16 units and errs above U+FFFF. */
export function compareStrings(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const unitA = a.charCodeAt(i);
    const unitB = b.charCodeAt(i);
    if (unitA === unitB) continue;
    // A surrogate stands for a code point above all others; lift both kinds so that the units compare like code points.
    return liftSurrogate(unitA) - liftSurrogate(unitB);
  }
  return a.length - b.length;
}

/** Sorts into code point order, in place. */
export function sortStrings(strings: string[]): string[] {
  // By UTF-16 units, which the runtime does without calls, the order differs only where a surrogate is.
  return strings.some((text) => SURROGATE.test(text)) ? strings.sort(compareStrings) : strings.sort();
}

const SURROGATE = /[\ud800-\udfff]/;

function liftSurrogate(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

/** The order of two label sets: name by name, value by value, the shorter first, as Prometheus' `labels.Compare`. */
export function compareLabels(a: Labels, b: Labels): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const order = compareStrings(a[i]!, b[i]!);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

/** Label sets are sorted: the same ones are the same texts in the same order. */
export function sameLabels(a: Labels, b: Labels): boolean {
  return a.length === b.length && a.every((text, i) => text === b[i]);
}

/** The value of a label, `''` when it is absent. */
export function labelValue(labels: Labels, name: string): string {
  for (let i = 0; i < labels.length; i += 2) {
    if (labels[i] === name) return labels[i + 1]!;
  }
  return '';
}

/** A label set from an object or entries: sorted, empty values left out. Later entries win over earlier ones of the same name. */
export function labelsFrom(source: Readonly<Record<string, string>> | Iterable<readonly [string, string]>): Labels {
  const entries = Symbol.iterator in source ? (source as Iterable<readonly [string, string]>) : Object.entries(source);
  const byName = new Map(entries);
  const names = [...byName.keys()].filter((name) => byName.get(name) !== '').sort(compareStrings);
  return names.flatMap((name) => [name, byName.get(name)!]);
}

export function labelsToObject(labels: Labels): Record<string, string> {
  const object: Record<string, string> = Object.create(null) as Record<string, string>;
  for (let i = 0; i < labels.length; i += 2) object[labels[i]!] = labels[i + 1]!;
  return object;
}

/** The labels without those named. */
export function dropLabels(labels: Labels, names: ReadonlySet<string>): Labels {
  const kept: string[] = [];
  for (let i = 0; i < labels.length; i += 2) {
    if (!names.has(labels[i]!)) kept.push(labels[i]!, labels[i + 1]!);
  }
  return kept;
}

/** Only the labels named. */
export function keepLabels(labels: Labels, names: ReadonlySet<string>): Labels {
  const kept: string[] = [];
  for (let i = 0; i < labels.length; i += 2) {
    if (names.has(labels[i]!)) kept.push(labels[i]!, labels[i + 1]!);
  }
  return kept;
}

/** A copy with one label set; an empty value removes it. */
export function setLabel(labels: Labels, name: string, value: string): Labels {
  const result: string[] = [];
  let placed = value === '';
  for (let i = 0; i < labels.length; i += 2) {
    const order = placed ? -1 : compareStrings(labels[i]!, name);
    if (!placed && order >= 0) {
      result.push(name, value);
      placed = true;
    }
    if (labels[i] !== name) result.push(labels[i]!, labels[i + 1]!);
  }
  if (!placed) result.push(name, value);
  return result;
}

/** A string that is equal exactly when the label sets are. Lengths are part of it, so no value can imitate a separator. */
export function labelsKey(labels: Labels): string {
  let key = '';
  for (const part of labels) key += `${part.length}:${part}`;
  return key;
}

/** As Prometheus prints a series: `name{a="b"}`. For messages and tests. */
export function formatLabels(labels: Labels): string {
  const pairs: string[] = [];
  let metric = '';
  for (let i = 0; i < labels.length; i += 2) {
    const name = labels[i]!;
    if (name === METRIC_NAME && isLegacyMetricName(labels[i + 1]!)) metric = labels[i + 1]!;
    else pairs.push(`${isLegacyLabelName(name) ? name : JSON.stringify(name)}=${JSON.stringify(labels[i + 1]!)}`);
  }
  if (pairs.length === 0 && metric !== '') return metric;
  return `${metric}{${pairs.join(', ')}}`;
}

/** The classic alphabet of metric names, `[a-zA-Z_:][a-zA-Z0-9_:]*`; since Prometheus 3 any UTF-8 is a valid name. */
export function isLegacyMetricName(name: string): boolean {
  return /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name);
}

/** The classic alphabet of label names, `[a-zA-Z_][a-zA-Z0-9_]*`. */
export function isLegacyLabelName(name: string): boolean {
  return /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name);
}
