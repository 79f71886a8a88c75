import { compareStrings, type Labels } from '../storage/model/labels.ts';
import type { LIMITS } from '../storage/runtime/limits.ts';
import type { Invalid } from './validate.ts';

/**
 * The labels of an exemplar (name, value, …) in the form of the model: sorted, unique, no empty value. They name a trace, not a series, so
 * there need not be any; all of them together are bounded as OpenMetrics has it.
 */
export function exemplarLabels(raw: readonly string[], { exemplarLabelRunesMax }: Pick<typeof LIMITS, 'exemplarLabelRunesMax'>): Labels | Invalid {
  const pairs: [string, string][] = [];
  let runes = 0;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!;
    const value = raw[i + 1];
    if (value === undefined) return { invalid: 'an exemplar has a label name without a value' };
    if (name === '') return { invalid: 'an exemplar has an empty label name' };
    if (value === '') continue;
    runes += runeCount(name, exemplarLabelRunesMax) + runeCount(value, exemplarLabelRunesMax);
    pairs.push([name, value]);
  }
  if (runes > exemplarLabelRunesMax) return { invalid: `the labels of an exemplar have more than the limit exemplarLabelRunesMax of ${exemplarLabelRunesMax} characters` };
  pairs.sort((a, b) => compareStrings(a[0], b[0]));
  for (let i = 1; i < pairs.length; i++) {
    if (pairs[i]![0] === pairs[i - 1]![0]) return { invalid: `label name "${pairs[i]![0]}" of an exemplar is not unique` };
  }
  return pairs.flat();
}

/** Characters, not UTF-16 units; what is surely too long is not counted out. */
export function runeCount(text: string, max: number): number {
  if (text.length > max * 2) return max + 1;
  let count = 0;
  for (const _ of text) count++;
  return count;
}
